// Inputs that broke other programs, and packets cut, swapped and mixed: nothing may crash, and nothing may be
// made of them that their bytes do not hold.
#include <filesystem>
#include <random>

#include "codec/harness.hpp"
#include "rtp/packet.hpp"

namespace rtpx::test {
namespace {

const char* const kTypes[] = {"video/VP8",  "video/VP9",  "video/AV1",  "video/H264", "video/H265",
                              "audio/opus", "audio/PCMU", "audio/G722", "audio/L16"};

// One input in every role that it may play.
void feed(const std::string& bytes) {
  std::vector<Bytes> payloads{as_bytes(bytes)};
  if (const auto packet = parse_rtp(as_bytes(bytes))) payloads.push_back(packet->payload);
  for (std::size_t at = 0; at < bytes.size() && payloads.size() < 12; at += bytes.size() / 8 + 1)
    payloads.push_back(as_bytes(bytes).subspan(at));
  for (const char* type : kTypes) {
    Depacketized out(type, {.max_unit_bytes = 1 << 16});
    CodecRecognizer recognizer(type[0] == 'v' ? MediaKind::video : MediaKind::audio);
    std::size_t fed = 0;
    for (int round = 0; round < 4; ++round) {
      for (std::size_t i = 0; i < payloads.size(); ++i) {
        out.sequence += round == 2 && i % 3 == 0 ? 2 : 1;
        const MediaPacket packet{
            .sequence = out.sequence,
            .timestamp = round * 1000 + static_cast<std::int64_t>(i / 2),
            .marker = round == 1 || i % 2 == 1,
            .payload = payloads[i],
            .dependency_descriptor = round == 3 ? std::optional(payloads[0]) : std::nullopt};
        out.push(packet);
        recognizer.push(packet);
        fed += packet.payload.size();
      }
      out.flush();
    }
    (void)recognizer.answer();
    for (const auto& frame : out.frames) EXPECT_LE(frame.bytes.size(), 8 * fed + 64) << type;
  }
}

TEST(Malformed, CorporaOfOtherProjectsDoNoHarm) {
  RTPX_NEEDS_CAPTURE(folder, "public");
  std::size_t inputs = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const std::string parent = entry.path().parent_path().filename().string();
    if (!entry.is_regular_file() || !(parent.starts_with("fuzz-") || parent.starts_with("packets-")))
      continue;
    feed(read_file(entry.path()));
    ++inputs;
  }
  EXPECT_GT(inputs, 100u);
}

// Every recording through every depacketizer but its own, and its own with bytes overwritten and packets left
// out.
TEST(Malformed, DamagedRecordingsDoNoHarm) {
  const std::pair<const char*, int> recordings[] = {{"browser/vp8_opus/video_1.rtpx", 96},
                                                    {"browser/vp9svc_opus/video_1.rtpx", 98},
                                                    {"browser/av1_opus/video_1.rtpx", 45},
                                                    {"browser/h264_opus/video_1.rtpx", 102}};
  for (const auto& [name, payload_type] : recordings) {
    RTPX_NEEDS_CAPTURE(file, name);
    const MediaPackets packets(file, payload_type);
    for (const char* type : kTypes) {
      std::mt19937 random(3);
      Depacketized out(type);
      std::size_t pushed = 0;
      for (MediaPacket packet : packets) {
        if (random() % 20 == 0) continue;
        std::vector<std::byte> damaged(packet.payload.begin(), packet.payload.end());
        if (!damaged.empty() && random() % 8 == 0) {
          damaged[random() % std::min<std::size_t>(damaged.size(), 24)] = static_cast<std::byte>(random());
          if (random() % 4 == 0) damaged.resize(random() % damaged.size());
        }
        packet.payload = damaged;
        out.push(packet);
        ++pushed;
      }
      out.flush();
      EXPECT_LE(out.frames.size() + out.dropped.size(), 2 * pushed) << name << " as " << type;
    }
  }
}

}  // namespace
}  // namespace rtpx::test
