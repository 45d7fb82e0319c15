#include "convert/recorded_model.hpp"

#include <random>

#include "support/captures.hpp"

namespace rtpx::test {
namespace {

constexpr std::uint8_t kVideoType = 96, kRtxType = 97, kOpusType = 111, kG711Type = 0;
constexpr std::int64_t kZeroMs = 5'000'000;
constexpr std::string_view kMagic = "frame";

void put(std::string& out, std::uint64_t value, int bytes) {
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>(value >> (8 * i)));
}

void put_record(std::string& out, double receive_ms, const std::string& packet) {
  put(out, 0, 1);
  put(out, static_cast<std::uint64_t>(kZeroMs + std::llround(receive_ms)), 8);
  put(out, packet.size(), 4);
  out += packet;
}

/// Numbers and times as the sender of one track writes them.
class Writer {
 public:
  Writer(const ModelCall& call, bool audio, std::mt19937& random, Anew anew)
      : call_(call), audio_(audio), anew_(anew), first_number_(static_cast<std::uint16_t>(random())) {
    for (const ModelCall::Frame& frame : call.frames()) {
      if (frame.audio != audio || sources_.contains(frame.segment)) continue;
      const auto start = static_cast<std::uint32_t>(frame.rtp);
      Source source{static_cast<std::uint32_t>(random()), 0};
      const auto shift = static_cast<std::uint16_t>(random());
      if (!sources_.empty() && anew != Anew::other_ssrc) source.ssrc = sources_.begin()->second.ssrc;
      if (!sources_.empty() && anew == Anew::other_numbers) source.number_shift = shift;
      if (sources_.empty()) first_time_ = start;
      if (anew == Anew::same_numbers) source.time_shift = first_time_ - start;
      sources_[frame.segment] = source;
    }
  }

  std::string packets() {
    std::string out;
    for (const ModelCall::Arrival& arrival : call_.arrivals(audio_))
      put_record(out, arrival.receive, packet(arrival));
    return out;
  }

  std::string reports() const {
    std::string out;
    for (const ModelCall::Report& report : call_.reports(audio_)) {
      const auto source = sources_.find(report.segment);
      if (source == sources_.end()) continue;
      std::string rtcp;  // RFC 3550 sections 6.4.1 and 6.5
      put(rtcp, 0x80C80006, 4);
      put(rtcp, source->second.ssrc, 4);
      const auto ntp = static_cast<std::uint64_t>(report.ntp);
      put(rtcp, ntp / 1'000'000'000, 4);
      put(rtcp, (ntp % 1'000'000'000 << 32) / 1'000'000'000, 4);
      put(rtcp, static_cast<std::uint32_t>(report.rtp) + source->second.time_shift, 4);
      put(rtcp, 0, 8);
      put(rtcp, 0x81CA0004, 4);
      put(rtcp, source->second.ssrc, 4);
      rtcp += std::string("\x01\x06sender\0\0\0\0", 12);
      put_record(out, report.receive, rtcp);
    }
    return out;
  }

 private:
  struct Source {
    std::uint32_t ssrc = 0, time_shift = 0;
    std::uint16_t number_shift = 0;
  };

  std::string packet(const ModelCall::Arrival& arrival) {
    const ModelCall::Frame& frame = call_.frames()[arrival.frame];
    const Source& source = sources_.at(arrival.segment);
    const std::uint32_t rate = call_.rate(arrival.segment);
    const auto number = static_cast<std::uint16_t>(arrival.sequence + first_number_ + source.number_shift);
    const bool last = arrival.part + 1 == frame.packets;
    std::uint8_t type = !audio_ ? kVideoType : rate == 48'000 ? kOpusType : kG711Type;
    if (arrival.again) type = kRtxType;
    std::string out;
    put(out, 0x80, 1);
    put(out, type | (!audio_ && last ? 0x80U : 0U), 1);
    put(out, arrival.again ? rtx_number_++ : number, 2);
    put(out, static_cast<std::uint32_t>(arrival.rtp) + source.time_shift, 4);
    put(out, arrival.again ? source.ssrc ^ 0x5A5A5A5AU : source.ssrc, 4);
    if (arrival.again) put(out, number, 2);
    const double seconds = call_.packet_seconds(audio_);
    std::string body;
    if (!audio_) {
      // One partition: RFC 7741 section 4.2 without picture id, RFC 6386 section 9.1.
      put(out, arrival.part == 0 ? 0x10 : 0x00, 1);
      if (arrival.part == 0) {
        put(out, frame.keyframe ? 0x10 : 0x11, 1);
        put(out, 0, 2);
        if (frame.keyframe) out += std::string("\x9D\x01\x2A\x40\x00\x30\x00", 7);  // 64 x 48
      }
    } else if (rate == 48'000) {
      put(out, seconds > 0.03 ? 0x50 : 0x78, 1);  // one frame of 40 or 20 ms: RFC 6716 section 3.1
    }
    body += kMagic;
    put(body, arrival.frame, 4);
    put(body, static_cast<std::uint64_t>(arrival.part), 1);
    if (audio_ && rate != 48'000) body.resize(static_cast<std::size_t>(std::lround(seconds * rate)), '\x55');
    return out + body;
  }

  const ModelCall& call_;
  bool audio_;
  Anew anew_;
  std::uint16_t first_number_ = 0, rtx_number_ = 60'000;
  std::uint32_t first_time_ = 0;
  std::map<std::size_t, Source> sources_;
};

std::string codec(std::uint8_t type, const std::string& name, int rate, const std::string& rest) {
  return R"({"payload_type":)" + std::to_string(type) + R"(,"mime_type":")" + name + R"(","clock_rate":)" +
         std::to_string(rate) + R"(,"sdp_fmtp_line":)" + rest + R"(,"rtcp_fbs":null})";
}

std::string track(const std::string& kind, const std::string& codecs) {
  return "\"" + kind + R"(":{"start_time":"2026-01-01T00:00:00.000000Z","kind":")" + kind +
         R"(","streams":["call"],"rid_map":{"nil":0},"location":")" + kind + R"(.rtpx","rtcp_location":")" +
         kind + R"(.rtcpx","codec":null,"codecs":[)" + codecs + "]}";
}

}  // namespace

void record_model(const ModelCall& call, unsigned seed, Anew anew, const std::filesystem::path& folder) {
  std::filesystem::create_directories(folder);
  std::mt19937 random(seed * 31 + 7);
  bool opus = false;
  for (std::size_t i = 0; i < call.inputs().size(); ++i) opus = opus || call.rate(i) == 48'000;
  for (const bool audio : {true, false}) {
    Writer writer(call, audio, random, anew);
    const std::string name = audio ? "audio" : "video";
    write_file(folder / (name + ".rtpx"), writer.packets());
    write_file(folder / (name + ".rtcpx"), writer.reports());
  }
  const std::string sound = opus ? codec(kOpusType, "audio/opus", 48'000, R"(null,"channels":2)")
                                 : codec(kG711Type, "audio/PCMU", 8'000, R"(null,"channels":1)");
  const std::string picture = codec(kVideoType, "video/VP8", 90'000, R"(null,"channels":null)") + "," +
                              codec(kRtxType, "video/rtx", 90'000, R"("apt=96","channels":null)");
  write_file(folder / "manifest.json", "{" + track("audio", sound) + "," + track("video", picture) + "}");
}

int frame_number(const std::vector<unsigned char>& frame, bool) {
  const auto found = std::search(frame.begin(), frame.end(), kMagic.begin(), kMagic.end());
  if (frame.end() - found < static_cast<std::ptrdiff_t>(kMagic.size()) + 4) return -1;
  const auto* at = &*found + kMagic.size();
  return at[0] << 24 | at[1] << 16 | at[2] << 8 | at[3];
}

}  // namespace rtpx::test
