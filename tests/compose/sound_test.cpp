#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <complex>
#include <cstring>
#include <nlohmann/json.hpp>

#include "compose/made_call.hpp"
#include "compose/mixer.hpp"
#include "mux/support/media.hpp"
#include "rtpx/composer.hpp"
#include "storage/recording_file.hpp"
#include "support/captures.hpp"

namespace rtpx::test {
namespace {

/// Interleaved samples of both channels, as FFmpeg decodes the file.
std::vector<float> heard(const std::filesystem::path& file) {
  const std::string bytes =
      run("ffmpeg -nostdin -v error -i '" + file.string() + "' -f f32le -ac 2 -ar 48000 -").text;
  std::vector<float> out(bytes.size() / sizeof(float));
  std::memcpy(out.data(), bytes.data(), out.size() * sizeof(float));
  return out;
}

/// How strong a tone is in a stretch of one channel.
double strength(const std::vector<float>& samples, double frequency, double from, double to,
                std::size_t channel = 0) {
  std::complex<double> sum;
  const auto first = static_cast<std::size_t>(from * 48'000), last = static_cast<std::size_t>(to * 48'000);
  for (std::size_t i = first; i < last && 2 * i + channel < samples.size(); ++i)
    sum += double{samples[2 * i + channel]} *
           std::polar(1.0, -2 * M_PI * frequency * static_cast<double>(i) / 48'000);
  return 2 * std::abs(sum) / static_cast<double>(last - first);
}

/// The largest step from sample to sample.
double largest_step(const std::vector<float>& samples, double from, double to) {
  double out = 0;
  for (auto i = static_cast<std::size_t>(from * 48'000) * 2;
       i + 2 < samples.size() && i < static_cast<std::size_t>(to * 48'000) * 2; i += 2)
    out = std::max(out, double{std::abs(samples[i + 2] - samples[i])});
  return out;
}

ComposeOptions into(const std::filesystem::path& output) {
  ComposeOptions options;
  options.output = output;
  return options;
}

ComposeResult composed(const std::filesystem::path& call, const ComposeOptions& options) {
  auto result = compose({call.string()}, options);
  EXPECT_TRUE(result) << result.error().message;
  return result ? *result : ComposeResult{};
}

/// Ann all the time at 440 Hz, Bob at 1000 Hz from 1 to 3 s.
MadeCall two_voices(const TempDir& folder) {
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 4, .wave = tone(440)});
  call.add_voice("Bob", {.from = 1, .seconds = 2, .wave = tone(1000)});
  call.write();
  return call;
}

TEST(ComposedSound, EverybodyIsHeardWhenHeSpoke) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  for (const char* name : {"mix.wav", "mix.m4a", "mix.ogg"}) {
    SCOPED_TRACE(name);
    const auto result = composed(call.path(), into(folder / name));
    EXPECT_EQ(result.participants, 2U);
    EXPECT_FALSE(result.lost_media);
    const auto sound = heard(folder / name);
    EXPECT_NEAR(static_cast<double>(sound.size()) / 2 / 48'000, 4.02, 0.02);  // the last packet is the encoder's rest
    EXPECT_NEAR(strength(sound, 440, 0.2, 3.8), 0.25, 0.03);
    EXPECT_NEAR(strength(sound, 1000, 1.1, 2.9), 0.25, 0.03);
    EXPECT_LT(strength(sound, 1000, 0.1, 0.9), 0.01);
    EXPECT_LT(strength(sound, 1000, 3.1, 3.9), 0.01);
  }
}

TEST(ComposedSound, StemsSumToTheMixAndAreAsLongToTheSample) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 3, .wave = tone(440, 0.7F)});  // too loud together: limited
  call.add_voice("Bob", {.from = 1, .seconds = 1.5, .wave = tone(1000, 0.7F)});
  call.add_voice("Cleo", {.from = 2, .seconds = 2, .wave = tone(700, 0.5F)});
  call.write();
  ComposeOptions options = into(folder / "mix.wav");
  options.stems = Stems{folder / "stems", StemFormat::wav};
  const auto result = composed(call.path(), options);
  ASSERT_EQ(result.stems.size(), 3U);
  EXPECT_EQ(result.stems[0].file, folder / "stems" / "Ann.wav");
  const auto mix = heard(folder / "mix.wav");
  std::vector<float> sum(mix.size());
  float peak = 0;
  for (const ComposedStem& stem : result.stems) {
    const auto part = heard(stem.file);
    ASSERT_EQ(part.size(), mix.size());
    for (std::size_t i = 0; i < part.size(); ++i) sum[i] += part[i];
  }
  double worst = 0;
  for (std::size_t i = 0; i < mix.size(); ++i) {
    worst = std::max(worst, double{std::abs(sum[i] - mix[i])});
    peak = std::max(peak, std::abs(mix[i]));
  }
  EXPECT_LE(worst, 2.5 / 32'768);  // each file is rounded to 16 bits
  EXPECT_LT(peak, 0.892);
  EXPECT_GT(peak, 0.85);
}

TEST(ComposedSound, StemsOfOtherFormatsBeginAtZeroToo) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  for (const auto format : {StemFormat::flac, StemFormat::opus}) {
    ComposeOptions options = into(folder / "mix.wav");
    options.stems = Stems{folder / "stems", format};
    const auto result = composed(call.path(), options);
    ASSERT_EQ(result.stems.size(), 2U);
    const auto mix = heard(folder / "mix.wav");
    for (const ComposedStem& stem : result.stems) {
      const auto part = heard(stem.file);
      EXPECT_EQ(part.size(), mix.size()) << stem.file;
      const double frequency = stem.name == "Ann" ? 440 : 1000;
      EXPECT_NEAR(strength(part, frequency, 1.2, 2.8), 0.25, 0.03);
    }
  }
}

TEST(ComposedSound, StemsInFlacAreFilesOfTheirOwnThatHoldWhatThoseInWavHold) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  ComposeOptions options = into(folder / "mix.wav");
  options.stems = Stems{folder / "stems", StemFormat::flac};
  composed(call.path(), options);
  options.stems->format = StemFormat::wav;
  composed(call.path(), options);
  for (const std::string name : {"Ann", "Bob"}) {
    const auto flac = folder / "stems" / (name + ".flac");
    const auto wanted = heard(folder / "stems" / (name + ".wav")), got = heard(flac);
    EXPECT_EQ(got.size(), wanted.size());
    double worst = 0;
    for (std::size_t i = 0; i < std::min(got.size(), wanted.size()); ++i) worst = std::max(worst, double{std::abs(got[i] - wanted[i])});
    EXPECT_LE(worst, 1.0 / 32'768) << name;
    // STREAMINFO says how long it is: what stands in front of the frames, not how many of them there are.
    const std::string told = run("ffprobe -v error -show_entries format=format_name:stream=duration_ts:format_tags=TITLE -of csv '" + flac.string() + "'").text;
    EXPECT_NE(told.find("stream," + std::to_string(got.size() / 2)), std::string::npos) << told;
    EXPECT_NE(told.find("flac," + name), std::string::npos) << told;
  }
}

TEST(ComposedSound, JoinsAndLeavesDoNotClick) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 3});
  // From its crest on, and cut off on a crest: nothing comes any more.
  call.add_voice("Bob",
                 {.from = 1,
                  .seconds = 1.5,
                  .wave = [](double t) { return 0.5F * static_cast<float>(std::cos(2 * M_PI * 100 * t)); },
                  .lost = [](double t) { return t >= 1.999; }});
  call.write();
  composed(call.path(), into(folder / "mix.wav"));
  const auto sound = heard(folder / "mix.wav");
  EXPECT_GT(strength(sound, 100, 1.2, 1.8), 0.4);
  const double within = largest_step(sound, 1.2, 1.8);
  EXPECT_LT(largest_step(sound, 0.5, 1.2), 2 * within);
  EXPECT_LT(largest_step(sound, 1.8, 2.9), 2 * within);
}

TEST(ComposedSound, SoloMuteAndPanDoWhatTheySay) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  ComposeOptions options = into(folder / "mix.wav");
  options.solo = {"Bob"};
  composed(call.path(), options);
  EXPECT_LT(strength(heard(folder / "mix.wav"), 440, 1.2, 2.8), 0.01);
  options.solo.clear();
  options.mute = {"Bob"};
  composed(call.path(), options);
  EXPECT_LT(strength(heard(folder / "mix.wav"), 1000, 1.2, 2.8), 0.01);
  options.mute.clear();
  options.pan = {{"Ann", -1}, {"Bob", 0.5}};
  composed(call.path(), options);
  const auto sound = heard(folder / "mix.wav");
  EXPECT_NEAR(strength(sound, 440, 1.2, 2.8, 0), 0.25, 0.03);
  EXPECT_LT(strength(sound, 440, 1.2, 2.8, 1), 0.01);
  EXPECT_NEAR(strength(sound, 1000, 1.2, 2.8, 0), 0.125, 0.03);
  EXPECT_NEAR(strength(sound, 1000, 1.2, 2.8, 1), 0.25, 0.03);
  options.mute = {"Zoe"};
  const auto refused = compose({call.path().string()}, options);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().message, testing::HasSubstr("Ann, Bob"));
}

TEST(ComposedSound, LoudnessIsWhatWasAskedForByFfmpegsMeter) {
  const TempDir folder;
  MadeCall call(folder / "call");
  call.add_voice("Ann", {.from = 0, .seconds = 5, .wave = tone(1000, 0.02F)});
  call.write();
  ComposeOptions options = into(folder / "mix.wav");
  options.loudness = -16;
  const auto result = composed(call.path(), options);
  ASSERT_TRUE(result.measured_loudness);
  EXPECT_LT(*result.measured_loudness, -30);
  const std::string said = run("ffmpeg -nostdin -hide_banner -i '" + (folder / "mix.wav").string() +
                               "' -af ebur128 -f null - 2>&1")
                               .text;
  const std::size_t at = said.rfind("I:");
  ASSERT_NE(at, std::string::npos) << said;
  EXPECT_NEAR(std::stod(said.substr(at + 2)), -16, 0.3);
}

TEST(ComposedSound, LostPacketsAreConcealedAndTakenFromTheNextOnesFec) {
  const TempDir folder;
  MadeCall call(folder / "call");
  int packet = 0;
  call.add_voice(
      "Ann",
      {.from = 0, .seconds = 4, .lost = [&](double) { return ++packet % 10 == 0; }, .in_band_fec = true});
  call.write();
  const auto result = composed(call.path(), into(folder / "mix.wav"));
  std::string notes;
  for (const ConvertNote& note : result.notes) notes += note.message + "\n";
  EXPECT_THAT(notes, testing::HasSubstr("taken from the next packet"));
  const auto sound = heard(folder / "mix.wav");
  const AudioSource source{.voice = true};
  double error = 0, power = 0;  // against what was said
  for (std::size_t i = 24'000; i < 168'000; ++i) {
    const double said = test::sound(source, static_cast<double>(i) / 48'000);
    power += said * said;
    error += (said - sound[2 * i]) * (said - sound[2 * i]);
  }
  EXPECT_LT(error, power) << "noise as loud as the voice";
  EXPECT_LT(largest_step(sound, 0.5, 3.5), 0.5);
}

TEST(ComposedSound, OfOnePacketIsHeardAloneAndBesideOthers) {
  const TempDir folder;
  for (const bool alone : {true, false}) {
    SCOPED_TRACE(alone);
    MadeCall call(folder / (alone ? "one" : "two"));
    if (!alone) call.add_voice("Ann", {.from = 0, .seconds = 2});
    call.add_voice("Bob", {.from = 0.5, .seconds = 0.1, .wave = tone(1000), .lost = [](double t) { return t > 0.51; }});
    call.write();
    ComposeOptions options = into(folder / "mix.wav");
    options.stems = Stems{folder / "stems", StemFormat::wav};
    const auto result = composed(call.path(), options);
    EXPECT_EQ(result.participants, alone ? 1U : 2U);
    EXPECT_FALSE(result.lost_media);
    EXPECT_EQ(result.stems.size(), result.participants);
    const auto sound = heard(folder / "mix.wav");
    EXPECT_NEAR(static_cast<double>(sound.size()) / 2 / 48'000, alone ? 0.02 : 2.02, 0.02);
    const double from = alone ? 0 : 0.5;
    EXPECT_GT(strength(sound, 1000, from + 0.004, from + 0.018), 0.05);
  }
}

TEST(ComposedSound, ATrackThatCannotBeDecodedIsLeftOutWithANote) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  const std::string packets = read_file(call.path() / "Bob-mic.rtpx");
  std::string noise = packets;
  for (std::size_t i = 40; i < noise.size(); i += 3) noise[i] = static_cast<char>(noise[i] ^ 0x5A);
  write_file(call.path() / "Bob-mic.rtpx", noise);
  const auto result = compose({call.path().string()}, into(folder / "mix.wav"));
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_TRUE(result->lost_media);
  EXPECT_NEAR(strength(heard(folder / "mix.wav"), 440, 0.2, 0.9), 0.25, 0.03);
}

TEST(ComposedSound, CancelledLeavesNothing) {
  const TempDir folder;
  const MadeCall call = two_voices(folder);
  ComposeOptions options = into(folder / "out" / "mix.wav");
  options.stems = Stems{folder / "out", StemFormat::wav};
  std::stop_source stop;
  options.stop = stop.get_token();
  options.progress = [&](const ConvertProgress& now) {
    if (now.what == "write") stop.request_stop();
  };
  const auto result = compose({call.path().string()}, options);
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, Errc::cancelled);
  EXPECT_EQ(entries(folder / "out"), 0U);
}

TEST(Plan, OfARecordingSaysWhoSpeaksByWhatItsPacketsSay) {
  const TempDir folder;
  MadeCall call(folder / "call");
  const auto loud = [](double from, double to) {
    return [=](double t) { return t >= from && t < to ? 20 : 90; };
  };
  call.add_voice("Ann", {.from = 0, .seconds = 8, .level = loud(1, 3)});
  call.add_voice("Bob", {.from = 0.5, .seconds = 7, .level = loud(4, 6)});
  call.write();
  ComposeOptions options;
  options.layout = "speaker";
  const auto text = plan_composition({call.path().string()}, options);
  ASSERT_TRUE(text) << text.error().message;
  const auto plan = nlohmann::json::parse(*text);
  ASSERT_EQ(plan["participants"].size(), 2U);
  EXPECT_NEAR(plan["participants"][1]["joined_ms"].get<double>(), 500, 2);
  ASSERT_EQ(plan["turns"].size(), 2U) << *text;
  EXPECT_EQ(plan["turns"][0]["participant"], "Ann");
  EXPECT_EQ(plan["turns"][0]["by"], "rfc6464");
  EXPECT_EQ(plan["turns"][0]["level_dbov"], -20);
  EXPECT_NEAR(plan["turns"][1]["from_ms"].get<double>(), 4000, 60);
}

TEST(Plan, WithoutLevelsTheSoundIsMeasured) {
  const TempDir folder;
  MadeCall call(folder / "call");
  const auto speaks = [](double from, double to) {
    return [=](double t) { return t >= from && t < to ? tone(300)(t) : 0.0F; };
  };
  call.add_voice("Ann", {.from = 0, .seconds = 8, .wave = speaks(1, 3)});
  call.add_voice("Bob", {.from = 0, .seconds = 8, .wave = speaks(4, 6)});
  call.write();
  const auto text = plan_composition({call.path().string()}, {});
  ASSERT_TRUE(text) << text.error().message;
  const auto plan = nlohmann::json::parse(*text);
  ASSERT_EQ(plan["turns"].size(), 2U) << *text;
  EXPECT_EQ(plan["turns"][1]["participant"], "Bob");
  EXPECT_EQ(plan["turns"][1]["by"], "energy");
  EXPECT_NEAR(plan["turns"][1]["from_ms"].get<double>(), 4000, 100);
  EXPECT_NEAR(plan["turns"][1]["level_dbov"].get<int>(), -15, 3);  // a sine of 0.25
}

TEST(Plan, SeveralRecordingsAreJoinedByTheirClocks) {
  const TempDir folder;
  for (const auto& [name, anchor_ms] : {std::pair("one", 0), std::pair("two", 1500)}) {
    MadeCall call(folder / name);
    call.add_voice(name, {.from = 0, .seconds = 3, .wave = tone(500)});
    call.write();
    Manifest manifest = *read_manifest(call.path());
    for (auto& [id, track] : manifest)
      track.clock = ClockAnchor{1'000'000, track.start_time + std::chrono::milliseconds(anchor_ms)};
    write_file(call.path() / "manifest.json", serialize_manifest(manifest));
  }
  const auto text = plan_composition({(folder / "one").string(), (folder / "two").string()}, {});
  ASSERT_TRUE(text) << text.error().message;
  const auto plan = nlohmann::json::parse(*text);
  EXPECT_NEAR(plan["duration_ms"].get<double>(), 4520, 5);  // with the encoder's rest in the last packet
  EXPECT_NEAR(plan["participants"][1]["joined_ms"].get<double>(), 1500, 2);
}

/// Two recordings of one call, in which Ann and Bob beep at each whole second. The second one's machine was three seconds
/// ahead, and begins later. Answers the film, and by how much Bob's beeps are later than Ann's.
std::pair<ComposeResult, double> beeps_of_two(const TempDir& folder, std::optional<ClockOffset> first,
                                              std::optional<ClockOffset> second) {
  std::vector<std::string> recordings;
  for (const auto& [name, from, ahead_ms, offset] :
       {std::tuple("Ann", 0.0, 0, first), std::tuple("Bob", 1.3, 3000, second)}) {
    MadeCall call(folder / name);
    call.add_voice(name, {.from = from, .seconds = 5, .wave = beeps(name == std::string("Ann") ? 500 : 1500)});
    call.write();
    Manifest manifest = *read_manifest(call.path());
    const UtcTime start = manifest.begin()->second.start_time;
    for (auto& [id, track] : manifest) track.clock = ClockAnchor{1'000'000, start + std::chrono::milliseconds(ahead_ms)};
    write_file(call.path() / "manifest.json", serialize_manifest(manifest));
    RecordingInfo info;
    info.clock.begin = offset;
    EXPECT_TRUE(write_recording_info(real_file_system(), call.path(), info));
    recordings.push_back(call.path().string());
  }
  ComposeOptions options = into(folder / "mix.wav");
  options.stems = Stems{folder / "stems", StemFormat::wav};
  const auto result = compose(recordings, options);
  EXPECT_TRUE(result) << result.error().message;
  if (!result || result->stems.size() != 2) return {};
  const auto first_beep = [&](const ComposedStem& stem, double after) {
    const auto sound = heard(stem.file);
    for (auto i = static_cast<std::size_t>(after * 48'000); 2 * i < sound.size(); ++i)
      if (std::abs(sound[2 * i]) > 0.05F) return static_cast<double>(i) / 48'000;
    return -1.0;
  };
  return {*result, first_beep(result->stems[1], 0.5) - first_beep(result->stems[0], 1.5)};
}

std::string notes_of(const ComposeResult& result) {
  std::string out;
  for (const ConvertNote& note : result.notes) out += note.message + "\n";
  return out;
}

TEST(JoinedClocks, AreCorrectedByHowFarEachWasFromTheFleets) {
  const TempDir folder;
  const auto [film, later] = beeps_of_two(folder, ClockOffset{250, 1'000}, ClockOffset{-3'000'000, 4'200});
  EXPECT_NEAR(later, 0, 0.02);
  EXPECT_NEAR(static_cast<double>(film.duration_ms), 6'300, 30);
  EXPECT_THAT(notes_of(film), testing::HasSubstr("at most 6 ms"));
}

TEST(JoinedClocks, AreTakenAsTheyAreWhereNotAllAreKnown) {
  const TempDir folder;
  const auto [film, later] = beeps_of_two(folder, std::nullopt, ClockOffset{-3'000'000, 4'200});
  EXPECT_NEAR(later, 3, 0.02);
  EXPECT_THAT(notes_of(film), testing::HasSubstr("taken as they are"));
}

/// A bucket "calls" that is a folder of this machine.
class FolderDownloader final : public Downloader {
 public:
  explicit FolderDownloader(std::filesystem::path folder) : folder_(std::move(folder)) {}
  Result<void> download(const std::string& url, const std::filesystem::path& to) override {
    std::error_code failed;
    std::filesystem::copy_file(folder_ / url.substr(std::string_view("s3://calls/").size()), to,
                               std::filesystem::copy_options::overwrite_existing, failed);
    if (failed) return fail(Errc::not_found, url + ": " + failed.message());
    return {};
  }

 private:
  std::filesystem::path folder_;
};

TEST(JoinedRecordings, FromElsewhereMayHaveFilesOfTheSameNames) {
  const TempDir folder;
  for (const auto& [name, frequency] : {std::pair("one", 500), std::pair("two", 1500)}) {
    MadeCall call(folder / name);
    call.add_voice("Ann", {.from = 0, .seconds = 2, .wave = tone(frequency)});
    call.write();
  }
  ComposeOptions options = into(folder / "mix.wav");
  options.downloader = std::make_shared<FolderDownloader>(folder.path());
  options.download_path = folder / "downloads";
  const auto result = compose({"s3://calls/one", "s3://calls/two"}, options);
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->participants, 2U);
  const auto sound = heard(folder / "mix.wav");
  for (const int frequency : {500, 1500}) EXPECT_NEAR(strength(sound, frequency, 0.2, 1.8), 0.25, 0.03) << frequency;
}

TEST(Limiter, NothingPassesTheCeilingAndWhatIsBelowIsUntouched) {
  film::Limiter limiter(0.5F);
  constexpr int kBlock = film::Mixer::kBlock;
  std::vector<std::vector<float>> blocks(20, std::vector<float>(2 * kBlock));
  for (std::size_t b = 0; b < blocks.size(); ++b)
    for (std::size_t i = 0; i < blocks[b].size(); ++i)
      blocks[b][i] = (b == 7 || b == 8 ? 1.8F : 0.3F) * std::sin(static_cast<float>(i / 2) * 0.07F);
  std::vector<float> gains;
  for (std::size_t b = 0; b + 1 < blocks.size(); ++b) {
    limiter.gains(blocks[b].data(), blocks[b + 1].data(), kBlock, gains);
    for (std::size_t i = 0; i < blocks[b].size(); ++i)
      ASSERT_LE(std::abs(blocks[b][i] * gains[i / 2]), 0.50001F);
    for (std::size_t i = 1; i < gains.size(); ++i)
      ASSERT_LT(std::abs(gains[i] - gains[i - 1]), 0.02F) << "a step is a click";
    if (b < 6) {
      EXPECT_EQ(gains, std::vector<float>(kBlock, 1.0F));
    }
  }
}

}  // namespace
}  // namespace rtpx::test
