#include <algorithm>

#include "ingest/sdp/sdp_lines.hpp"
#include "ingest/webrtc/negotiation.hpp"
#include "rtp/codec_roles.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kStartKbps = 2500;  // libwebrtc starts at 300 kbit/s and 320x180 without it

std::string number(std::uint64_t value) {
  return std::to_string(value);
}

std::string family_and_ip(const SocketAddress& address) {
  return (address.is_v6() ? "IN IP6 " : "IN IP4 ") + address.ip();
}

/// Without BUNDLE group in the offer there is none in the answer.
std::string bundle_mids(const Negotiation& negotiation) {
  const auto& groups = negotiation.offer.groups;
  const auto bundle = std::ranges::find(groups, "BUNDLE", &sdp::Group::semantics);
  std::string out;
  if (bundle == groups.end()) return out;
  for (const NegotiatedTrack& track : negotiation.tracks)
    if (std::ranges::find(bundle->mids, track.mid) != bundle->mids.end()) out += " " + track.mid;
  return out;
}

void add_ice(sdp::Lines& out, const LocalTransport& local) {
  out.add("a=ice-ufrag:", local.ufrag);
  out.add("a=ice-pwd:", local.pwd);
}

/// Host candidates, RFC 8839 section 5.1; priorities by RFC 8445 section 5.1.2.1.
void add_candidates(sdp::Lines& out, const LocalTransport& local) {
  std::uint32_t preference = 65535;
  std::size_t foundation = 1;
  for (const SocketAddress& one : local.candidates) {
    const std::uint32_t priority = 126U << 24 | preference-- << 8 | 255U;
    out.add("a=candidate:", number(foundation++), " 1 udp ", number(priority), " ", one.ip(), " ",
            number(one.port()), " typ host");
  }
  for (const std::string& line : local.reflexive) out.add(line);
  out.add("a=end-of-candidates");
}

void add_fmtp(sdp::Lines& out, const Codec& codec, MediaKind kind, bool starts_high, const LocalTransport& local) {
  std::string line = codec.sdp_fmtp_line.value_or("");
  if (kind == MediaKind::video && starts_high) {
    const std::uint64_t limit = local.max_bits_per_second / 1000;
    const std::uint64_t start = limit == 0 ? kStartKbps : std::min(kStartKbps, limit);
    line +=
        (line.empty() ? number(codec.payload_type) + " " : ";") + ("x-google-start-bitrate=" + number(start));
  }
  if (!line.empty()) out.add("a=fmtp:", line);
}

bool is_repair(const Codec& codec) {
  const PayloadRole role = payload_role(codec.mime_type);
  return role == PayloadRole::rtx || role == PayloadRole::red || role == PayloadRole::ulpfec ||
         role == PayloadRole::flexfec;
}

void add_codecs(sdp::Lines& out, const NegotiatedTrack& track, const sdp::Media& media,
                const LocalTransport& local) {
  for (const std::uint8_t type : media.payload_types) {  // the offer's order
    const auto codec = std::ranges::find(track.track.codecs, type, &Codec::payload_type);
    if (codec == track.track.codecs.end()) continue;
    const std::string encoding = codec->mime_type.substr(codec->mime_type.find('/') + 1);
    const bool more = codec->channels.value_or(1) > 1;
    out.add("a=rtpmap:", number(type), " ", encoding, "/", number(codec->clock_rate),
            more ? "/" + number(*codec->channels) : "");
    for (const std::string& feedback : codec->rtcp_fbs) out.add("a=rtcp-fb:", feedback);
    add_fmtp(out, *codec, track.track.kind, !is_repair(*codec), local);
  }
}

void add_simulcast(sdp::Lines& out, const NegotiatedTrack& track, const sdp::Media& media) {
  std::string list;
  for (const std::string& rid : track.track.rids) {
    const auto offered = std::ranges::find(media.rids, rid, &sdp::Rid::id);
    if (offered == media.rids.end()) continue;
    std::string limits;
    for (const std::uint8_t type : offered->payload_types)
      limits += (limits.empty() ? " pt=" : ",") + number(type);
    if (!offered->restrictions.empty()) limits += (limits.empty() ? " " : ";") + offered->restrictions;
    out.add("a=rid:", rid, " recv", limits);
    list += (list.empty() ? "" : ";") + rid;
  }
  if (!list.empty() && media.simulcast) out.add("a=simulcast:recv ", list);
}

std::string format_list(const NegotiatedTrack& track, const sdp::Media& media) {
  std::string out;
  for (const std::uint8_t type : media.payload_types)
    if (std::ranges::find(track.track.codecs, type, &Codec::payload_type) != track.track.codecs.end())
      out += " " + number(type);
  return out;
}

std::string offered_formats(const sdp::Media& media) {
  std::string out;
  for (const std::string& format : media.formats) out += " " + format;
  return out;
}

void add_section(sdp::Lines& out, const Negotiation& negotiation, const AnswerSection& section,
                 const LocalTransport& local) {
  const sdp::Media& media = negotiation.offer.media[section.offered];
  if (!section.track) {
    out.add("m=", media.kind, " 0 ", media.protocol, offered_formats(media));
    out.add("c=IN IP4 0.0.0.0");
    if (media.mid) out.add("a=mid:", *media.mid);
    out.add("a=inactive");
    return;
  }
  const NegotiatedTrack& track = negotiation.tracks[*section.track];
  out.add("m=", media.kind, " 9 ", media.protocol, format_list(track, media));
  out.add("c=IN IP4 0.0.0.0");
  if (local.max_bits_per_second > 0) {
    out.add("b=AS:", number(std::max<std::uint64_t>(1, local.max_bits_per_second / 1000)));
    out.add("b=TIAS:", number(local.max_bits_per_second));
  }
  out.add("a=rtcp:9 IN IP4 0.0.0.0");
  add_ice(out, local);
  out.add("a=setup:", negotiation.dtls_role == Dtls::Role::client ? "active" : "passive");
  if (media.mid) out.add("a=mid:", *media.mid);
  for (const sdp::ExtMap& one : section.extensions)
    out.add("a=extmap:", number(one.id), one.direction == sdp::Direction::sendonly ? "/recvonly " : " ",
            one.uri);
  out.add("a=recvonly");
  out.add("a=rtcp-mux");
  if (media.rtcp_rsize) out.add("a=rtcp-rsize");
  if (media.find("rtcp-xr") != nullptr) out.add("a=rtcp-xr:rcvr-rtt=all");
  add_codecs(out, track, media, local);
  add_simulcast(out, track, media);
  if (*section.track == 0) add_candidates(out, local);
}

}  // namespace

std::string write_answer(const Negotiation& negotiation, const LocalTransport& local) {
  sdp::Lines out;
  out.add("v=0");
  out.add("o=- ", number(local.session_number), " 1 ",
          local.candidates.empty() ? "IN IP4 127.0.0.1" : family_and_ip(local.candidates.front()));
  out.add("s=-");
  out.add("t=0 0");
  out.add(local.full_ice ? "a=ice-options:ice2" : "a=ice-lite");
  if (const std::string mids = bundle_mids(negotiation); !mids.empty()) out.add("a=group:BUNDLE", mids);
  if (negotiation.offer.find("extmap-allow-mixed") != nullptr ||
      std::ranges::any_of(negotiation.offer.media,
                          [](const sdp::Media& m) { return m.find("extmap-allow-mixed"); }))
    out.add("a=extmap-allow-mixed");
  out.add("a=msid-semantic:WMS *");
  out.add("a=fingerprint:", local.fingerprint.hash, " ", local.fingerprint.value);
  for (const AnswerSection& section : negotiation.sections) add_section(out, negotiation, section, local);
  return out.take();
}

std::string write_fragment(const Negotiation& negotiation, const LocalTransport& local) {
  sdp::Lines out;
  out.add("a=ice-lite");
  if (const std::string mids = bundle_mids(negotiation); !mids.empty()) out.add("a=group:BUNDLE", mids);
  for (const AnswerSection& section : negotiation.sections) {
    if (!section.track || *section.track != 0) continue;
    const sdp::Media& media = negotiation.offer.media[section.offered];
    out.add("m=", media.kind, " 9 ", media.protocol, format_list(negotiation.tracks.front(), media));
    if (media.mid) out.add("a=mid:", *media.mid);
    add_ice(out, local);
    add_candidates(out, local);
  }
  return out.take();
}

}  // namespace rtpx
