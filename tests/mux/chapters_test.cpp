// Chapters, as FFmpeg reads them.
#include <gtest/gtest.h>

#include "mux/support/media.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

TEST(Chapters, StandInEveryContainerThatHasThem) {
  const test::TempDir folder;
  const auto video = test::encode_video({.encoder = "libx264", .frames = 90});
  const auto sound = test::encode_audio({.seconds = 3});
  MuxHints hints;
  hints.title = "A call";
  hints.chapters = {{0, "Begin"}, {1'500'000'000, "Sp\xC3\xA4ter"}, {2'000'000'000, std::string(300, 'x')}};
  for (const Format format : {Format::mkv, Format::mp4, Format::fmp4}) {
    SCOPED_TRACE(name_of(format));
    const auto file = folder / (std::string("a") + std::to_string(static_cast<int>(format)) + extension_of(format));
    ASSERT_TRUE(test::mux(format, file, {video, sound}, hints));
    const auto seen = test::run("ffprobe -v warning -show_chapters -show_entries format_tags=title -of compact " +
                                file.string());
    EXPECT_EQ(seen.status, 0);
    for (const char* part : {"start_time=0.000000", "start_time=1.500000", "start_time=2.000000", "title=Begin",
                             "title=Sp\xC3\xA4ter", "title=xxxxxxxxxx", "title=A call"})
      EXPECT_NE(seen.text.find(part), std::string::npos) << part << "\n" << seen.text;
    const auto errors = test::run("ffmpeg -v error -i " + file.string() + " -f null -");
    EXPECT_EQ(errors.text, "");
  }
}

TEST(Chapters, WhatBeginsAfterTheEndIsLeftOut) {
  const test::TempDir folder;
  const auto sound = test::encode_audio({.seconds = 1});
  MuxHints hints;
  hints.chapters = {{500'000'000, "there"}, {5'000'000'000, "gone"}};
  for (const Format format : {Format::webm, Format::mp4}) {
    const auto file = folder / (std::string("a") + extension_of(format));
    ASSERT_TRUE(test::mux(format, file, {sound}, hints));
    const auto seen = test::run("ffprobe -v error -show_chapters -of compact " + file.string());
    EXPECT_NE(seen.text.find("there"), std::string::npos) << seen.text;
    EXPECT_EQ(seen.text.find("gone"), std::string::npos) << seen.text;
  }
  hints.chapters.erase(hints.chapters.begin());
  ASSERT_TRUE(test::mux(Format::webm, folder / "none.webm", {sound}, hints));
  EXPECT_EQ(test::run("ffprobe -v error -show_chapters -of compact " + (folder / "none.webm").string()).text, "");
}

}  // namespace
}  // namespace rtpx
