// Chapters, who spoke when, and the timeline for editors: read by other programs, or as their formats say.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "compose/made_call.hpp"
#include "compose/side_files.hpp"
#include "mux/support/media.hpp"
#include "rtpx/composer.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;

constexpr std::int64_t kSecond = 1'000'000'000;

film::Call a_call() {
  film::Call call;
  call.duration_ns = 20 * kSecond;
  call.participants.push_back({"a", "Ann", {0, 20 * kSecond}, {}, true, {}, {{kSecond, 3 * kSecond}}});
  call.participants.push_back(
      {"b", "Bob & <Co>", {kSecond / 2, 12 * kSecond}, {}, true, {}, {{2 * kSecond, 5 * kSecond}}});
  call.participants[0].pictures.push_back({"s", true, {{6 * kSecond, 9 * kSecond}}});
  return call;
}

TEST(Chapters, AreWhatHappensInTheCall) {
  const auto chapters = film::chapters_of(a_call(), {{15'000, "Questions"}, {99'000, "after the end"}});
  std::vector<std::pair<std::int64_t, std::string>> seen;
  for (const Chapter& chapter : chapters) seen.emplace_back(chapter.start_ns / 1'000'000, chapter.text);
  EXPECT_THAT(seen, testing::ElementsAre(
                        std::pair(0, "Ann joins, Bob & <Co> joins"), std::pair(6000, "Ann shares a screen"),
                        std::pair(12'000, "Bob & <Co> leaves"), std::pair(15'000, "Questions")));
}

TEST(Chapters, AsWebVttAreCuesWithoutMarkup) {
  const std::string text =
      film::webvtt_of({{0, "Ann & <b>\nBob"}, {3'723'004'000'000, "End"}}, 3'724 * kSecond);
  EXPECT_EQ(text,
            "WEBVTT\n\n00:00:00.000 --> 01:02:03.004\nAnn &amp; &lt;b&gt; Bob\n\n01:02:03.004 --> "
            "01:02:04.000\nEnd\n");
}

TEST(SpeechFile, SaysWhoSpokeWhenInOrder) {
  const json speech = json::parse(film::speech_json_of(a_call()));
  EXPECT_EQ(speech["segments"], json::parse(R"([{"start_ms":1000,"end_ms":3000,"speaker":"a"},
                                                {"start_ms":2000,"end_ms":5000,"speaker":"b"}])"));
  EXPECT_EQ(speech["speakers"][1]["name"], "Bob & <Co>");
  EXPECT_EQ(film::rttm_of(a_call(), "my call"),
            "SPEAKER my_call 1 1.000 2.000 <NA> <NA> Ann <NA> <NA>\n"
            "SPEAKER my_call 1 2.000 3.000 <NA> <NA> Bob_&_<Co> <NA> <NA>\n");
}

TEST(SideFiles, OfAFilmAreThereAndFfprobeReadsItsChapters) {
  const TempDir folder;
  MadeCall call(folder / "call");
  const auto level = [](double t) { return t > 1 && t < 2.5 ? 20 : 90; };
  call.add_voice("Ann", {.from = 0, .seconds = 5, .wave = tone(440), .level = level});
  call.add_camera("Ann", "Ann-cam", {.from = 0, .seconds = 5});
  call.add_voice("Bob", {.from = 2, .seconds = 3, .wave = tone(500), .level = [](double) { return 90; }});
  call.write();
  for (const char* name : {"film.mp4", "film.mkv", "film.webm"}) {
    SCOPED_TRACE(name);
    ComposeOptions options;
    options.output = folder / name;
    options.width = 320;
    options.height = 180;
    options.marks = {{3'500, "Fragen: Größe"}};
    options.title = "A call";
    options.chapters_file = folder / "film.vtt";
    options.speech_file = folder / "speech.json";
    options.timeline_file = folder / "film.otio";
    options.timeline_media = folder / "media";
    options.thumbnail = Thumbnails{160, -1};
    options.sprites = 4;
    const auto result = compose({call.path().string()}, options);
    ASSERT_TRUE(result) << result.error().message;
    EXPECT_EQ(result->side_files.size(), 8U);
    const auto size_of = [&](const char* end) {
      return run("ffprobe -v error -show_entries stream=width,height -of csv=p=0 '" + options.output.string() + end + "'").text;
    };
    EXPECT_EQ(size_of("_thumbnail.jpg"), "160,90\n");
    EXPECT_EQ(size_of("_sprites.jpg"), "320,180\n");  // two by two
    EXPECT_EQ(std::ranges::count(read_file(options.output.string() + "_sprites.vtt"), '#'), 4);
    const json probed =
        json::parse(run("ffprobe -v error -show_chapters -of json '" + options.output.string() + "'").text);
    ASSERT_EQ(probed["chapters"].size(), 3U);
    EXPECT_EQ(probed["chapters"][0]["tags"]["title"], "Ann joins");
    EXPECT_EQ(probed["chapters"][2]["tags"]["title"], "Fragen: Größe");
    EXPECT_NEAR(std::stod(probed["chapters"][1]["start_time"].get<std::string>()), 2, 0.01);
    EXPECT_NEAR(std::stod(probed["chapters"][2]["end_time"].get<std::string>()), 5, 0.1);
    EXPECT_EQ(decode_file(options.output).streams[0].decode_errors, 0);
  }
  const std::string cues = run("ffprobe -v error -show_entries packet=pts_time -of csv=p=0 '" +
                               (folder / "film.vtt").string() + "'")
                               .text;
  EXPECT_EQ(std::ranges::count(cues, '\n'), 3);
  const json speech = json::parse(read_file(folder / "speech.json"));
  ASSERT_EQ(speech["segments"].size(), 1U);
  EXPECT_NEAR(speech["segments"][0]["start_ms"].get<int>(), 1000, 60);
  // Each track's clip begins where its participant does, and its file is as long as it says.
  const json timeline = json::parse(read_file(folder / "film.otio"));
  EXPECT_EQ(timeline["OTIO_SCHEMA"], "Timeline.1");
  const json& tracks = timeline["tracks"]["children"];
  ASSERT_EQ(tracks.size(), 3U);  // Ann's picture and sound, Bob's sound
  for (const json& track : tracks) {
    double at = 0;
    for (const json& item : track["children"]) {
      const double length = item["source_range"]["duration"]["value"];
      if (item["OTIO_SCHEMA"] == "Clip.1") {
        EXPECT_NEAR(at, track["name"] == "Bob" ? 2000 : 0, 30);
        const DecodedFile file = decode_file(item["media_reference"]["target_url"].get<std::string>());
        EXPECT_TRUE(file.error.empty()) << file.error;
        EXPECT_NEAR(static_cast<double>(file.duration_ns) / 1e6, length, 60);
      }
      at += length;
    }
  }
  EXPECT_EQ(timeline["tracks"]["markers"].size(), 3U);
}

TEST(SideFiles, NoneAreLeftWhenTheLastOneFails) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 1, .wave = tone(440)});
  call.write();
  ComposeOptions options;
  options.output = folder / "out" / "film.ogg";
  options.stems = Stems{folder / "out", StemFormat::wav};
  options.chapters_file = folder / "out" / "film.vtt";
  options.speech_file = folder / "nowhere" / "speech.json";
  const auto result = compose({call.path().string()}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(entries(folder / "out"), 0U);
}

}  // namespace
}  // namespace rtpx::test
