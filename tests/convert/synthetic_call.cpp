#include "convert/synthetic_call.hpp"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <random>

#include "support/captures.hpp"

namespace rtpx::test {
namespace {

constexpr std::uint8_t kRtxType = 97, kMetadataType = 50;
constexpr int kPictureMs = 40, kAudioMs = 20, kPicturesAKeyframe = 25;

struct Sent {
  std::string packet;
  double arrival_ms = 0;
};

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

/// Numbers and times of one source, which may start anew.
class Source {
 public:
  Source(std::mt19937& random, std::uint8_t payload_type, int ticks_a_ms)
      : random_(random), payload_type_(payload_type), ticks_a_ms_(ticks_a_ms) {
    start_anew(false);
  }
  void start_anew(bool keep_ssrc) {
    if (!keep_ssrc) ssrc_ = random_();
    sequence_ = static_cast<std::uint16_t>(65'500 + random_() % 30'000);       // wraps soon or was elsewhere
    time_base_ = keep_ssrc ? random_() : 0xFFFFFFFFU - random_() % 2'000'000;  // wraps soon
    first_sequence_ = sequence_;
    began_ms_ = 0;
  }
  /// With the numbers and times that it had at first.
  void start_again(int now_ms) {
    sequence_ = first_sequence_;
    began_ms_ = now_ms;
  }
  /// A retransmission of `packet`.
  std::string again(const std::string& packet) {
    std::string out = packet.substr(0, 8);
    out[1] = static_cast<char>((out[1] & 0x80) | kRtxType);
    out[2] = static_cast<char>(rtx_sequence_ >> 8);
    out[3] = static_cast<char>(rtx_sequence_++);
    put(out, ssrc_ ^ 0x5A5A5A5AU, 4);
    return out + packet.substr(2, 2) + packet.substr(12);
  }
  /// What a camera sends between while it turns.
  std::string metadata() {
    std::string out;
    put(out, 0x80, 1);
    put(out, kMetadataType, 1);
    put(out, static_cast<std::uint16_t>(first_sequence_ + 777), 2);
    put(out, 123'456, 4);
    put(out, ssrc_, 4);
    return out + std::string(30, 'm');
  }
  std::string packet(int made_ms, bool marker, const std::string& payload) {
    std::string out;
    put(out, 0x80, 1);
    put(out, payload_type_ | (marker ? 0x80U : 0U), 1);
    put(out, sequence_++, 2);
    put(out,
        static_cast<std::uint32_t>(time_base_ +
                                   static_cast<std::uint32_t>((made_ms - began_ms_) * ticks_a_ms_)),
        4);
    put(out, ssrc_, 4);
    return out + payload;
  }

 private:
  std::mt19937& random_;
  std::uint8_t payload_type_;
  int ticks_a_ms_;
  std::uint32_t ssrc_ = 0, time_base_ = 0;
  std::uint16_t sequence_ = 0, first_sequence_ = 0, rtx_sequence_ = 1;
  int began_ms_ = 0;
};

class Way {
 public:
  Way(std::mt19937& random, const Impairment& impairment) : random_(random), impairment_(impairment) {}

  /// Sends a packet; false when it is lost. `sender` retransmits.
  bool send(std::string packet, int now_ms, Source* sender = nullptr) {
    if (chance(impairment_.loss)) {
      if (sender == nullptr || !chance(impairment_.rtx)) return false;
      sent_.push_back(
          {sender->again(packet),
           now_ms + 80.0 +
               static_cast<double>(random_() % static_cast<unsigned>(impairment_.latest_rtx_ms))});
      return true;
    }
    double arrival = now_ms + 20;
    if (impairment_.jitter_ms > 0)
      arrival += static_cast<double>(random_() % static_cast<unsigned>(impairment_.jitter_ms));
    if (chance(impairment_.reorder))
      arrival += static_cast<double>(random_() % static_cast<unsigned>(impairment_.most_late_ms));
    if (chance(impairment_.duplicate))
      sent_.push_back({packet, arrival + static_cast<double>(random_() % 300)});
    sent_.push_back({std::move(packet), arrival});
    return true;
  }
  void add(std::string packet, int now_ms) { sent_.push_back({std::move(packet), now_ms + 20.0}); }
  void record(const std::filesystem::path& file) {
    std::ranges::stable_sort(sent_, {}, &Sent::arrival_ms);
    std::string out;
    for (const Sent& sent : sent_) {
      put(out, 0, 1);
      put(out, static_cast<std::uint64_t>(static_cast<std::int64_t>(sent.arrival_ms) - 1'000'000),
          8);  // negative
      put(out, sent.packet.size(), 4);
      out += sent.packet;
    }
    write_file(file, out);
  }

 private:
  bool chance(double share) {
    return share > 0 && static_cast<double>(random_() % 100'000) < share * 100'000;
  }
  std::mt19937& random_;
  const Impairment& impairment_;
  std::vector<Sent> sent_;
};

// One partition: RFC 7741 section 4.2 without picture id, RFC 6386 section 9.1, then the time.
std::string picture_payload(int made_ms, int part, bool keyframe) {
  std::string out;
  put(out, part == 0 ? 0x10 : 0x00, 1);
  if (part == 0) {
    put(out, keyframe ? 0x10 : 0x11, 1);
    put(out, 0, 2);
    if (keyframe) out += std::string("\x9D\x01\x2A\x40\x00\x30\x00", 7);  // 64 x 48
  }
  put(out, static_cast<std::uint64_t>(made_ms), 4);
  out.append(20, 'v');
  return out;
}

constexpr const char* kManifest =
    R"({"audio":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"audio","streams":["call"],"rid_map":{"nil":0},)"
    R"("location":"audio.rtpx","codec":{"payload_type":111,"mime_type":"audio/opus","clock_rate":48000,"channels":2,)"
    R"("sdp_fmtp_line":null,"rtcp_fbs":null}},"video":{"start_time":"2026-01-01T00:00:00.000000Z","kind":"video",)"
    R"("streams":["call"],"rid_map":{"nil":0},"location":"video.rtpx","codec":{"payload_type":96,)"
    R"("mime_type":"video/VP8","clock_rate":90000,"channels":null,"sdp_fmtp_line":null,"rtcp_fbs":null},"codecs":[)"
    R"({"payload_type":96,"mime_type":"video/VP8","clock_rate":90000,"channels":null,"sdp_fmtp_line":null,"rtcp_fbs":null},)"
    R"({"payload_type":97,"mime_type":"video/rtx","clock_rate":90000,"channels":null,"sdp_fmtp_line":"apt=96","rtcp_fbs":null}]}})";

}  // namespace

SyntheticCall::SyntheticCall(const std::filesystem::path& folder, std::uint32_t seed,
                             const Impairment& impairment, int seconds) {
  std::filesystem::create_directories(folder);
  std::mt19937 random(seed);
  Source video(random, 96, 90), audio(random, 111, 48);
  Way video_way(random, impairment), audio_way(random, impairment);
  const int end_ms = seconds * 1000;
  const int change_every =
      impairment.source_changes > 0 ? end_ms / (impairment.source_changes + 1) / 1000 * 1000 : 0;
  bool keyframe_came = false;
  for (int now = 0; now < end_ms; now += kAudioMs) {
    if (impairment.keep_numbers && change_every > 0 && now > 0 && now % change_every == 0) {
      video.start_again(now);
      audio.start_again(now);
    } else if (change_every > 0 && now > 0 && now % change_every == 0) {
      video.start_anew(impairment.keep_ssrc);
      audio.start_anew(impairment.keep_ssrc);
    }
    std::string payload;
    put(payload, 0x78, 1);
    put(payload, static_cast<std::uint64_t>(now), 4);
    if (audio_way.send(audio.packet(now, false, payload), now)) audio_packets_.insert(now);
    if (now % kPictureMs != 0) continue;
    const bool keyframe = now / kPictureMs % kPicturesAKeyframe == 0;
    const int parts = 1 + static_cast<int>(random() % 4);
    bool whole = true;
    for (int part = 0; part < parts; ++part)
      whole &= video_way.send(video.packet(now, part + 1 == parts, picture_payload(now, part, keyframe)), now,
                              &video);
    if (impairment.metadata && now % 200 == 0) video_way.add(video.metadata(), now);
    keyframe_came = keyframe_came || (whole && keyframe);
    if (whole && keyframe_came) whole_pictures_.insert(now);
  }
  video_way.record(folder / "video.rtpx");
  audio_way.record(folder / "audio.rtpx");
  write_file(folder / "manifest.json", kManifest);
}

int made_ms(const std::vector<unsigned char>& frame, bool video) {
  const std::size_t at = !video ? 1 : (frame.at(0) & 1) == 0 ? 10 : 3;
  return frame.at(at) << 24 | frame.at(at + 1) << 16 | frame.at(at + 2) << 8 | frame.at(at + 3);
}

}  // namespace rtpx::test
