// Frames read from any time on are those that come when the recording is read from its beginning.

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "convert/synthetic_call.hpp"
#include "frames/layer_outline.hpp"
#include "reader/opened_recording.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"

namespace rtpx {
namespace {

constexpr int kStarts = 200;
constexpr std::size_t kCompared = 40;  // frames from most starts on; from every 20th all

struct Seen {
  std::int64_t time_ns = 0, duration_ns = 0;
  std::uint32_t data = 0, config = 0;
  bool key = false, clean = false, after_loss = false, filler = false;
  int turned = 0;
  bool operator==(const Seen&) const = default;
};
void PrintTo(const Seen& of, std::ostream* out) {
  *out << of.time_ns << " ns, " << of.duration_ns << " ns long, data " << of.data << ", config " << of.config
       << (of.key ? " key" : "") << (of.clean ? "" : " damaged") << (of.after_loss ? " after loss" : "")
       << (of.filler ? " filler" : "");
}

Seen seen(const PlacedFrame& frame) {
  Seen out{frame.time_ns, frame.duration_ns, crc32c(frame.frame.data)};
  if (frame.config != nullptr)
    out.config = crc32c(frame.config->codec_private) + static_cast<std::uint32_t>(frame.config->width);
  out.key = frame.frame.kind == FrameKind::key;
  out.clean = !frame.frame.reference_lost;
  out.after_loss = frame.after_loss;
  out.filler = frame.filler;
  out.turned = frame.orientation.clockwise_degrees;
  return out;
}

std::vector<Seen> read(FrameSource& source, std::size_t most = SIZE_MAX) {
  std::vector<Seen> frames;
  while (frames.size() < most) {
    const auto frame = source.peek();
    EXPECT_TRUE(frame);
    if (!frame || *frame == nullptr) break;
    frames.push_back(seen(**frame));
    source.pop();
  }
  return frames;
}

/// Which of all frames seek() is to go to.
std::size_t expected_start(const std::vector<Seen>& all, std::int64_t time_ns, bool sound) {
  std::size_t found = 0;
  for (std::size_t i = 0; i < all.size(); ++i)
    if (all[i].time_ns <= time_ns && (sound || (all[i].key && all[i].clean))) found = i;
  return found;
}

void check_source(const OpenedRecording& recording, std::size_t track, std::size_t layer,
                  const TrackFrameOptions& options, std::mt19937& random) {
  const auto linear = recording.open_source(track, layer, options);
  ASSERT_TRUE(linear) << linear.error().message;
  const std::vector<Seen> all = read(**linear);
  if (all.empty()) return;
  const auto source = recording.open_source(track, layer, options);
  ASSERT_TRUE(source) << source.error().message;
  std::uniform_int_distribution<std::int64_t> times(-1'000'000'000, recording.duration_ns() + 1'000'000'000);
  for (int i = 0; i < kStarts; ++i) {
    const std::int64_t time_ns = times(random);
    const auto answered = (*source)->seek(time_ns);
    ASSERT_TRUE(answered) << answered.error().message;
    const std::size_t from = expected_start(all, time_ns, (*source)->kind() == MediaKind::audio);
    ASSERT_EQ(*answered, all[from].time_ns) << "for " << time_ns;
    const auto frames = read(**source, i % 20 == 0 ? SIZE_MAX : kCompared);
    const std::size_t count = i % 20 == 0 ? all.size() - from : std::min(kCompared, all.size() - from);
    ASSERT_EQ(frames.size(), count) << "from " << time_ns;
    for (std::size_t k = 0; k < count; ++k) {
      Seen expected = all[from + k];
      if (k == 0) expected.after_loss = frames[0].after_loss;  // nothing comes before the first one
      ASSERT_EQ(frames[k], expected) << "frame " << k << " from " << time_ns;
    }
  }
}

void check(const std::filesystem::path& folder, const std::vector<TrackFrameOptions>& options) {
  const auto opened = OpenedRecording::open(folder.string(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  std::mt19937 random(7);
  for (std::size_t track = 0; track < (*opened)->tracks().size(); ++track) {
    const OpenedRecording::Track& found = (*opened)->tracks()[track];
    if (found.layers.empty()) continue;
    if (found.layers.size() > 1) {
      SCOPED_TRACE(found.id + ", best layer");
      check_source(**opened, track, OpenedRecording::kBestLayer, options.front(), random);
      if (testing::Test::HasFatalFailure()) return;
    }
    for (std::size_t layer = 0; layer < found.layers.size(); ++layer)
      for (const TrackFrameOptions& option : options) {
        SCOPED_TRACE(found.id + " layer " + std::to_string(layer));
        check_source(**opened, track, layer, option, random);
        if (testing::Test::HasFatalFailure()) return;
      }
  }
}

class Seek : public testing::TestWithParam<std::string> {};

TEST_P(Seek, GoesOnAsFromTheBeginning) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  check(folder, {{}, {.incomplete = Incomplete::drop, .gaps = GapPolicy::fill}});
}

INSTANTIATE_TEST_SUITE_P(Captures, Seek,
                         testing::Values("browser/vp8_flexfec_lossy", "browser/vp8_opus_reschange",
                                         "browser/vp8_opusred", "browser/vp8_simulcast3",
                                         "browser/firefox_av1_opus", "browser/h264_opus"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

TEST(Seek, GoesOnThroughLossesLatenessAndRestarts) {
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 5,
                                 {.loss = 0.05,
                                  .duplicate = 0.02,
                                  .reorder = 0.05,
                                  .most_late_ms = 300,
                                  .source_changes = 3,
                                  .rtx = 0.5,
                                  .latest_rtx_ms = 200});
  check(folder.path(), {{}, {.gaps = GapPolicy::fill}, {.incomplete = Incomplete::freeze}});
}

TEST(Seek, OfScalableVideoLeavesTheSameLayersOut) {
  check(test::source_dir() / "tests/data/av1_l2t3", {{}, {.max_spatial_layer = 0, .max_temporal_layer = 1}});
  check(test::source_dir() / "tests/data/h264_l1t3", {{}, {.max_temporal_layer = 0}});
}

TEST(Seek, IsForManyThreadsAtOnce) {
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 6, {.loss = 0.02});
  const auto opened = OpenedRecording::open(folder.path().string(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  std::vector<std::jthread> readers;
  for (unsigned seed = 0; seed < 4; ++seed)
    readers.emplace_back([&opened, seed] {
      std::mt19937 random(seed);
      for (std::size_t track = 0; track < (*opened)->tracks().size(); ++track)
        check_source(**opened, track, 0, {}, random);
    });
}

TEST(OpenedRecording, TellsOfItsTracksAndKeepsItselfOpen) {
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 6, {});
  auto opened = OpenedRecording::open(folder.path().string(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  const auto& tracks = (*opened)->tracks();
  ASSERT_EQ(tracks.size(), 2U);
  for (const auto& track : tracks) {
    ASSERT_EQ(track.layers.size(), 1U);
    EXPECT_EQ(track.layers[0].codec->mime_type, track.kind == MediaKind::video ? "video/VP8" : "audio/opus");
    EXPECT_NEAR(static_cast<double>(track.layers[0].end_ns), 20e9, 0.3e9);
  }
  EXPECT_NEAR(static_cast<double>((*opened)->duration_ns()), 20e9, 0.3e9);
  EXPECT_EQ((*opened)->open_source(2).error().code, Errc::invalid_argument);
  EXPECT_EQ((*opened)->open_source(0, 1).error().code, Errc::invalid_argument);
  const auto source = (*opened)->open_source(0);
  ASSERT_TRUE(source);
  *opened = nullptr;
  EXPECT_GT(read(**source).size(), 100U);
}

// Of a recording under way, which is looked at several times a second.
TEST(Outline, KnowsPlacesNearByHoweverOftenAnotherGoesOnFromIt) {
  constexpr std::uint64_t kNear = 150;  // frames
  constexpr std::int64_t kSecondNs = 1'000'000'000;
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 3, {}, 60);
  const auto opened = OpenedRecording::open(folder.path().string(), {});
  ASSERT_TRUE(opened) << opened.error().message;
  for (const PlacedLayer& layer : (*opened)->scanned().layers) {
    const bool video = layer.track->files.track.kind == MediaKind::video;
    auto outline = std::make_unique<LayerOutline>(layer, (*opened)->spill(), LayerFrameOptions{});
    outline->will_go_on();
    for (std::int64_t now_ns = 2 * kSecondNs; now_ns < 60 * kSecondNs; now_ns += kSecondNs / 5) {
      ASSERT_TRUE(outline->near(now_ns));
      auto next = std::make_unique<LayerOutline>(layer, (*opened)->spill(), LayerFrameOptions{});
      next->will_go_on();
      next->go_on_from(*outline, now_ns - kSecondNs);
      outline = std::move(next);
    }
    for (std::int64_t time_ns = 5 * kSecondNs; time_ns < 60 * kSecondNs; time_ns += kSecondNs) {
      const auto target = outline->find(time_ns);
      ASSERT_TRUE(target);
      if (video && target->number < kNear) continue;
      ASSERT_NE(target->place, nullptr) << time_ns;
      EXPECT_LT(target->number - target->place->number, kNear) << time_ns;
      const auto near = outline->near(time_ns);
      ASSERT_TRUE(near && *near);
      EXPECT_LT(time_ns - (*near)->latest_ns, 6 * kSecondNs) << time_ns;
    }
  }
}

}  // namespace
}  // namespace rtpx
