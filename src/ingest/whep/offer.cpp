#include "ingest/whep/offer.hpp"

#include <array>

#include "ingest/sdp/sdp_lines.hpp"
#include "ingest/whep/ice_agent.hpp"

namespace rtpx::whep {
namespace {

struct OfferedCodec {
  int type;
  const char* rtpmap;
  const char* fmtp;
  int rtx;  // payload type of its retransmissions; 0: none
};

// Preferred first: most servers have one codec, and answer with it.
constexpr std::array kVideo = {
    OfferedCodec{96, "VP8/90000", "", 97},
    OfferedCodec{98, "VP9/90000", "profile-id=0", 99},
    OfferedCodec{100, "VP9/90000", "profile-id=2", 101},
    OfferedCodec{102, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42e01f", 103},
    OfferedCodec{104, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=42001f", 105},
    OfferedCodec{106, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=4d001f", 107},
    OfferedCodec{108, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=640c1f", 109},
    OfferedCodec{112, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=1;profile-level-id=64001f", 113},
    OfferedCodec{114, "H264/90000", "level-asymmetry-allowed=1;packetization-mode=0;profile-level-id=42e01f", 115},
    OfferedCodec{116, "H265/90000", "level-id=180;profile-id=1;tier-flag=0;tx-mode=SRST", 117},
    OfferedCodec{45, "AV1/90000", "level-idx=5;profile=0;tier=0", 46},
};
constexpr std::array kAudio = {
    OfferedCodec{111, "opus/48000/2", "minptime=10;useinbandfec=1;stereo=1;sprop-stereo=1", 0},
    OfferedCodec{63, "red/48000/2", "111/111", 0},
    OfferedCodec{9, "G722/8000", "", 0},
    OfferedCodec{0, "PCMU/8000", "", 0},
    OfferedCodec{8, "PCMA/8000", "", 0},
};
constexpr std::array kVideoFeedback = {"transport-cc", "goog-remb", "ccm fir", "nack", "nack pli"};
constexpr std::array kAudioFeedback = {"transport-cc", "nack"};

struct OfferedExtension {
  int id;
  bool audio, video;
  const char* uri;
};
constexpr std::array kExtensions = {
    OfferedExtension{1, true, true, "urn:ietf:params:rtp-hdrext:sdes:mid"},
    OfferedExtension{2, true, true, "http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time"},
    OfferedExtension{3, true, true,
                     "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"},
    OfferedExtension{4, true, false, "urn:ietf:params:rtp-hdrext:ssrc-audio-level"},
    OfferedExtension{5, false, true, "urn:3gpp:video-orientation"},
    OfferedExtension{6, true, true, "http://www.webrtc.org/experiments/rtp-hdrext/abs-capture-time"},
    OfferedExtension{7, false, true,
                     "https://aomediacodec.github.io/av1-rtp-spec/#dependency-descriptor-rtp-header-extension"},
};

void add_media(sdp::Lines& out, std::span<const OfferedCodec> codecs, std::span<const char* const> feedback) {
  for (const OfferedCodec& codec : codecs) {
    const std::string type = std::to_string(codec.type);
    out.add("a=rtpmap:", type, " ", codec.rtpmap);
    if (*codec.fmtp != '\0') out.add("a=fmtp:", type, " ", codec.fmtp);
    if (std::string_view(codec.rtpmap).starts_with("red/")) continue;
    for (const char* one : feedback) out.add("a=rtcp-fb:", type, " ", one);
    if (codec.rtx == 0) continue;
    out.add("a=rtpmap:", std::to_string(codec.rtx), " rtx/90000");
    out.add("a=fmtp:", std::to_string(codec.rtx), " apt=", type);
  }
}

/// RFC 8839 section 5.1; the `number`th of all, from 0.
std::string candidate_line(std::size_t number, std::uint32_t type, const SocketAddress& address, const std::string& rest) {
  const auto preference = 65'535U - static_cast<std::uint32_t>(number);
  return "a=candidate:" + std::to_string(number + 1) + " 1 udp " + std::to_string(candidate_priority(type, preference)) + " " +
         address.ip() + " " + std::to_string(address.port()) + " typ " + rest;
}

}  // namespace

std::vector<std::string> reflexive_lines(const LocalTransport& local, std::span<const ReflexiveCandidate> reflexive,
                                         std::span<const SocketAddress> base_of) {
  std::vector<std::string> out;
  for (const ReflexiveCandidate& one : reflexive) {
    const SocketAddress& base = base_of[one.socket];
    out.push_back(candidate_line(local.candidates.size() + out.size(), kServerReflexivePreference, one.mapped,
                                 "srflx raddr " + base.ip() + " rport " + std::to_string(base.port())));
  }
  return out;
}

std::string write_offer(const LocalTransport& local) {
  sdp::Lines out;
  out.add("v=0");
  out.add("o=- ", std::to_string(local.session_number), " 1 IN IP4 127.0.0.1");
  out.add("s=-");
  out.add("t=0 0");
  out.add("a=group:BUNDLE 0 1");
  out.add("a=extmap-allow-mixed");
  out.add("a=ice-options:ice2");
  out.add("a=fingerprint:", local.fingerprint.hash, " ", local.fingerprint.value);
  const auto section = [&](bool audio, const char* mid, std::span<const OfferedCodec> codecs,
                           std::span<const char* const> feedback) {
    std::string formats;
    for (const OfferedCodec& codec : codecs) {
      formats += " " + std::to_string(codec.type);
      if (codec.rtx != 0) formats += " " + std::to_string(codec.rtx);
    }
    out.add("m=", audio ? "audio" : "video", " 9 UDP/TLS/RTP/SAVPF", formats);
    out.add("c=IN IP4 0.0.0.0");
    out.add("a=rtcp:9 IN IP4 0.0.0.0");
    out.add("a=ice-ufrag:", local.ufrag);
    out.add("a=ice-pwd:", local.pwd);
    out.add("a=setup:actpass");
    out.add("a=mid:", mid);
    for (const OfferedExtension& one : kExtensions)
      if (audio ? one.audio : one.video) out.add("a=extmap:", std::to_string(one.id), " ", one.uri);
    out.add("a=recvonly");
    out.add("a=rtcp-mux");
    out.add("a=rtcp-rsize");
    add_media(out, codecs, feedback);
    for (std::size_t i = 0; i < local.candidates.size(); ++i)
      out.add(candidate_line(i, kHostPreference, local.candidates[i], "host"));
    for (const std::string& line : local.reflexive) out.add(line);
    out.add("a=end-of-candidates");
  };
  section(true, "0", kAudio, kAudioFeedback);
  section(false, "1", kVideo, kVideoFeedback);
  return out.take();
}

}  // namespace rtpx::whep
