// Whatever the way does to the packets, what arrived whole is in the file, once, in order, at its true time.
// RTPX_SEEDS sets the number of seeds (default 100; `make soak` runs 1,000).

#include <gtest/gtest.h>

extern "C" {
#include <libavformat/avformat.h>
}

#include <sys/resource.h>

#include <cstdlib>
#include <random>

#include "convert/synthetic_call.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::Impairment;

struct Written {
  std::vector<std::pair<int, double>> video, audio;  ///< time made and time in the file, ms; fillers left out
};

/// Reads a file with libavformat: another opinion than the writer's.
Written read_back(const std::filesystem::path& file) {
  Written out;
  AVFormatContext* input = nullptr;
  if (avformat_open_input(&input, file.c_str(), nullptr, nullptr) < 0) return out;
  AVPacket* packet = av_packet_alloc();
  while (av_read_frame(input, packet) >= 0) {
    const AVStream& stream = *input->streams[packet->stream_index];
    const bool video = stream.codecpar->codec_type == AVMEDIA_TYPE_VIDEO;
    const std::vector<unsigned char> data(packet->data, packet->data + packet->size);
    // libavformat takes the codec delay off Opus times.
    const double delay = video ? 0 : 6.5;
    const double time = static_cast<double>(packet->pts) * av_q2d(stream.time_base) * 1000 + delay;
    if (data.size() > 1) (video ? out.video : out.audio).push_back({test::made_ms(data, video), time});
    av_packet_unref(packet);
  }
  av_packet_free(&packet);
  avformat_close_input(&input);
  return out;
}

std::set<int> times_made(const std::vector<std::pair<int, double>>& frames) {
  std::set<int> out;
  for (const auto& [made, time] : frames) out.insert(made);
  return out;
}

/// What is in one set and not in the other, in words; empty: they are equal.
std::string difference(const std::set<int>& written, const std::set<int>& sent) {
  std::string out;
  for (const int made : sent)
    if (!written.contains(made)) out += " missing " + std::to_string(made);
  for (const int made : written)
    if (!sent.contains(made)) out += " invented " + std::to_string(made);
  return out;
}

Impairment impairment_of(std::uint32_t seed) {
  std::mt19937 random(seed * 7919 + 1);
  Impairment out;
  out.loss = random() % 4 == 0 ? 0 : static_cast<double>(random() % 21) / 100;
  out.duplicate = static_cast<double>(random() % 6) / 100;
  out.reorder = static_cast<double>(random() % 11) / 100;
  out.most_late_ms = 1 + static_cast<int>(random() % 3000);
  out.jitter_ms = static_cast<int>(random() % 30);
  out.source_changes = static_cast<int>(random() % 3);
  return out;
}

int seeds() {
  const char* wanted = std::getenv("RTPX_SEEDS");
  return wanted != nullptr ? std::max(1, std::atoi(wanted)) : 100;
}

// The file's zero is its first media; the clock is that of the sender but for what jitter hides.
void expect_true_times(const std::vector<std::pair<int, double>>& frames, double offset_ms,
                       double tolerance_ms) {
  double last = -1;
  int last_made = -1;
  for (const auto& [made, time] : frames) {
    ASSERT_GE(time, last) << "time goes back at " << made;
    ASSERT_GT(made, last_made) << "a frame out of order or twice";
    ASSERT_NEAR(time + offset_ms, made, tolerance_ms);
    last = time;
    last_made = made;
  }
}

TEST(Impaired, EveryWholeFrameIsThereOnceAtItsTime) {
  for (std::uint32_t seed = 1; seed <= static_cast<std::uint32_t>(seeds()); ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const test::TempDir folder;
    const Impairment impairment = impairment_of(seed);
    const test::SyntheticCall call(folder / "call", seed, impairment);
    ConvertOptions options;
    options.output_path = folder / "out";
    options.write_reports = false;
    const auto result = convert((folder / "call").string(), options);
    ASSERT_TRUE(result) << result.error().message;
    const ConvertedFile& file = result->files.at("call");
    const Written written = read_back(file.file);
    ASSERT_EQ(difference(times_made(written.video), call.whole_pictures()), "");
    ASSERT_EQ(difference(times_made(written.audio), call.audio_packets()), "");
    // The recording's zero is the first packet that arrived.
    const double first = std::min(*call.whole_pictures().begin(), *call.audio_packets().begin());
    const double tolerance = impairment.source_changes > 0 ? 60 : 35;
    expect_true_times(written.video, first, tolerance);
    expect_true_times(written.audio, first, tolerance);
    if (HasFatalFailure()) return;
  }
}

// The test's own copies are part of it; sanitizers keep what was freed.
TEST(Impaired, MemoryStaysBounded) {
#if defined(RTPX_UNDER_ASAN) || defined(RTPX_UNDER_TSAN)
  GTEST_SKIP() << "measured without sanitizers";
#endif
  const test::TempDir folder;
  const test::SyntheticCall call(folder / "call", 7, {.loss = 0.2, .reorder = 0.1, .most_late_ms = 3000},
                                 600);
  rusage before{}, after{};
  ::getrusage(RUSAGE_SELF, &before);
  ConvertOptions options;
  options.output_path = folder / "out";
  ASSERT_TRUE(convert((folder / "call").string(), options));
  ::getrusage(RUSAGE_SELF, &after);
  EXPECT_LT((after.ru_maxrss - before.ru_maxrss) / 1024, 64) << "MiB";
}

TEST(Impaired, ARestartOfTheSameSourceIsASegment) {
  for (std::uint32_t seed = 1; seed <= 10; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const test::TempDir folder;
    Impairment impairment;
    impairment.source_changes = 2;
    impairment.keep_ssrc = true;
    impairment.jitter_ms = 10;
    const test::SyntheticCall call(folder / "call", seed, impairment);
    ConvertOptions options;
    options.output_path = folder / "out";
    const auto result = convert((folder / "call").string(), options);
    ASSERT_TRUE(result) << result.error().message;
    const Written written = read_back(result->files.at("call").file);
    ASSERT_EQ(difference(times_made(written.video), call.whole_pictures()), "");
    ASSERT_EQ(difference(times_made(written.audio), call.audio_packets()), "");
    expect_true_times(written.video, 0, 60);
    EXPECT_NEAR(static_cast<double>(result->files.at("call").duration_ms), 20'000, 100);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace rtpx
