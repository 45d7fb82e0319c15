// A film that follows a recording which is still being written.

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <regex>
#include <thread>

#include "compose/frame_rate_rule.hpp"
#include "compose/made_call.hpp"
#include "media/video_reader.hpp"
#include "mux/support/media.hpp"
#include "rtpx/composer.hpp"
#include "rtpx/recorder.hpp"
#include "support/arrivals.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using namespace std::chrono_literals;

constexpr int kFollowedFps = 25;

/// Records a call again, as fast as it is told to.
class Growing {
 public:
  Growing(const std::filesystem::path& made, const std::filesystem::path& folder) : arrivals_(test::arrivals_of(made)) {
    Recorder::Options options;
    options.folder = folder;
    options.flush_interval = 50ms;
    auto recorder = Recorder::start(options);
    EXPECT_TRUE(recorder);
    recorder_ = std::move(*recorder);
    const auto manifest = read_manifest(made);
    std::vector<MediaStreamTrack> tracks;
    for (const auto& [id, entry] : *manifest) {
      tracks.push_back({.id = id,
                        .kind = entry.kind,
                        .streams = entry.streams,
                        .codecs = entry.codecs,
                        .header_extensions = entry.header_extensions});
      ids_.push_back(id);
    }
    EXPECT_TRUE(recorder_->add_tracks(tracks));
  }
  void send_until(std::int64_t ms) {
    for (; sent_ < arrivals_.size() && arrivals_[sent_].ms < arrivals_.front().ms + ms; ++sent_) {
      const ReceiveClock::time_point time{std::chrono::milliseconds(arrivals_[sent_].ms)};
      EXPECT_EQ(recorder_->record(arrivals_[sent_].track, {}, arrivals_[sent_].packet, {.arrival = time}),
                Outcome::accepted);
    }
  }
  [[nodiscard]] std::size_t bytes_of(const std::string& track) const {
    std::size_t sum = 0;
    for (const test::Arrival& one : arrivals_) sum += one.track == track ? one.packet.size() : 0;
    return sum;
  }
  void end() {
    EXPECT_TRUE(recorder_->end_tracks(ids_));
    recorder_.reset();
  }

 private:
  const std::vector<test::Arrival> arrivals_;
  std::size_t sent_ = 0;
  std::vector<std::string> ids_;
  std::unique_ptr<Recorder> recorder_;
};

ComposeOptions live_film(const std::filesystem::path& folder) {
  ComposeOptions options;
  options.output = folder;
  options.width = 640;
  options.height = 360;
  options.fps = kFollowedFps;
  options.threads = 2;
  options.crf = 18;
  options.names = false;
  return options;
}

double seconds_in(const std::string& playlist) {
  double sum = 0;
  const std::regex duration("#EXTINF:([0-9.]+),");
  for (std::sregex_iterator at(playlist.begin(), playlist.end(), duration), end; at != end; ++at)
    sum += std::stod((*at)[1]);
  return sum;
}

TEST(FollowedFilm, CanBeWatchedWhileTheCallGoesOnAndIsWholeAfterwards) {
  const TempDir folder;
  MadeCall call(folder / "made");
  call.add_voice("Ann", {.from = 0, .seconds = 14, .wave = beeps(500)});
  call.add_voice("Bob", {.from = 4, .seconds = 10, .wave = beeps(1'500)});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 14, .fps = kFollowedFps, .shade = 60});
  call.add_camera("Bob", "Bob-cam", {.from = 4, .seconds = 10, .fps = kFollowedFps, .shade = 140});
  call.write();
  Growing growing(call.path(), folder / "call");
  growing.send_until(3'000);

  auto options = live_film(folder / "live");
  std::atomic<std::int64_t> written_ns = 0;
  FollowOptions how{.from_start = true, .on_state = [&](const FollowState& now) { written_ns = now.written_ns; }};
  Result<ComposeResult> result;
  std::jthread film([&] { result = follow_composition((folder / "call").string(), options, how); });
  const auto wait_until = [&](std::int64_t seconds) {
    for (int i = 0; i < 1'200 && written_ns < seconds * 1'000'000'000; ++i) std::this_thread::sleep_for(50ms);
    return written_ns >= seconds * 1'000'000'000;
  };
  growing.send_until(9'000);
  // What is there by now is in the film, but for what is not settled and the segment that is open.
  ASSERT_TRUE(wait_until(4)) << written_ns;
  const std::string running = read_file(folder / "live" / "picture.m3u8");
  EXPECT_EQ(running.find("#EXT-X-ENDLIST"), running.npos);
  EXPECT_GE(seconds_in(running), 3.9);
  EXPECT_LE(seconds_in(running), 8);
  growing.send_until(INT64_MAX / 2);
  growing.end();
  film.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->participants, 2U);
  EXPECT_FALSE(result->lost_media);
  EXPECT_NEAR(static_cast<double>(result->duration_ms) / 1000, 14, 0.2);

  const std::string playlist = read_file(folder / "live" / "picture.m3u8");
  EXPECT_EQ(playlist.substr(0, running.size()), running);  // what was told stays
  EXPECT_NE(playlist.find("#EXT-X-ENDLIST"), playlist.npos);
  EXPECT_NEAR(seconds_in(playlist), 14, 0.2);
  EXPECT_NEAR(seconds_in(read_file(folder / "live" / "sound.m3u8")), 14, 0.2);
  // A player takes it by its index: each picture shows what the cameras sent then, before Bob came and after.
  auto reader = VideoReader::open(folder / "live" / "picture.m3u8");
  ASSERT_TRUE(reader) << reader.error().message;
  int looked = 0;
  for (;;) {
    const auto picture = (*reader)->next();
    ASSERT_TRUE(picture);
    if (*picture == nullptr) break;
    const AVFrame& frame = **picture;
    const double t = static_cast<double>((*reader)->time_ns(frame)) / 1e9;
    if (t > 0.2 && t < 3.8) {
      EXPECT_NEAR(read_code(frame.data[0], frame.linesize[0], 640, 360).number, t * kFollowedFps, 2) << t;
      ++looked;
    } else if (t > 4.3 && t < 13.8) {  // side by side
      const std::uint8_t* ann = frame.data[0] + static_cast<std::ptrdiff_t>(90) * frame.linesize[0];
      EXPECT_NEAR(read_code(ann, frame.linesize[0], 320, 180).number, t * kFollowedFps, 2) << t;
      EXPECT_NEAR(read_code(ann + 320, frame.linesize[0], 320, 180).number, t * kFollowedFps, 2) << t;
      ++looked;
    }
  }
  EXPECT_GT(looked, 13 * kFollowedFps * 9 / 10);
  // Beeps at each whole second, of both once Bob is there.
  const std::string bytes = run("ffmpeg -nostdin -v error -i '" + (folder / "live" / "index.m3u8").string() +
                                "' -map 0:a -f f32le -ac 1 -ar 48000 -")
                                .text;
  std::vector<float> sound(bytes.size() / sizeof(float));
  std::memcpy(sound.data(), bytes.data(), sound.size() * sizeof(float));
  ASSERT_GT(sound.size(), 13U * 48'000);
  const auto loud = [&](double from, double to) {
    double most = 0;
    for (auto i = static_cast<std::size_t>(from * 48'000); i < static_cast<std::size_t>(to * 48'000); ++i)
      most = std::max(most, std::abs(double{sound[i]}));
    return most;
  };
  for (int second = 1; second < 13; ++second) {
    EXPECT_GT(loud(second, second + 0.06), 0.1) << second;
    EXPECT_LT(loud(second + 0.3, second + 0.9), 0.02) << second;
  }
}

TEST(FollowedFilm, JoinsInTheMiddleAndEndsWhenItIsTold) {
  const TempDir folder;
  MadeCall call(folder / "made");
  call.add_voice("Ann", {.from = 0, .seconds = 12});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 12, .fps = kFollowedFps});
  call.write();
  Growing growing(call.path(), folder / "call");
  growing.send_until(10'000);
  std::this_thread::sleep_for(300ms);
  auto options = live_film(folder / "live");
  std::stop_source stop;
  options.stop = stop.get_token();
  std::atomic<int> states = 0;
  const FollowOptions how{.on_state = [&](const FollowState&) { ++states; }};
  Result<ComposeResult> result;
  std::jthread film([&] { result = follow_composition((folder / "call").string(), options, how); });
  for (int i = 0; i < 1'200 && states == 0; ++i) std::this_thread::sleep_for(50ms);
  stop.request_stop();
  film.join();
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GT(result->duration_ms, 400);
  EXPECT_LT(result->duration_ms, 6'000);  // from about now on, not from the start
  EXPECT_NE(read_file(folder / "live" / "picture.m3u8").find("#EXT-X-ENDLIST"), std::string::npos);
  growing.end();
}

TEST(FollowedFilm, ACameraThatWasNotOnTheCanvasForLongIsSeenWhenItComes) {
  constexpr int kSeconds = 20;
  const TempDir folder;
  MadeCall call(folder / "made");
  call.add_voice("Ann", {.from = 0, .seconds = 13, .wave = tone(300)});
  call.add_voice("Bob", {.from = 14, .seconds = 6, .wave = tone(500)});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = kSeconds, .fps = kFollowedFps, .shade = 60});
  call.add_camera("Bob", "Bob-cam", {.from = 0, .seconds = kSeconds, .fps = kFollowedFps, .shade = 140});
  call.write();
  Growing growing(call.path(), folder / "call");
  for (int ms = 4'000; ms <= kSeconds * 1'000; ms += 4'000) {
    growing.send_until(ms);
    std::this_thread::sleep_for(100ms);
  }
  growing.send_until(INT64_MAX / 2);
  // Three seconds of a camera are kept, and Bob is not seen for fourteen.
  const std::size_t kept = std::max(growing.bytes_of("Ann-cam"), growing.bytes_of("Bob-cam")) * 3 / kSeconds;
  growing.end();

  auto options = live_film(folder / "live");
  options.layout = "single-speaker";
  const auto result = follow_composition((folder / "call").string(), options,
                                         {.from_start = true, .on_state = {}, .most_kept_bytes = kept});
  ASSERT_TRUE(result) << result.error().message;
  auto reader = VideoReader::open(folder / "live" / "picture.m3u8");
  ASSERT_TRUE(reader) << reader.error().message;
  int ann = 0, bob = 0;
  for (;;) {
    const auto picture = (*reader)->next();
    ASSERT_TRUE(picture);
    if (*picture == nullptr) break;
    const AVFrame& frame = **picture;
    const double t = static_cast<double>((*reader)->time_ns(frame)) / 1e9;
    const bool of_ann = t > 2 && t < 12.8, of_bob = t > 17 && t < kSeconds - 0.3;
    if (!of_ann && !of_bob) continue;
    const PictureCode code = read_code(frame.data[0], frame.linesize[0], 640, 360);
    EXPECT_NEAR(code.number, t * kFollowedFps, 2) << t;
    EXPECT_NEAR(code.shade, of_ann ? 60 : 140, 12) << t;
    ++(of_ann ? ann : bob);
  }
  EXPECT_GT(ann, 10 * kFollowedFps * 9 / 10);
  EXPECT_GT(bob, 2 * kFollowedFps * 9 / 10);
}

TEST(FollowedFilm, OfACallThatIsOverShowsTheLastPictureToo) {
  for (const double seconds : {2.0, 0.04}) {  // many, and a single one
    SCOPED_TRACE(seconds);
    const TempDir folder;
    MadeCall call(folder / "made");
    call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = seconds, .fps = kFollowedFps, .shade = 60});
    call.write();
    Growing growing(call.path(), folder / "call");
    growing.send_until(INT64_MAX / 2);
    growing.end();
    const auto result = follow_composition((folder / "call").string(), live_film(folder / "live"), {.from_start = true, .on_state = {}});
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->participants, 1U);
    EXPECT_NEAR(static_cast<double>(result->duration_ms), seconds * 1000, 10);
    auto reader = VideoReader::open(folder / "live" / "picture.m3u8");
    ASSERT_TRUE(reader) << reader.error().message;
    int last = -1;
    for (;;) {
      const auto picture = (*reader)->next();
      ASSERT_TRUE(picture);
      if (*picture == nullptr) break;
      last = read_code((*picture)->data[0], (*picture)->linesize[0], 640, 360).number;
    }
    EXPECT_EQ(last, std::lround(seconds * kFollowedFps) - 1);
  }
}

TEST(FollowedFilm, ARecordingThatIsNoneIsRefused) {
  const TempDir folder;
  auto options = live_film(folder / "live");
  const auto missing = follow_composition((folder / "nothing").string(), options);
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().code, Errc::not_found);
  options.fps = 500;
  EXPECT_EQ(follow_composition((folder / "nothing").string(), options).error().code, Errc::invalid_argument);
}

TEST(FollowedFilm, WhatItCannotHaveIsRefused) {
  const TempDir folder;
  const auto refused = [&](const auto& ask) {
    auto options = live_film(folder / "live");
    ask(options);
    const auto result = follow_composition((folder / "nothing").string(), options);
    return result ? Errc::internal : result.error().code;
  };
  EXPECT_EQ(refused([](ComposeOptions&) {}), Errc::not_found);
  EXPECT_EQ(refused([](ComposeOptions& o) { o.codec = VideoCodec::h264; }), Errc::not_found);
  for (const auto ask : std::initializer_list<void (*)(ComposeOptions&)>{
           [](ComposeOptions& o) { o.solo = {"Ann"}; }, [](ComposeOptions& o) { o.mute = {"Ann"}; },
           [](ComposeOptions& o) { o.pan["Ann"] = -1; }, [](ComposeOptions& o) { o.loudness = -16; },
           [](ComposeOptions& o) { o.stems.emplace("stems"); }, [](ComposeOptions& o) { o.marks = {{1'000, "Now"}}; },
           [](ComposeOptions& o) { o.chapters_file = "c.vtt"; }, [](ComposeOptions& o) { o.speech_file = "s.json"; },
           [](ComposeOptions& o) { o.timeline_file = "t.otio"; }, [](ComposeOptions& o) { o.timeline_media = "m"; },
           [](ComposeOptions& o) { o.audio_only = true; }, [](ComposeOptions& o) { o.codec = VideoCodec::vp9; },
           [](ComposeOptions& o) { o.audio_codec = AudioCodec::opus; }})
    EXPECT_EQ(refused(ask), Errc::invalid_argument);
  EXPECT_FALSE(std::filesystem::exists(folder / "live"));
}

TEST(FrameRateRule, HalvesThePicturesWhileItFallsBehindAndDoublesThemWhenItHasCaughtUp) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  film::FrameRateRule rule;
  EXPECT_FALSE(rule.behind(2 * kSecond));
  EXPECT_FALSE(rule.behind(5 * kSecond));
  EXPECT_TRUE(rule.behind(7 * kSecond));
  EXPECT_EQ(rule.every(), 2);
  EXPECT_TRUE(rule.behind(8 * kSecond));
  EXPECT_EQ(rule.every(), 4);
  EXPECT_FALSE(rule.behind(7 * kSecond));  // it catches up
  EXPECT_FALSE(rule.behind(4 * kSecond));
  EXPECT_TRUE(rule.behind(2 * kSecond));
  EXPECT_EQ(rule.every(), 2);
  EXPECT_TRUE(rule.behind(2 * kSecond));
  EXPECT_EQ(rule.every(), 1);
  // A call that had gone on for an hour is caught up with at the full rate.
  film::FrameRateRule late;
  for (std::int64_t waiting = 3'600; waiting > 6; waiting -= 2) {
    EXPECT_FALSE(late.behind(waiting * kSecond));
  }
  for (int i = 0; i < 20; ++i) late.behind((10 + i) * kSecond);
  EXPECT_EQ(late.every(), 32);
}

}  // namespace
}  // namespace rtpx::test
