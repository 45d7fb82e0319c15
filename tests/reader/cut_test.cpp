// What is cut out of a recording shows and sounds as the same span of the whole.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/time_text.hpp"
#include "convert/probe.hpp"
#include "rtpx/converter.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

using std::chrono::milliseconds;

struct Shown {
  std::filesystem::path file;
  double offset = 0;  // seconds
  std::vector<std::string> pictures;
  std::vector<double> times;  // of them, on the recording's timeline
};

Shown shown(const std::filesystem::path& recording, const std::filesystem::path& out,
            ConvertOptions options) {
  options.output_path = out;
  const auto result = convert(recording.string(), options);
  EXPECT_TRUE(result) << result.error().message;
  Shown made;
  if (!result) return made;
  const auto file = std::ranges::find_if(
      result->files, [](const auto& f) { return test::probe(f.second.file).packets("video") > 0; });
  EXPECT_NE(file, result->files.end());
  if (file == result->files.end()) return made;
  made.file = file->second.file;
  made.offset = static_cast<double>(file->second.offset_ms) / 1000;
  made.pictures = test::frame_hashes(made.file, "v:0");
  for (const double time : test::packet_times(made.file, "v:0")) made.times.push_back(time + made.offset);
  return made;
}

/// Index of the first picture at that time or later.
std::size_t at(const Shown& whole, double time) {
  return static_cast<std::size_t>(
      std::ranges::find_if(whole.times, [&](double t) { return t > time - 0.002; }) - whole.times.begin());
}

std::vector<std::string> span(const Shown& whole, std::size_t from, std::size_t to) {
  return {whole.pictures.begin() + static_cast<std::ptrdiff_t>(from),
          whole.pictures.begin() + static_cast<std::ptrdiff_t>(std::max(from, to))};
}

class Cut : public testing::TestWithParam<std::string> {};

TEST_P(Cut, BeginsAtTheKeyframeBeforeAndShowsTheSame) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  const test::TempDir out;
  const Shown whole = shown(folder, out / "whole", {});
  for (const auto& [from, to] : {std::pair(4'300, 9'100), std::pair(9'000, 9'800)}) {
    const Shown cut =
        shown(folder, out / std::to_string(from), {.from = milliseconds(from), .to = milliseconds(to)});
    ASSERT_FALSE(cut.times.empty());
    EXPECT_LE(cut.times.front(), from / 1000.0 + 0.05);
    EXPECT_EQ(cut.pictures, span(whole, at(whole, cut.times.front()), at(whole, to / 1000.0 + 0.0015)))
        << from;
    EXPECT_EQ(test::decode_errors(cut.file), "");
    EXPECT_EQ(test::mkvmerge_warnings(cut.file), "");
  }
}

TEST_P(Cut, EncodesAnewUpToTheNextKeyframeAndNothingElse) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  const test::TempDir out;
  const Shown whole = shown(folder, out / "whole", {.format = Format::mkv});
  const bool slow = GetParam() == "browser/firefox_av1_opus";
  const double from = 4.3, to = slow ? 5.3 : 9.1;
  const Shown cut = shown(folder, out / "cut",
                          {.format = Format::mkv,
                           .from = milliseconds(4'300),
                           .to = milliseconds(slow ? 5'300 : 9'100),
                           .cut_start = CutStart::encode});
  ASSERT_FALSE(cut.times.empty());
  EXPECT_EQ(test::decode_errors(cut.file), "");
  // The picture of that moment, then one for each of the whole's.
  const std::size_t first = at(whole, from), last = at(whole, to);
  const std::size_t count = last - first + (whole.times[first] > from + 0.002 ? 1 : 0);
  EXPECT_NEAR(static_cast<double>(cut.pictures.size()), static_cast<double>(count), 1);
  EXPECT_NEAR(cut.times.front(), from, 0.03);
  EXPECT_NEAR(cut.times.back(), whole.times[last - 1], 0.03);
  // From the next keyframe on they are the same, where there is one.
  std::size_t same = 0;
  while (same < cut.pictures.size() && same < last &&
         cut.pictures[cut.pictures.size() - 1 - same] == whole.pictures[last - 1 - same])
    ++same;
  if (GetParam() == "browser/vp8_opusred") {  // it has a keyframe at 8.11 s
    EXPECT_GT(same, 10U);
  }
}

INSTANTIATE_TEST_SUITE_P(Captures, Cut,
                         testing::Values("browser/vp8_opusred", "browser/h264_opus",
                                         "browser/firefox_av1_opus"),
                         [](const auto& info) {
                           std::string name = info.param;
                           std::ranges::replace_if(
                               name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

TEST(Cuts, KeepSoundAndPictureInStep) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus_flashbeep");
  const test::TempDir out;
  const Shown whole = shown(folder, out / "whole", {});
  const auto flashes = test::flash_times(whole.file), beeps = test::beep_times(whole.file);
  constexpr double kFrom = 5.25, kTo = 15.25;
  int number = 0;
  for (const CutStart start : {CutStart::keyframe, CutStart::encode}) {
    const Shown cut = shown(folder, out / std::to_string(number++),
                            {.from = milliseconds(5'250), .to = milliseconds(15'250), .cut_start = start});
    const auto expect_same = [&](const std::vector<double>& all, const std::vector<double>& some) {
      std::size_t found = 0;
      for (const double time : all) {
        if (time + whole.offset < kFrom + 0.7 || time + whole.offset > kTo - 0.5) continue;
        const bool there = std::ranges::any_of(
            some, [&](double s) { return std::abs(s + cut.offset - time - whole.offset) < 0.021; });
        EXPECT_TRUE(there) << time;
        ++found;
      }
      EXPECT_GT(found, 2U);
    };
    expect_same(flashes, test::flash_times(cut.file));
    expect_same(beeps, test::beep_times(cut.file));
  }
}

TEST(Cuts, AreExactByAnEditListInMp4) {
  RTPX_NEEDS_CAPTURE(folder, "browser/h264_opus");
  const test::TempDir out;
  const Shown whole = shown(folder, out / "whole", {.format = Format::mp4});
  constexpr double kFrom = 6.5;
  const Shown cut = shown(folder, out / "cut",
                          {.format = Format::mp4,
                           .from = milliseconds(6'500),
                           .to = milliseconds(9'500),
                           .cut_start = CutStart::exact});
  // FFmpeg shows what the edit list says, and tells times from there on.
  ASSERT_GT(cut.pictures.size(), 40U);
  const std::size_t first = at(whole, kFrom), last = at(whole, 9.5);
  std::vector<std::string> expected = span(whole, first, last), found = cut.pictures;
  if (found.size() == expected.size() + 1)
    found.erase(found.begin());  // the one that is shown at that moment
  EXPECT_EQ(found, expected);
  const auto probed = test::probe(cut.file);
  EXPECT_NEAR(probed.duration_seconds, 3.0, 0.1);
  // Sound: as loud as the whole's, moment by moment.
  for (double time = 0.1; time < 2.6; time += 0.25)
    EXPECT_NEAR(test::loudest(cut.file, time, time + 0.2),
                test::loudest(whole.file, time + kFrom - whole.offset, time + 0.2 + kFrom - whole.offset),
                600)
        << time;
}

TEST(Cuts, OfWhatCannotBeAreRefused) {
  RTPX_NEEDS_CAPTURE(folder, "browser/vp8_opus");
  const test::TempDir out;
  const auto error_of = [&](ConvertOptions options) {
    options.output_path = out.path();
    const auto result = convert(folder.string(), options);
    return result ? Errc::internal : result.error().code;
  };
  EXPECT_EQ(error_of({.from = milliseconds(5'000), .to = milliseconds(5'000)}), Errc::invalid_argument);
  EXPECT_EQ(error_of({.from = milliseconds(3'600'000)}), Errc::invalid_argument);
  EXPECT_EQ(error_of({.format = Format::webm, .from = milliseconds(5'000), .cut_start = CutStart::exact}),
            Errc::invalid_argument);
  EXPECT_EQ(error_of({.cut_start = CutStart::encode}), Errc::invalid_argument);
}

TEST(TimeText, IsReadAsPeopleWriteIt) {
  EXPECT_EQ(parse_time_offset("83.2"), 83'200'000'000);
  EXPECT_EQ(parse_time_offset("1:23.25"), 83'250'000'000);
  EXPECT_EQ(parse_time_offset("1:02:03"), 3'723'000'000'000);
  EXPECT_EQ(parse_time_offset("90:00"), 5'400'000'000'000);
  EXPECT_EQ(parse_time_offset("0.1234567899"), 123'456'789);
  for (const char* wrong :
       {"", ":", "1:", "1:60", "1:2:3:4", "-1", "1.", ".5", "1e3", "99999999999", " 1", "1 "})
    EXPECT_EQ(parse_time_offset(wrong), std::nullopt) << wrong;
}

}  // namespace
}  // namespace rtpx
