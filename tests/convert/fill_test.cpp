// What stands where media are missing: --gaps and --incomplete.

#include <gtest/gtest.h>

#include <algorithm>

#include "convert/probe.hpp"
#include "convert/recording_copy.hpp"
#include "convert/synthetic_call.hpp"
#include "frames/silence_fill.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/inspect.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using test::TempDir;

TEST(Fill, GapsOfSoundAreFilledOrKept) {
  const TempDir folder;
  test::Impairment impairment;
  impairment.loss = 0.1;
  const test::SyntheticCall call(folder / "call", 5, impairment);
  ConvertOptions options;
  options.output_path = folder / "out";
  auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  const int first = *call.audio_packets().begin(), last = *call.audio_packets().rbegin();
  EXPECT_EQ(test::probe(result->files.at("call").file).packets("audio"), (last - first) / 20 + 1);
  options.gaps = GapPolicy::keep;
  result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(test::probe(result->files.at("call").file).packets("audio"),
            static_cast<int>(call.audio_packets().size()));
}

TEST(Incomplete, DamagedFramesAreKeptOrDropped) {
  const TempDir folder;
  test::Impairment impairment;
  impairment.loss = 0.05;
  const test::SyntheticCall call(folder / "call", 11, impairment);
  ConvertOptions options;
  options.output_path = folder / "out";
  auto result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->lost_media);
  EXPECT_EQ(test::probe(result->files.at("call").file).packets("video"),
            static_cast<int>(call.whole_pictures().size()));
  options.incomplete = Incomplete::drop;
  result = convert((folder / "call").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LT(test::probe(result->files.at("call").file).packets("video"),
            static_cast<int>(call.whole_pictures().size()));
}

/// Packets of `file` that came from `from` to `to` (ms after its first) are lost.
void lose(const test::RecordingCopy& copy, const std::string& file, double from, double to) {
  std::optional<double> first;
  copy.move_arrivals(file, [&](double ms) -> std::optional<double> {
    if (!first) first = ms;
    if (ms - *first >= from && ms - *first < to) return std::nullopt;
    return ms;
  });
}

/// The only file of a conversion.
std::filesystem::path converted(const TempDir& out, const std::filesystem::path& recording,
                                Incomplete incomplete, GapPolicy gaps, Layers layers = {}) {
  ConvertOptions options;
  options.layers = layers;
  options.output_path = out.path();
  options.incomplete = incomplete;
  options.gaps = gaps;
  const auto result = convert(recording.string(), options);
  EXPECT_TRUE(result) << result.error().message;
  return result ? result->files.begin()->second.file : std::filesystem::path();
}

double longest_step(const std::vector<double>& times) {
  double longest = 0;
  for (std::size_t i = 1; i < times.size(); ++i) longest = std::max(longest, times[i] - times[i - 1]);
  return longest;
}

struct Held {
  const char* recording;
  const char* video;
  bool by_frames = true;
};
void PrintTo(const Held& of, std::ostream* out) {
  *out << of.recording;
}

class HeldPicture : public ::testing::TestWithParam<Held> {};

// Half a second of packets is lost; what follows refers to it, up to the next keyframe.
TEST_P(HeldPicture, StandsUntilTheNextGoodOneWhenFrozen) {
  RTPX_NEEDS_CAPTURE(recording, std::string("browser/") + GetParam().recording);
  const test::RecordingCopy copy(recording);
  lose(copy, GetParam().video, 5000, 5500);
  const TempDir kept_in, dropped_in, frozen_in;
  const auto kept = converted(kept_in, copy.path(), Incomplete::keep, GapPolicy::keep);
  const auto dropped = converted(dropped_in, copy.path(), Incomplete::drop, GapPolicy::keep);
  const auto frozen = converted(frozen_in, copy.path(), Incomplete::freeze, GapPolicy::keep);
  const auto good = test::frame_hashes(dropped, "v:0"), shown = test::frame_hashes(frozen, "v:0");
  const auto times = test::packet_times(frozen, "v:0");
  EXPECT_EQ(test::decode_errors(frozen), "");
  EXPECT_LT(good.size(), test::probe(kept).packets("video"));
  ASSERT_EQ(shown.size(), times.size());
  if (!GetParam().by_frames) {
    EXPECT_EQ(shown, good) << "the file's times hold it";
    return;
  }
  EXPECT_GT(shown.size(), good.size() + 10);
  EXPECT_LT(longest_step(times), 0.45);  // the camera itself paused for 0.34 s once
  EXPECT_NEAR(times.back(), test::packet_times(kept, "v:0").back(), 0.2);
  // The good pictures are all there in order; between them stand the one before or, of layers, the one before
  // that.
  std::size_t next = 0;
  for (const std::string& picture : shown) {
    if (next < good.size() && picture == good[next])
      ++next;
    else
      ASSERT_TRUE(next > 0 && (picture == good[next - 1] || (next > 1 && picture == good[next - 2]))) << next;
  }
  EXPECT_EQ(next, good.size());
}

INSTANTIATE_TEST_SUITE_P(Captures, HeldPicture,
                         ::testing::Values(Held{"vp8_opus", "video_1.rtpx"}, Held{"vp9_opus", "video_1.rtpx"},
                                           Held{"av1_opus", "video_1.rtpx"},
                                           Held{"h264_opus", "video_1.rtpx", false}),
                         [](const auto& of) { return std::string(of.param.recording); });

TEST(Incomplete, AFrozenPictureStandsUntilAnotherLayerTakesOver) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_simulcast3");
  const test::RecordingCopy copy(recording);
  copy.remove("video_1.rtcpx");
  // The largest layer ends after 4 s. The next one comes again from its keyframe after 8 s, as of a new
  // sender.
  std::optional<std::int64_t> first;
  std::string again;
  copy.change("video_1.rtpx", [&](std::string& record) {
    const RecordHeader header = load_record_header(as_bytes(record).data());
    if (!first) first = header.receive_time_ms;
    const std::int64_t ms = header.receive_time_ms - *first;
    if (header.rid_index == 1 && ms < 8'000) {
      std::string later = record;
      store_be(reinterpret_cast<std::byte*>(later.data()) + 1, header.receive_time_ms + 8'000);
      later[RecordHeader::kBytes + 8] ^= 1;  // SSRC
      again += later;
    }
    return (header.rid_index == 1 && ms < 8'000) || (header.rid_index == 2 && ms < 4'000);
  });
  test::write_file(copy.path() / "video_1.rtpx", test::read_file(copy.path() / "video_1.rtpx") + again);
  const TempDir kept_in, frozen_in;
  const auto kept = converted(kept_in, copy.path(), Incomplete::keep, GapPolicy::keep, Layers::best);
  const auto frozen = converted(frozen_in, copy.path(), Incomplete::freeze, GapPolicy::keep, Layers::best);
  EXPECT_NEAR(longest_step(test::packet_times(kept, "v:0")), 4, 0.3);
  EXPECT_LT(longest_step(test::packet_times(frozen, "v:0")), 0.45);  // the camera itself paused
  EXPECT_EQ(test::decode_errors(frozen), "");
}

TEST(Fill, APictureIsHeldThroughAPauseOnlyOnDemand) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_opus");
  const test::RecordingCopy copy(recording);
  for (const char* file : {"audio_0.rtcpx", "video_1.rtcpx"}) copy.remove(file);  // they know of no pause
  int packets = 0;
  copy.change("video_1.rtpx", [&](std::string& record) {
    if (++packets < 500) return true;
    auto* header = reinterpret_cast<std::byte*>(record.data());
    store_be(header + 1, load_be<std::int64_t>(header + 1) + 2000);
    auto* timestamp = header + RecordHeader::kBytes + 4;
    store_be(timestamp, load_be<std::uint32_t>(timestamp) + 2 * 90'000);
    return true;
  });
  const TempDir kept_in, filled_in;
  const auto kept = converted(kept_in, copy.path(), Incomplete::keep, GapPolicy::automatic);
  const auto filled = converted(filled_in, copy.path(), Incomplete::keep, GapPolicy::fill);
  EXPECT_GT(longest_step(test::packet_times(kept, "v:0")), 1.9);
  EXPECT_LT(longest_step(test::packet_times(filled, "v:0")), 0.2);
  const auto pictures = test::frame_hashes(kept, "v:0"), with_held = test::frame_hashes(filled, "v:0");
  EXPECT_GT(with_held.size(), pictures.size() + 30);
  std::size_t next = 0;
  for (const std::string& picture : with_held) {
    if (next < pictures.size() && picture == pictures[next])
      ++next;
    else
      ASSERT_EQ(picture, pictures[next - 1]) << "what is put in shows the last picture";
  }
  EXPECT_EQ(next, pictures.size()) << "what follows decodes as without";
  EXPECT_EQ(test::mkvmerge_warnings(filled), "");
}

TEST(Fill, AGapOfG722IsSilent) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_g722_absct");
  const test::RecordingCopy copy(recording);
  lose(copy, "audio_0.rtpx", 5000, 7000);
  const TempDir kept_in, filled_in;
  const auto kept = converted(kept_in, copy.path(), Incomplete::keep, GapPolicy::keep);
  const auto filled = converted(filled_in, copy.path(), Incomplete::keep, GapPolicy::automatic);
  EXPECT_EQ(test::probe(filled).packets("audio"), 1003);
  EXPECT_NEAR(test::probe(kept).packets("audio"), 903, 2);
  EXPECT_LT(longest_step(test::packet_times(filled, "a:0")), 0.03);
  EXPECT_LT(test::loudest(filled, 5.5, 6.5), 100);
  EXPECT_GT(test::loudest(filled, 7.5, 9.5), 1000);
}

/// Gives out a few frames of one codec.
class FewFrames final : public FrameSource {
 public:
  FewFrames(const Codec& codec, std::vector<std::int64_t> times_ms, std::vector<std::byte> payload)
      : codec_(codec), times_ms_(std::move(times_ms)), payload_(std::move(payload)) {}
  Result<const PlacedFrame*> peek() override {
    if (at_ == times_ms_.size()) return nullptr;
    frame_.frame.data = payload_;
    frame_.time_ns = times_ms_[at_] * 1'000'000;
    frame_.duration_ns = 20'000'000;
    frame_.codec = &codec_;
    return &frame_;
  }
  void pop() override { ++at_; }
  Result<std::int64_t> seek(std::int64_t time_ns) override {
    at_ = 0;
    while (at_ + 1 < times_ms_.size() && times_ms_[at_ + 1] * 1'000'000 <= time_ns) ++at_;
    return times_ms_[at_] * 1'000'000;
  }

 private:
  Codec codec_;
  std::vector<std::int64_t> times_ms_;
  std::vector<std::byte> payload_;
  std::size_t at_ = 0;
  PlacedFrame frame_;
};

TEST(Fill, EachAudioCodecHasItsOwnSilence) {
  struct Case {
    const char* mime_type;
    std::vector<std::byte> silence;
  };
  const std::vector<std::byte> sound(160, std::byte{0x7A});
  const auto all = [&](int value) {
    return std::vector<std::byte>(sound.size(), static_cast<std::byte>(value));
  };
  for (const Case& of :
       {Case{"audio/opus", {std::byte{0x78}}}, Case{"audio/PCMU", all(0xFF)}, Case{"audio/pcma", all(0xD5)},
        Case{"audio/G722", all(0xFF)}, Case{"audio/L16", all(0)}}) {
    const Codec codec{.payload_type = 96, .mime_type = of.mime_type, .clock_rate = 48000};
    FrameLog log;
    FillBudget budget(0);
    SilenceFill filled(std::make_unique<FewFrames>(codec, std::vector<std::int64_t>{0, 20, 100, 120}, sound),
                       budget, log);
    std::vector<std::int64_t> times, silent;
    for (auto frame = filled.peek(); frame && *frame != nullptr; filled.pop(), frame = filled.peek()) {
      times.push_back((*frame)->time_ns / 1'000'000);
      if (!(*frame)->filler) continue;
      silent.push_back(times.back());
      EXPECT_TRUE(std::ranges::equal((*frame)->frame.data, of.silence)) << of.mime_type;
    }
    EXPECT_EQ(times, (std::vector<std::int64_t>{0, 20, 40, 60, 80, 100, 120})) << of.mime_type;
    EXPECT_EQ(silent, (std::vector<std::int64_t>{40, 60, 80})) << of.mime_type;
  }
}

}  // namespace
}  // namespace rtpx
