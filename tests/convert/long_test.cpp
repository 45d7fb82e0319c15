// Recordings beyond what 32 bits count: 25 hours, and more than 4 GiB of one track.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>

#include "convert/probe.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/verify.hpp"
#include "storage/record_format.hpp"
#include "support/captures.hpp"
#include "support/packet_recording.hpp"

namespace rtpx::test {
namespace {

const Codec kOpus{111, "audio/opus", 48'000, 2, std::nullopt, {}};
const Codec kVp8{96, "video/VP8", 90'000, 0, std::nullopt, {}};
const std::string kSilence = "\xF8\xFF\xFE";
const std::string kKeyframe("\x10\x10\x00\x00\x9D\x01\x2A\x40\x00\x30\x00", 11);

std::string rtp(std::uint8_t type, std::uint16_t number, std::uint32_t timestamp,
                const std::string& payload) {
  std::string packet(12, '\0');
  auto* header = reinterpret_cast<std::byte*>(packet.data());
  header[0] = std::byte{0x80};
  header[1] = static_cast<std::byte>(0x80 | type);
  store_be(header + 2, number);
  store_be(header + 4, timestamp);
  store_be(header + 8, std::uint32_t{type});
  return packet + payload;
}

// RTP time wraps after 13.25 h of a 90 kHz clock and 24.85 h of a 48 kHz one; here from shortly before a
// wrap.
TEST(LongRecording, TwentyFiveHoursKeepTheirTime) {
  constexpr std::uint32_t kPackets = 9'000, kSeconds = 10, kStart = 0xFFFF0000;
  std::vector<std::string> sound, pictures;
  for (std::uint32_t i = 0; i <= kPackets; ++i) {
    const auto number = static_cast<std::uint16_t>(60'000 + i);
    sound.push_back(rtp(111, number, kStart + i * kSeconds * 48'000, kSilence));
    pictures.push_back(rtp(96, number, kStart + i * kSeconds * 90'000, kKeyframe));
  }
  const TempDir folder;
  PacketRecording recording(folder / "call");
  recording.add("audio", MediaKind::audio, {kOpus}, sound);
  recording.add("video", MediaKind::video, {kVp8}, pictures);
  ConvertOptions options;
  options.output_path = folder / "files";
  options.gaps = GapPolicy::keep;
  for (const Format format : {Format::webm, Format::mkv}) {
    options.format = format;
    const auto result = convert(recording.path().string(), options);
    ASSERT_TRUE(result) << result.error().message;
    const auto& file = result->files.at("call").file;
    EXPECT_NEAR(probe(file).duration_seconds, 25 * 3600 + kSeconds,
                0.1);  // the last picture lasts as the others
    for (const char* stream : {"a:0", "v:0"}) {
      const std::vector<double> times = packet_times(file, stream);
      ASSERT_EQ(times.size(), kPackets + 1) << stream;
      for (std::size_t i = 0; i < times.size(); ++i)
        ASSERT_NEAR(times[i], static_cast<double>(i * kSeconds), 0.01) << stream << " " << i;
    }
  }
}

/// A record file that takes little disk: of large packets only the headers are written.
class SparseRecords {
 public:
  explicit SparseRecords(const std::filesystem::path& file)
      : fd_(::open(file.c_str(), O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0640)) {}
  ~SparseRecords() { ::close(fd_); }
  void add(std::int64_t ms, const std::string& head, std::uint32_t size) {
    std::string bytes(RecordHeader::kBytes, '\0');
    store_record_header(reinterpret_cast<std::byte*>(bytes.data()), {0, ms, size});
    bytes += head;
    EXPECT_EQ(::pwrite(fd_, bytes.data(), bytes.size(), static_cast<off_t>(end_)),
              static_cast<ssize_t>(bytes.size()));
    end_ += RecordHeader::kBytes + size;
    EXPECT_EQ(::ftruncate(fd_, static_cast<off_t>(end_)), 0);
  }
  void add(std::int64_t ms, const std::string& packet) {
    add(ms, packet, static_cast<std::uint32_t>(packet.size()));
  }
  [[nodiscard]] std::uint64_t size() const { return end_; }

 private:
  int fd_;
  std::uint64_t end_ = 0;
};

// Media at both ends of the file, 4 GiB of a payload type that nobody knows between them, and a packet that
// came late behind all that.
TEST(LongRecording, MoreThanFourGibibytesOfATrackAreRead) {
  if (std::getenv("RTPX_SOAK") == nullptr) GTEST_SKIP() << "reads 17 GB: with RTPX_SOAK=1";
  const TempDir folder;
  PacketRecording recording(folder / "call");
  recording.add("audio", MediaKind::audio, {kOpus}, {rtp(111, 1, 960, kSilence)});
  SparseRecords records(recording.path() / "audio.rtpx");
  std::uint16_t number = 0;
  std::uint32_t timestamp = 0;
  std::int64_t ms = 1'000'000;
  const auto next = [&] { return rtp(111, number++, timestamp += 960, kSilence); };
  for (int i = 0; i < 50; ++i) records.add(ms += 20, next());
  while (records.size() < (std::uint64_t{1} << 32) + 1'000) records.add(ms, rtp(50, 0, 0, ""), 65'000);
  for (int i = 0; i < 25; ++i) {
    const std::string late = next();
    records.add(ms += 20, next());
    records.add(ms += 20, late);
  }
  const auto verified = verify(recording.path());
  ASSERT_TRUE(verified) << verified.error().message;
  EXPECT_EQ(verified->files.at(0).unproven_bytes, records.size());
  ConvertOptions options;
  options.output_path = folder / "files";
  const auto result = convert(recording.path().string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->lost_media);
  const std::vector<double> times = packet_times(result->files.at("call").file, "a:0");
  ASSERT_EQ(times.size(), 100U);
  for (std::size_t i = 0; i < times.size(); ++i)
    ASSERT_NEAR(times[i] - times[0], static_cast<double>(i) * 0.02, 0.002) << i;
}

}  // namespace
}  // namespace rtpx::test
