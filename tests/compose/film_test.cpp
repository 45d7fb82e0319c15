// Films of calls whose pictures say when they were made: what each tile shows at sampled instants.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstdlib>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <set>

#include "compose/made_call.hpp"
#include "compose/picture_track.hpp"
#include "media/video_reader.hpp"
#include "mux/support/media.hpp"
#include "rtpx/composer.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;

constexpr int kFps = 25;  // of the cameras

/// A film's pictures by time, as libavformat and libavcodec see it.
class Film {
 public:
  explicit Film(const std::filesystem::path& file) {
    auto reader = VideoReader::open(file);
    EXPECT_TRUE(reader) << reader.error().message;
    if (!reader) return;
    for (;;) {
      const auto picture = (*reader)->next();
      if (!picture || *picture == nullptr) break;
      Picture kept{(*reader)->time_ns(**picture), (*picture)->width, (*picture)->height, {}};
      for (int y = 0; y < kept.height; ++y) {
        const std::uint8_t* row =
            (*picture)->data[0] + static_cast<std::ptrdiff_t>(y) * (*picture)->linesize[0];
        kept.luma.insert(kept.luma.end(), row, row + kept.width);
      }
      pictures_.push_back(std::move(kept));
    }
  }
  struct Picture {
    std::int64_t time_ns = 0;
    int width = 0, height = 0;
    std::vector<std::uint8_t> luma;
  };
  [[nodiscard]] const std::vector<Picture>& pictures() const { return pictures_; }
  [[nodiscard]] const Picture& at(double seconds) const {
    std::size_t i = 0;
    while (i + 1 < pictures_.size() && static_cast<double>(pictures_[i + 1].time_ns) <= seconds * 1e9 + 1e6)
      ++i;
    return pictures_[i];
  }

 private:
  std::vector<Picture> pictures_;
};

/// What a tile shows of a camera of 16:9, which lies in its middle where the tile is much taller.
PictureCode code_in(const Film::Picture& picture, const json& tile) {
  const int x = tile["x"], width = tile["width"], tall = tile["height"];
  const int height = width * 9 / 16 < 0.75 * tall ? width * 9 / 16 : tall;
  const int y = tile["y"].get<int>() + (tall - height) / 2;
  return read_code(picture.luma.data() + static_cast<std::ptrdiff_t>(y) * picture.width + x, picture.width,
                   width, height);
}

const json& scene_at(const json& plan, double seconds) {
  for (const json& scene : plan["scenes"])
    if (scene["from_ms"].get<double>() <= seconds * 1000 && scene["to_ms"].get<double>() > seconds * 1000)
      return scene;
  return plan["scenes"].back();
}

ComposeOptions small_film(const std::filesystem::path& output, const std::string& layout = "grid") {
  ComposeOptions options;
  options.output = output;
  options.layout = layout;
  options.width = 640;
  options.height = 360;
  options.threads = 2;
  options.crf = 18;
  return options;
}

json plan_of(const std::filesystem::path& call, const ComposeOptions& options) {
  const auto text = plan_composition({call.string()}, options);
  EXPECT_TRUE(text) << text.error().message;
  return text ? json::parse(*text) : json();
}

int shade_of(const std::string& who) {
  return who == "Ann" ? 60 : who == "Bob" ? 100 : who == "Cleo" ? 140 : 180;
}

MadeCall::Camera camera_of(const std::string& who, double from, double seconds) {
  return {.from = from, .seconds = seconds, .fps = kFps, .shade = shade_of(who)};
}

std::function<int(double)> speaks(double from, double to) {
  return [=](double t) { return t >= from && t < to ? 20 : 90; };
}

/// Four people: Bob comes late, Cleo's camera stops and goes on, Dan's phone is turned and sends smaller
/// pictures later on; one after the other speaks.
MadeCall busy_call(const TempDir& folder) {
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 9, .level = speaks(0.5, 2)});
  call.add_voice("Bob", {.from = 1, .seconds = 8, .level = speaks(2.5, 4)});
  call.add_voice("Cleo", {.from = 0, .seconds = 9, .level = speaks(4.5, 6)});
  call.add_voice("Dan", {.from = 0, .seconds = 9, .level = speaks(6.5, 8)});
  call.add_camera("Ann", "Ann-cam", camera_of("Ann", 0, 9));
  call.add_camera("Bob", "Bob-cam", camera_of("Bob", 1, 8));
  auto cleo = camera_of("Cleo", 0, 9);
  cleo.sends = [](double t) { return t < 2 || t >= 5.5; };
  call.add_camera("Cleo", "Cleo-cam", cleo);
  auto dan = camera_of("Dan", 0, 9);
  dan.turned = [](double t) { return t < 3 ? 0 : 180; };
  dan.resized_at = 5;
  call.add_camera("Dan", "Dan-cam", dan);
  call.write();
  return call;
}

/// At 200 instants each tile with a camera shows the picture of that time within one frame.
void expect_pictures_of_their_time(const Film& film, const json& plan) {
  std::mt19937 random(7);
  const double duration = plan["duration_ms"].get<double>() / 1000;
  int looked = 0;
  for (int i = 0; i < 200; ++i) {
    const double t = std::uniform_real_distribution<>(0.1, duration - 0.1)(random);
    const Film::Picture& picture = film.at(t);
    // A canvas of the scene before may still be shown within the film's own step.
    const json& scene = scene_at(plan, t);
    if (t - scene["from_ms"].get<double>() / 1000 < 0.04) continue;
    for (const json& tile : scene["tiles"]) {
      if (tile["shows"] != "camera") continue;
      const PictureCode code = code_in(picture, tile);
      const std::string who = tile["participant"];
      const double newest = std::floor(t * kFps + 0.05),
                   oldest = std::floor((t - 1.0 / 30) * kFps - 0.05) - 1;
      EXPECT_TRUE(code.number >= oldest && code.number <= newest)
          << who << " at " << t << " s shows picture " << code.number << ", not " << oldest << " to "
          << newest;
      EXPECT_NEAR(code.shade, shade_of(who), 15) << who << " at " << t;
      ++looked;
    }
  }
  EXPECT_GT(looked, 150);
}

TEST(ComposedFilm, EveryTileShowsThePictureOfItsTimeInEveryLayout) {
  const TempDir folder;
  const MadeCall call = busy_call(folder);
  for (const char* layout : {"grid", "speaker", "single-speaker", "side-by-side"}) {
    SCOPED_TRACE(layout);
    auto options = small_film(folder / (std::string(layout) + ".mp4"), layout);
    if (std::string(layout) == "speaker") options.width = 800;  // the stage has the cameras' shape
    const auto result = compose({call.path().string()}, options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_FALSE(result->lost_media);
    const json plan = plan_of(call.path(), options);
    expect_pictures_of_their_time(Film(options.output), plan);
    if (const char* kept = std::getenv("RTPX_KEEP_FILMS"))
      std::filesystem::copy_file(options.output, std::filesystem::path(kept) / options.output.filename(),
                                 std::filesystem::copy_options::overwrite_existing);
  }
}

TEST(ComposedFilm, ASmallPictureLiesOverTheLargeOne) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_camera("Ann", "Ann-cam", camera_of("Ann", 0, 2));
  call.add_camera("Bob", "Bob-cam", camera_of("Bob", 0, 2));
  call.write();
  const auto options = small_film(folder / "pip.mp4", "pip");
  ASSERT_TRUE(compose({call.path().string()}, options));
  const json plan = plan_of(call.path(), options);
  const Film film(options.output);
  const json& tiles = plan["scenes"][0]["tiles"];
  ASSERT_EQ(tiles.size(), 2U);
  EXPECT_NEAR(code_in(film.at(1), tiles[1]).number, 25, 1);
  EXPECT_NEAR(code_in(film.at(1), tiles[0]).number, 25, 1);
}

TEST(ComposedFilm, LossFreezesAPictureUntilTheNextKeyframeAndNoLonger) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto ann = camera_of("Ann", 0, 5);
  ann.keyframe_every = 0.4;
  ann.lost = [](double t) { return std::abs(t - 2.04) < 0.001; };
  call.add_camera("Ann", "Ann-cam", ann);
  call.write();
  const auto options = small_film(folder / "film.mp4");
  ASSERT_TRUE(compose({call.path().string()}, options));
  const Film film(options.output);
  const json tile{{"x", 0}, {"y", 0}, {"width", 640}, {"height", 360}};
  EXPECT_NEAR(code_in(film.at(1.99), tile).number, 49, 1);
  EXPECT_EQ(code_in(film.at(2.3), tile).number, 50);  // the last whole one
  for (double t = 2.5; t < 4.9; t += 0.13)
    EXPECT_NEAR(code_in(film.at(t), tile).number, t * kFps - 0.5, 1.6) << t;
}

TEST(ComposedFilm, ACameraAtTheFilmsRateLosesNoPictureToJitter) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto ann = camera_of("Ann", 0, 4);
  std::mt19937 random(3);
  ann.late = [&](double) { return std::uniform_real_distribution<>(0, 0.012)(random); };
  call.add_camera("Ann", "Ann-cam", ann);
  call.write();
  auto options = small_film(folder / "film.mp4");
  options.fps = kFps;
  ASSERT_TRUE(compose({call.path().string()}, options));
  const Film film(options.output);
  const json tile{{"x", 0}, {"y", 0}, {"width", 640}, {"height", 360}};
  std::set<int> shown;
  for (const Film::Picture& picture : film.pictures()) {
    const int number = code_in(picture, tile).number;
    shown.insert(number);
    EXPECT_NEAR(static_cast<double>(picture.time_ns) / 1e9, number / double{kFps} + 0.02, 0.045);
  }
  EXPECT_GE(shown.size(), 4U * kFps - 2);
}

TEST(ComposedFilm, SoundAndPictureOfEverybodyAreWithin20Ms) {
  const TempDir folder;
  MadeCall call(folder / "call");
  const std::map<std::string, double> voices{{"Ann", 500}, {"Bob", 1100}, {"Cleo", 1700}, {"Dan", 2500}};
  double from = 0;
  for (const auto& [who, frequency] : voices) {
    call.add_voice(who, {.from = from, .seconds = 6 - from, .wave = beeps(frequency)});
    auto camera = camera_of(who, from, 6 - from);
    camera.flashes = true;
    call.add_camera(who, who + "-cam", camera);
    from += 0.36;
  }
  call.write();
  auto options = small_film(folder / "film.mkv");
  options.fps = 100;  // what is measured is the call, not the film's step
  ASSERT_TRUE(compose({call.path().string()}, options));
  const json plan = plan_of(call.path(), options);
  const Film film(options.output);
  const std::string bytes =
      run("ffmpeg -nostdin -v error -i '" + options.output.string() + "' -f f32le -ac 1 -ar 48000 -").text;
  std::vector<float> sound(bytes.size() / sizeof(float));
  std::memcpy(sound.data(), bytes.data(), sound.size() * sizeof(float));
  for (const json& tile : scene_at(plan, 3)["tiles"]) {
    const std::string who = tile["participant"];
    int found = 0;
    for (int second = 2; second < 6; ++second) {
      double flash = 0, beep = 0;
      for (const Film::Picture& picture : film.pictures()) {
        const double t = static_cast<double>(picture.time_ns) / 1e9;
        if (flash == 0 && std::abs(t - second) < 0.3 && code_in(picture, tile).shade > 200) flash = t;
      }
      for (double t = second - 0.3; beep == 0 && t < second + 0.3; t += 0.001) {  // 10 ms from t on
        double sine = 0, cosine = 0;
        for (int i = 0; i < 480; ++i) {
          const double now = t + i / 48'000.0;
          const float sample = sound[static_cast<std::size_t>(now * 48'000)];
          sine += sample * std::sin(2 * M_PI * voices.at(who) * now);
          cosine += sample * std::cos(2 * M_PI * voices.at(who) * now);
        }
        if (2 * std::hypot(sine, cosine) / 480 > 0.2) beep = t + 0.005;
      }
      if (flash == 0 || beep == 0) continue;
      EXPECT_NEAR(beep, flash, 0.02) << who << " at " << second;
      ++found;
    }
    EXPECT_GE(found, 3) << who;
  }
}

TEST(ComposedFilm, WhoIsNotSeenIsNotDecoded) {
  const TempDir folder;
  MadeCall call(folder / "call");
  for (const char* who : {"Ann", "Bob", "Cleo"}) {
    call.add_voice(
        who, {.from = 0, .seconds = 6, .level = std::string(who) == "Ann" ? speaks(0.2, 5) : speaks(9, 9)});
    call.add_camera(who, std::string(who) + "-cam", camera_of(who, 0, 6));
  }
  call.write();
  const auto result = compose({call.path().string()}, small_film(folder / "film.mp4", "single-speaker"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_GE(result->pictures_decoded, 145U);
  EXPECT_LE(result->pictures_decoded, 155U) << "of 450";
}

TEST(ComposedFilm, WhatStandsStillIsNeitherScaledNorEncoded) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto slides = camera_of("Ann", 0, 6);
  slides.screen = true;
  slides.sends = [](double t) { return std::fmod(t, 1) < 0.01; };  // a picture a second
  call.add_camera("Ann", "Ann-screen", slides);
  call.add_voice("Ann", {.from = 0, .seconds = 6});
  call.write();
  const auto result = compose({call.path().string()}, small_film(folder / "film.mp4"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_LE(result->pictures_scaled, 7U);
  EXPECT_LE(result->canvases_encoded, 12U);
  EXPECT_GE(result->canvases_unchanged, 165U);
  const DecodedFile file = decode_file(folder / "film.mp4");
  EXPECT_NEAR(static_cast<double>(file.duration_ns) / 1e9, 6, 0.1);
}

/// Bob's slides at these times, at most 25 of them a second, beside Ann's voice of eight seconds.
MadeCall call_of_slides(const std::filesystem::path& folder, const std::vector<double>& times, double bobs_voice = 0) {
  MadeCall call(folder);
  call.add_voice("Ann", {.from = 0, .seconds = 8, .level = speaks(99, 99)});
  if (bobs_voice > 0) call.add_voice("Bob", {.from = 0, .seconds = bobs_voice, .level = speaks(99, 99)});
  MadeCall::Camera slides = camera_of("Bob", times.front(), 8 - times.front());
  slides.screen = true;
  slides.sends = [times](double t) {
    return std::ranges::any_of(times, [t](double one) { return std::abs(t - one) < 0.001; });
  };
  call.add_camera("Bob", "Bob-screen", slides);
  call.write();
  return call;
}

json pictures_of_bob(const json& plan) {
  for (const json& one : plan["participants"])
    if (one["id"] == "Bob") return one["pictures"];
  return {};
}

TEST(ComposedFilm, ASlideIsSeenForThreeSecondsAndTheLastOneAsLongAsOthersStood) {
  const TempDir folder;
  struct Slides {
    std::vector<double> times;
    double until;
  };
  for (const Slides& one : {Slides{{1}, 4}, Slides{{1, 3}, 5}, Slides{{1, 3, 5}, 7}, Slides{{1, 1.2, 1.4, 4}, 6.6},
                            Slides{{0.52, 5.52}, 8.02}, Slides{{7.96}, 8.06}}) {
    const std::string name = "slides" + std::to_string(one.times.size()) + "_" + std::to_string(one.until);
    SCOPED_TRACE(name);
    const MadeCall call = call_of_slides(folder / name, one.times);
    auto options = small_film(folder / (name + ".mp4"), "single-speaker");
    options.fps = kFps;
    const auto result = compose({call.path().string()}, options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->participants, 2U);
    EXPECT_FALSE(result->lost_media);
    const json pictures = pictures_of_bob(plan_of(call.path(), options));
    ASSERT_EQ(pictures.size(), 1U);
    ASSERT_EQ(pictures[0]["shown"].size(), 1U);
    EXPECT_NEAR(pictures[0]["shown"][0]["from_ms"].get<double>(), one.times.front() * 1000, 3);
    EXPECT_NEAR(pictures[0]["shown"][0]["to_ms"].get<double>(), one.until * 1000, 25);
    EXPECT_NEAR(static_cast<double>(result->duration_ms), std::max(one.until, 8.02) * 1000, 25);
    const Film film(options.output);
    const json whole{{"x", 0}, {"y", 0}, {"width", 640}, {"height", 360}};
    for (const double t : one.times)
      EXPECT_EQ(code_in(film.at(t + 0.05), whole).number, std::lround(t * kFps)) << t;
    EXPECT_EQ(code_in(film.at(one.until - 0.05), whole).number, std::lround(one.times.back() * kFps));
    if (one.until < 8) {
      EXPECT_EQ(code_in(film.at(one.until + 0.08), whole).number, -1);  // Ann's initials
    }
  }
}

TEST(ComposedFilm, ASlideIsSeenUntilItsSenderHasLeft) {
  const TempDir folder;
  const MadeCall call = call_of_slides(folder / "call", {1}, 2);
  const json pictures = pictures_of_bob(plan_of(call.path(), small_film("film.mp4")));
  ASSERT_EQ(pictures.size(), 1U);
  ASSERT_EQ(pictures[0]["shown"].size(), 1U);
  EXPECT_NEAR(pictures[0]["shown"][0]["to_ms"].get<double>(), 2020, 5);
}

TEST(ComposedFilm, ASlideIsSeenInAFilmOfOnePictureASecond) {
  const TempDir folder;
  const MadeCall call = call_of_slides(folder / "call", {7.52});
  auto options = small_film(folder / "film.mkv", "single-speaker");
  options.fps = 1;
  const auto result = compose({call.path().string()}, options);
  ASSERT_TRUE(result) << result.error().message;
  const Film film(options.output);
  EXPECT_EQ(code_in(film.pictures().back(), {{"x", 0}, {"y", 0}, {"width", 640}, {"height", 360}}).number, 188);
}

TEST(ComposedFilm, TheLastPictureOfEveryCameraIsSeenAndMakesTheFilmNoLonger) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto ann = camera_of("Ann", 0, 4);
  ann.late = [](double t) { return std::abs(t - 3.92) < 0.001 ? 0.025 : 0; };  // it and the last one come in one tick
  call.add_camera("Ann", "Ann-cam", ann);
  call.add_camera("Bob", "Bob-cam", camera_of("Bob", 0, 2.6));
  call.write();
  auto options = small_film(folder / "film.mp4");
  options.fps = kFps;
  const auto result = compose({call.path().string()}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(static_cast<double>(result->duration_ms), 4000, 5);
  const json plan = plan_of(call.path(), options);
  const Film film(options.output);
  std::map<std::string, int> last;
  for (const Film::Picture& picture : film.pictures())
    for (const json& tile : scene_at(plan, static_cast<double>(picture.time_ns) / 1e9)["tiles"])
      last[tile["participant"]] = code_in(picture, tile).number;
  EXPECT_EQ(last["Ann"], 4 * kFps - 1);
  EXPECT_EQ(last["Bob"], 2.6 * kFps - 1);
}

TEST(ComposedFilm, OfARecordingOfOnePictureShowsIt) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto ann = camera_of("Ann", 0, 1);
  ann.sends = [](double t) { return t < 0.001; };
  call.add_camera("Ann", "Ann-cam", ann);
  call.write();
  auto options = small_film(folder / "film.mp4");
  options.timeline_file = folder / "film.otio";
  options.timeline_media = folder / "media";
  const auto result = compose({call.path().string()}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_FALSE(result->lost_media);
  EXPECT_NEAR(static_cast<double>(result->duration_ms), 100, 2);
  const Film film(options.output);
  ASSERT_FALSE(film.pictures().empty());
  EXPECT_EQ(code_in(film.pictures().front(), {{"x", 0}, {"y", 0}, {"width", 640}, {"height", 360}}).number, 0);
  // An editor has it for a picture's time, too.
  const json timeline = json::parse(read_file(options.timeline_file));
  const json& clip = timeline["tracks"]["children"][0]["children"][0];
  EXPECT_EQ(clip["source_range"]["duration"]["value"], 33.0);
}

TEST(ComposedFilm, SomebodysSecondPictureIsThereBetweenItsFirstSlideAndItsLast) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_camera("Bob", "Bob-cam", camera_of("Bob", 0, 8));
  auto slides = camera_of("Bob", 0, 8);
  slides.sends = [](double t) { return std::abs(t - 1) < 0.001 || std::abs(t - 6) < 0.001; };
  call.add_camera("Bob", "Bob-slides", slides);
  call.write();
  const json pictures = pictures_of_bob(plan_of(call.path(), small_film("film.mp4")));
  ASSERT_EQ(pictures.size(), 2U);
  EXPECT_EQ(pictures[1]["kind"], "screen");
  ASSERT_EQ(pictures[1]["shown"].size(), 1U);
  EXPECT_NEAR(pictures[1]["shown"][0]["to_ms"].get<double>(), 8000, 5);
}

TEST(ComposedFilm, ACameraThatGoesOffAndOnMoreOftenThanIsKeptIsSeenToItsEnd) {
  const TempDir folder;
  MadeCall call(folder / "call");
  MadeCall::Camera camera{.from = 0, .seconds = 8'100, .width = 64, .height = 36, .fps = 1};
  camera.sends = [](double t) { return std::fmod(t, 4) < 0.01; };
  call.add_camera("Bob", "Bob-cam", camera);
  call.write();
  const json pictures = pictures_of_bob(plan_of(call.path(), small_film("film.mp4")));
  ASSERT_EQ(pictures.size(), 1U);
  EXPECT_EQ(pictures[0]["shown"].size(), 2'000U);
  EXPECT_NEAR(pictures[0]["shown"].back()["to_ms"].get<double>(), 8'096'100, 20);
}

TEST(ComposedFilm, WhatIsToBeShownLongAfterItCameIsLeftOutWithANote) {
  const TempDir folder;
  MadeCall call(folder / "call");
  auto ann = camera_of("Ann", 0, 100);
  ann.fps = 1;
  ann.arrives = [](double t) { return t / 50; };
  call.add_camera("Ann", "Ann-cam", ann);
  call.write();
  auto options = small_film(folder / "film.mp4");
  options.fps = 1;
  const auto result = compose({call.path().string()}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_NEAR(static_cast<double>(result->duration_ms), 62'000, 1'100);
  EXPECT_TRUE(result->lost_media);
  ASSERT_FALSE(result->notes.empty());
  EXPECT_THAT(result->notes[0].message, testing::HasSubstr("Ann-cam: what is to be shown or heard more than a minute"));
}

TEST(ComposedFilm, EveryContainerPlays) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 2, .wave = tone(440)});
  call.add_camera("Ann", "Ann-cam", camera_of("Ann", 0, 2));
  call.write();
  struct Way {
    const char* name;
    std::optional<VideoCodec> codec;
    std::optional<AudioCodec> audio;
    const char* picture;
    const char* sound;
  };
  for (const Way& way :
       {Way{"a.mp4", {}, {}, "h264", "aac"}, Way{"b.mp4", VideoCodec::vp9, AudioCodec::opus, "vp9", "opus"},
        Way{"c.webm", {}, {}, "vp8", "opus"}, Way{"d.webm", VideoCodec::av1, {}, "av1", "opus"},
        Way{"e.mkv", {}, {}, "h264", "opus"}}) {
    SCOPED_TRACE(way.name);
    auto options = small_film(folder / way.name);
    options.width = 320;
    options.height = 180;
    options.codec = way.codec;
    options.audio_codec = way.audio;
    const auto result = compose({call.path().string()}, options);
    ASSERT_TRUE(result) << result.error().message;
    const DecodedFile file = decode_file(options.output);
    ASSERT_EQ(file.streams.size(), 2U);
    EXPECT_EQ(file.streams[0].codec, way.picture);
    EXPECT_EQ(file.streams[1].codec, way.sound);
    EXPECT_EQ(file.streams[0].decode_errors, 0);
    EXPECT_GE(file.streams[0].hashes.size(), 45U);
    EXPECT_NEAR(static_cast<double>(file.duration_ns) / 1e9, 2, 0.1);
  }
  const auto refused = [&] {
    auto options = small_film(folder / "f.webm");
    options.codec = VideoCodec::h264;
    return compose({call.path().string()}, options);
  }();
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::invalid_argument);
}

TEST(ComposedFilm, ATrackOfNoiseIsLeftOutWithANote) {
  const TempDir folder;
  const MadeCall call = busy_call(folder);
  std::string noise = read_file(call.path() / "Bob-cam.rtpx");
  std::mt19937 random(3);
  for (std::size_t at = 13; at + 40 < noise.size();) {  // the packets stay packets, their pictures do not
    const std::size_t size =
        static_cast<std::uint8_t>(noise[at - 2]) << 8 | static_cast<std::uint8_t>(noise[at - 1]);
    for (std::size_t i = 20; i < size; ++i) noise[at + i] = static_cast<char>(random());
    at += size + 13;
  }
  write_file(call.path() / "Bob-cam.rtpx", noise);
  const auto options = small_film(folder / "film.mp4");
  const auto result = compose({call.path().string()}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->participants, 4U);
  const json plan = plan_of(call.path(), options);
  const Film film(options.output);
  for (const json& tile : scene_at(plan, 1.5)["tiles"]) {
    if (tile["participant"] != "Ann") continue;
    EXPECT_NEAR(code_in(film.at(1.5), tile).number, 37, 2);
  }
}

TEST(ComposedFilm, CancelledLeavesNothing) {
  const TempDir folder;
  const MadeCall call = busy_call(folder);
  auto options = small_film(folder / "out" / "film.mp4");
  options.stems = Stems{folder / "out", StemFormat::wav};
  std::stop_source stop;
  options.stop = stop.get_token();
  options.progress = [&](const ConvertProgress& now) {
    if (now.what == "write" && now.fraction > 0.4) stop.request_stop();
  };
  const auto result = compose({call.path().string()}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_EQ(entries(folder / "out"), 0U);
}

/// Encoded pictures in the order in which they are sent.
class SentPictures final : public FrameSource {
 public:
  explicit SentPictures(const EncodedStream& sent) : sent_(sent) {}
  Result<const PlacedFrame*> peek() override {
    if (at_ == sent_.packets.size()) return nullptr;
    const EncodedPacket& packet = sent_.packets[at_];
    frame_ = {};
    frame_.frame.data = packet.data;
    frame_.frame.kind = packet.keyframe ? FrameKind::key : FrameKind::delta;
    frame_.time_ns = packet.time_ns;
    frame_.codec = &codec_;
    frame_.config = &sent_.track.config;
    return &frame_;
  }
  void pop() override { ++at_; }
  Result<std::int64_t> seek(std::int64_t) override { return fail(Errc::unsupported, "not here"); }

 private:
  const EncodedStream& sent_;
  const Codec codec_{96, "video/H264", 90'000, std::nullopt, std::nullopt, {}};
  std::size_t at_ = 0;
  PlacedFrame frame_;
};

TEST(PictureTrack, BPicturesAreShownAtTheirTimes) {
  const auto sent = encode_video({.encoder = "libx264", .frames = 60, .gop = 20, .options = {{"bf", "3"}, {"b_strategy", "0"}, {"tune", "ssim"}}});
  ASSERT_FALSE(sent.packets.empty());
  ASSERT_FALSE(std::ranges::is_sorted(sent.packets, {}, &EncodedPacket::time_ns)) << "there are B pictures";
  const TempDir folder;
  ASSERT_TRUE(mux(Format::mkv, folder / "sent.mkv", {sent}));
  const Film truth(folder / "sent.mkv");
  ASSERT_EQ(truth.pictures().size(), 60U);
  for (const bool looked_away : {false, true}) {
    SCOPED_TRACE(looked_away);
    film::TrackSource source;
    const auto track = film::PictureTrack::of(source, std::make_unique<SentPictures>(sent));
    std::size_t right = 0;
    const std::size_t end = truth.pictures().size() - 4;  // those of a track that follows come when more has come
    for (std::size_t i = 0; i < end; ++i) {
      const std::int64_t at = static_cast<std::int64_t>(i) * 40'000'000 + 1'000'000;
      if (looked_away && i % 10 < 5) {
        ASSERT_TRUE(track->pass(at, 0));
        continue;
      }
      const auto shown = track->at(at);
      ASSERT_TRUE(shown && *shown) << i;
      const Film::Picture& wanted = truth.pictures()[i];
      bool same = true;
      for (int y = 0; y < wanted.height; ++y)
        same = same && std::memcmp((*shown)->picture->data[0] + static_cast<std::ptrdiff_t>(y) * (*shown)->picture->linesize[0],
                                   wanted.luma.data() + static_cast<std::ptrdiff_t>(y) * wanted.width, static_cast<std::size_t>(wanted.width)) == 0;
      right += same ? 1 : 0;
      EXPECT_TRUE(same) << i;
    }
    EXPECT_GE(right, looked_away ? end / 3 : end - 1);
  }
}

TEST(PictureTrack, OfSimulcastTheLayerThatFitsTheTileIsDecoded) {
  RTPX_NEEDS_CAPTURE(recording, "browser/vp8_simulcast3");
  const TempDir folder;
  const auto call =
      film::OpenCall::open({recording.string()}, {folder.path(), folder.path(), nullptr, nullptr, {}, {}});
  ASSERT_TRUE(call) << call.error().message;
  const film::TrackSource& source = (*call)->sources()[0].pictures[0];
  ASSERT_EQ(source.layers.size(), 3U);
  int before = 0;
  for (const film::Span& span : (*call)->call().participants[0].pictures[0].shown)
    EXPECT_GT(span.to_ns, span.from_ns);
  const std::int64_t end = (*call)->call().participants[0].there.to_ns;
  for (const int width : {160, 640, 1920}) {
    auto track = film::PictureTrack::open(source, width, width * 9 / 16);
    ASSERT_TRUE(track);
    int widest = 0;
    for (std::int64_t at = 0; at < end; at += 500'000'000) {
      const auto shown = (*track)->at(at);
      ASSERT_TRUE(shown);
      if (*shown) widest = std::max(widest, (*shown)->picture->width);
    }
    EXPECT_GT(widest, before) << "for tiles of " << width;
    before = widest;
  }
}

}  // namespace
}  // namespace rtpx::test
