// A film that was made in slices beside the same film made at once.

#include <gtest/gtest.h>

#include <fstream>
#include <random>

#include "compose/made_call.hpp"
#include "compose/slice_file.hpp"
#include "media/video_reader.hpp"
#include "mux/support/media.hpp"
#include "rtpx/composer.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

constexpr int kSlicedFps = 25;  // of cameras and film: jitter then decides which picture waits for the next tick

/// Three people for 13 s: pictures come late by up to 25 ms, one camera stops, one comes late.
MadeCall long_call(const TempDir& folder) {
  MadeCall call(folder / "call");
  std::mt19937 random(5);
  const auto late = [&](double) { return std::uniform_real_distribution<>(0, 0.025)(random); };
  int shade = 60;
  for (const char* who : {"Ann", "Bob", "Cleo"}) {
    const bool first = shade == 60;
    MadeCall::Camera camera{.from = first ? 0.0 : 1.3, .seconds = first ? 13.0 : 11.7, .fps = kSlicedFps, .shade = shade};
    camera.late = late;
    camera.keyframe_every = 3;
    if (shade == 100) camera.sends = [](double t) { return t < 3 || t > 7.5; };
    if (shade == 140) camera.lost = [](double t) { return std::abs(t - 9.64) < 0.001; };
    call.add_voice(who, {.from = camera.from,
                         .seconds = camera.seconds,
                         .wave = tone(300 + 2 * shade),
                         .level = [=](double t) { return static_cast<int>(t / 4) % 3 == shade / 40 - 1 ? 20 : 90; }});
    call.add_camera(who, std::string(who) + "-cam", camera);
    shade += 40;
  }
  call.write();
  return call;
}

ComposeOptions sliced_film(const std::filesystem::path& output) {
  ComposeOptions options;
  options.output = output;
  options.width = 640;
  options.height = 360;
  options.fps = kSlicedFps;
  options.threads = 2;
  options.crf = 18;
  return options;
}

/// What the decoded pictures of the three tiles say, and when they are shown.
std::vector<std::string> told_by(const std::filesystem::path& film) {
  std::vector<std::string> out;
  auto reader = VideoReader::open(film);
  if (!reader) return out;
  for (;;) {
    const auto picture = (*reader)->next();
    if (!picture || *picture == nullptr) return out;
    const AVFrame& frame = **picture;
    std::string told = std::to_string((*reader)->time_ns(frame));
    for (int tile = 0; tile < 4; ++tile)
      told += " " + std::to_string(read_code(frame.data[0] + static_cast<std::ptrdiff_t>(tile / 2 * frame.height / 2) *
                                                                 frame.linesize[0] + tile % 2 * frame.width / 2,
                                             frame.linesize[0], frame.width / 2, frame.height / 2)
                                       .number);
    out.push_back(told);
  }
}

/// Time, length and hash of every packet of the sound.
std::string sound_of(const std::filesystem::path& film) {
  return run("ffmpeg -nostdin -v error -i '" + film.string() + "' -map 0:a -c copy -f framemd5 -").text;
}

TEST(Slices, JoinedTheyAreTheFilmThatIsMadeAtOnce) {
  const TempDir folder;
  const MadeCall call = long_call(folder);
  for (const char* name : {"film.mp4", "film.webm"}) {
    SCOPED_TRACE(name);
    auto whole = sliced_film(folder / "whole" / name), sliced = sliced_film(folder / "sliced" / name);
    whole.loudness = sliced.loudness = -20;
    whole.width = sliced.width = 320;
    whole.height = sliced.height = 180;
    whole.layout = sliced.layout = "speaker";
    whole.chapters_file = folder / "whole" / "film.vtt";
    sliced.chapters_file = folder / "sliced" / "film.vtt";
    const auto at_once = compose({call.path().string()}, whole);
    ASSERT_TRUE(at_once) << at_once.error().message;
    constexpr int kSlices = 3;
    for (int number = kSlices; number >= 0; --number) {
      const auto made = compose_slice({call.path().string()}, sliced, {number, kSlices});
      ASSERT_TRUE(made) << made.error().message;
      EXPECT_EQ(made->file, slice_path(sliced.output, {number, kSlices}));
    }
    const auto joined = join_slices({call.path().string()}, sliced, kSlices);
    ASSERT_TRUE(joined) << joined.error().message;
    EXPECT_EQ(sound_of(sliced.output), sound_of(whole.output));
    EXPECT_GT(sound_of(sliced.output).size(), 10'000U);
    const DecodedFile expected = decode_file(whole.output), file = decode_file(sliced.output);
    ASSERT_EQ(file.streams.size(), 2U);
    EXPECT_EQ(file.streams[0].times_ns, expected.streams[0].times_ns);
    EXPECT_EQ(file.streams[0].durations_ns, expected.streams[0].durations_ns);
    EXPECT_EQ(file.streams[0].decode_errors, 0);
    EXPECT_EQ(file.duration_ns, expected.duration_ns);
    for (std::size_t i = 0; i < file.streams[0].times_ns.size(); ++i)
      if (file.streams[0].times_ns[i] % 5'000'000'000 == 0) {
        EXPECT_TRUE(file.streams[0].keyframes[i]) << file.streams[0].times_ns[i];
      }
    EXPECT_EQ(read_file(sliced.chapters_file), read_file(whole.chapters_file));
    EXPECT_EQ(joined->canvases_encoded, at_once->canvases_encoded);
    EXPECT_EQ(joined->measured_loudness, at_once->measured_loudness);
    EXPECT_EQ(joined->lost_media, at_once->lost_media);
    ASSERT_EQ(joined->notes.size(), at_once->notes.size());
  }
}

TEST(Slices, EachPictureShowsWhatItShowsInTheFilmMadeAtOnce) {
  const TempDir folder;
  const MadeCall call = long_call(folder);
  const auto whole = sliced_film(folder / "whole.mp4"), sliced = sliced_film(folder / "sliced.mp4");
  ASSERT_TRUE(compose({call.path().string()}, whole));
  constexpr int kSlices = 5;  // more than there are places to cut: two are empty
  for (int number = 0; number <= kSlices; ++number)
    ASSERT_TRUE(compose_slice({call.path().string()}, sliced, {number, kSlices}));
  ASSERT_TRUE(join_slices({call.path().string()}, sliced, kSlices));
  const auto expected = told_by(whole.output);
  EXPECT_GT(expected.size(), 300U);
  EXPECT_EQ(told_by(sliced.output), expected);
}

TEST(Slices, AFilmOfOnePictureIsTheSame) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 1, .sends = [](double t) { return t < 0.001; }});
  call.write();
  const auto whole = sliced_film(folder / "whole.mp4"), sliced = sliced_film(folder / "sliced.mp4");
  const auto at_once = compose({call.path().string()}, whole);
  ASSERT_TRUE(at_once) << at_once.error().message;
  for (int number = 0; number <= 2; ++number) ASSERT_TRUE(compose_slice({call.path().string()}, sliced, {number, 2}));
  ASSERT_TRUE(join_slices({call.path().string()}, sliced, 2));
  EXPECT_FALSE(told_by(whole.output).empty());
  EXPECT_EQ(told_by(sliced.output), told_by(whole.output));
}

TEST(Slices, WhatIsMissingDamagedOrOfAnotherFilmIsNotJoined) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 6});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 6});
  call.write();
  auto options = sliced_film(folder / "film.mp4");
  const std::vector<std::string> recordings{call.path().string()};
  for (int number = 0; number <= 2; ++number) ASSERT_TRUE(compose_slice(recordings, options, {number, 2}));
  const auto refused = [&](Errc code) {
    const auto joined = join_slices(recordings, options, 2);
    EXPECT_FALSE(std::filesystem::exists(options.output));
    ASSERT_FALSE(joined);
    EXPECT_EQ(joined.error().code, code) << joined.error().message;
    EXPECT_NE(joined.error().message.find("film.mp4.2-of-2.slice"), std::string::npos) << joined.error().message;
  };
  const std::filesystem::path second = slice_path(options.output, {2, 2});
  const std::string good = read_file(second);
  write_file(second, good.substr(0, good.size() - 7));
  refused(Errc::truncated);
  std::string bad = good;
  bad[good.size() / 2] ^= 1;
  write_file(second, bad);
  refused(Errc::malformed);
  std::filesystem::remove(second);
  refused(Errc::not_found);
  options.title = "Other";
  ASSERT_TRUE(compose_slice(recordings, options, {2, 2}));
  options.title.clear();
  refused(Errc::malformed);
  ASSERT_TRUE(compose_slice(recordings, options, {2, 2}));
  // What a layout of one's own holds tells films apart, not its name.
  const auto lay_out = [&](const std::string& name, const std::string& colour) {
    options.layout_file = folder / name;
    write_file(options.layout_file, R"({"name": "own", "background": ")" + colour +
                                        R"(", "variants": [{"regions": [{"show": "speaker", "fit": "contain"}]}]})");
  };
  lay_out("own.json", "#000000");
  for (int number = 0; number <= 2; ++number) ASSERT_TRUE(compose_slice(recordings, options, {number, 2}));
  lay_out("own.json", "#ffffff");
  ASSERT_TRUE(compose_slice(recordings, options, {2, 2}));
  lay_out("own.json", "#000000");
  refused(Errc::malformed);
  ASSERT_TRUE(compose_slice(recordings, options, {2, 2}));
  lay_out("other.json", "#000000");
  EXPECT_TRUE(join_slices(recordings, options, 2));
  for (const FilmSlice& wrong : {FilmSlice{3, 2}, FilmSlice{-1, 2}, FilmSlice{0, 0}, FilmSlice{1, 1001}})
    EXPECT_EQ(compose_slice(recordings, options, wrong).error().code, Errc::invalid_argument);
  options.output = folder / "film.ogg";
  EXPECT_EQ(compose_slice(recordings, options, {1, 2}).error().code, Errc::invalid_argument);
}

TEST(Slices, OfManyLongNotesThereAreAsManyAsCanBeRead) {
  const TempDir folder;
  film::SliceOutcome outcome;
  outcome.notes.assign(2'000, {ConvertNote::Severity::skipped, "Ann-cam", std::string(4'096, '\x01')});
  auto writer = film::SliceWriter::create(folder / "a.slice", "film", 1, 1);
  ASSERT_TRUE(writer);
  ASSERT_TRUE((*writer)->finish(outcome));
  auto reader = film::SliceReader::open(folder / "a.slice", "film", 1, 1);
  ASSERT_TRUE(reader) << reader.error().message;
  const auto end = (*reader)->next();
  ASSERT_TRUE(end) << end.error().message;
  EXPECT_EQ(*end, nullptr);
  EXPECT_GT((*reader)->outcome().notes.size(), 100U);
  EXPECT_LT((*reader)->outcome().notes.size(), 2'000U);
}

TEST(Slices, TheyPartAFilmWhereAPlayerCanBegin) {
  for (const std::int64_t seconds : {1, 4, 5, 6, 61, 3'600})
    for (const int of : {1, 2, 7, 12}) {
      const film::PictureRange whole = film::pictures_of(seconds * 1'000'000'000, 30);
      std::int64_t at = 0;
      for (int number = 1; number <= of; ++number) {
        const film::PictureRange slice = film::slice_of(whole, 30, number, of);
        EXPECT_EQ(slice.from, std::min(at, whole.to));
        EXPECT_EQ(slice.from % 150, 0);
        EXPECT_LE(slice.to - slice.from, whole.to / of + 150);
        at = slice.to;
      }
      EXPECT_EQ(at, whole.to);
    }
}

TEST(Slices, TheRestOfAFilmHasAPictureToo) {
  EXPECT_EQ(film::pictures_of(1, 30).to, 1);
  EXPECT_EQ(film::pictures_of(2'000'000'000, 30).to, 60);
  EXPECT_EQ(film::pictures_of(2'000'000'001, 30).to, 61);
  EXPECT_EQ(film::pictures_of(3'599'999'999'999, 25).to, 90'000);
}

}  // namespace
}  // namespace rtpx::test
