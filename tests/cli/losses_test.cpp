// Whatever is made of a recording, a command that says "done" has lost nothing of it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "rtpx/manifest.hpp"
#include "storage/record_reader.hpp"
#include "support/captures.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using testing::HasSubstr;

TEST(Losses, AFilmOfALossyCallSaysSoAndExitsWithOne) {
  RTPX_NEEDS_CAPTURE(call, "field/ffmpeg9_loss_norepair");
  const TempDir folder;
  const auto run = rtpx({"compose", call, "-o", folder / "film.mp4", "--size", "320x180", "--fps", "10"});
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("lost for good"));
  EXPECT_TRUE(std::filesystem::exists(folder / "film.mp4"));
}

TEST(Losses, ThePackageOfALossyCallSaysSoAndExitsWithOne) {
  RTPX_NEEDS_CAPTURE(call, "field/ffmpeg9_loss_norepair");
  const TempDir folder;
  const auto run = rtpx({"package", call, "-o", folder / "site"});
  EXPECT_EQ(run.status, 1) << run.err;
  EXPECT_THAT(run.err, HasSubstr("lost for good"));
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "site" / "index.m3u8"));
}

TEST(Losses, OfACallThatIsEncryptedEndToEndNoSilentFilmIsMade) {
  RTPX_NEEDS_CAPTURE(call, "e2ee/lk_vp8/recording");
  const TempDir folder;
  const auto film = rtpx({"compose", call, "-o", folder / "film.mp4"});
  EXPECT_EQ(film.status, 3) << film.err;
  EXPECT_THAT(film.err, HasSubstr("end-to-end encrypted"));
  const auto site = rtpx({"package", call, "-o", folder / "site"});
  EXPECT_EQ(site.status, 3) << site.err;
  EXPECT_THAT(site.err, HasSubstr("end-to-end encrypted"));
  EXPECT_EQ(entries(folder.path()), 0U);
}

/// A recording whose manifest counts its packets, and where its video's file may be cut between two of them.
struct CutRecording {
  CutRecording() {
    std::filesystem::copy(source_dir() / "tests/data/vp8_opus", call);
    auto manifest = read_manifest(call).value();
    for (auto& [id, track] : manifest) {
      const auto reader = RecordReader::open({call / track.location}).value();
      std::uint64_t packets = 0;
      for (auto record = reader->next(); record && *record; record = reader->next(), ++packets)
        if (track.kind == MediaKind::video && packets == 100) middle = (*record)->offset;
      track.packets = packets;
      if (!track.ended_at) track.ended_at = track.start_time + std::chrono::seconds(30);
      track.index_location.reset();
      if (track.kind == MediaKind::video) file = call / track.location;
    }
    write_file(call / "manifest.json", serialize_manifest(manifest));
    std::filesystem::remove(call / "index.rtpxi");
  }
  TempDir folder;
  std::filesystem::path call = folder / "call", file;
  std::uint64_t middle = 0;
};

// A copy that was interrupted, a disk that was full: the file is whole records, and too few of them.
TEST(Losses, WhatTheManifestCountsAndTheFileDoesNotHoldIsSaidByEveryCommand) {
  for (const bool emptied : {false, true}) {
    SCOPED_TRACE(emptied ? "emptied" : "cut");
    CutRecording cut;
    ASSERT_GT(cut.middle, 0U);
    const auto converted = rtpx({"convert", cut.call, "-o", cut.folder / "whole"});
    ASSERT_EQ(converted.status, 0) << converted.err;
    std::filesystem::resize_file(cut.file, emptied ? 0 : cut.middle);
    for (const std::vector<std::string>& words :
         {std::vector<std::string>{"convert", cut.call, "-o", cut.folder / "cut"},
          {"inspect", cut.call},
          {"report", cut.call, "-o", cut.folder / "report.html"},
          {"compose", cut.call, "-o", cut.folder / "film.webm", "--size", "320x180", "--fps", "5"},
          {"package", cut.call, "-o", cut.folder / "site"},
          {"export", cut.call, "-o", cut.folder / "call.pcap"},
          {"verify", cut.call},
          {"recover", cut.call}}) {
      const auto run = rtpx(words);
      EXPECT_EQ(run.status, 1) << words.front() << ": " << run.err;
      if (words.front() != "report") {
        EXPECT_THAT(run.out + run.err, HasSubstr("that were recorded")) << words.front();
      }
    }
  }
}

std::vector<std::vector<std::string>> readers_of(const std::string& call, const TempDir& folder) {
  return {{"convert", call, "-o", folder / "made"},
          {"inspect", call},
          {"report", call, "-o", folder / "report.html"},
          {"frame", call, "--at", "1", "-o", folder / "frame.jpg"},
          {"compose", call, "-o", folder / "film.webm", "--size", "320x180", "--fps", "5"},
          {"package", call, "-o", folder / "site"},
          {"export", call, "-o", folder / "call.pcap"},
          {"index", call}};
}

// A disk that was full: the recorder counted what it could not take.
TEST(Losses, PacketsThatTheRecorderRefusedAreLost) {
  const CutRecording made;
  auto manifest = read_manifest(made.call).value();
  for (auto& [id, track] : manifest)
    if (track.kind == MediaKind::video) track.refused_packets = 226;
  write_file(made.call / "manifest.json", serialize_manifest(manifest));
  for (const std::vector<std::string>& words : {std::vector<std::string>{"convert", made.call, "-o", made.folder / "made"},
                                                {"inspect", made.call},
                                                {"compose", made.call, "-o", made.folder / "film.webm", "--size", "320x180", "--fps", "5"},
                                                {"package", made.call, "-o", made.folder / "site"}}) {
    const auto run = rtpx(words);
    EXPECT_EQ(run.status, 1) << words.front() << ": " << run.err;
    EXPECT_THAT(run.out + run.err, HasSubstr("226 packets were refused while it was recorded")) << words.front();
  }
}

// What its files mean to a newer version nobody here knows.
TEST(Losses, ARecordingOfANewerVersionIsRefusedByEveryCommand) {
  const CutRecording made;
  write_file(made.call / "recording.json", R"({"format": {"major": 2, "minor": 0}, "name": "call", "created": "2026-11-22T12:00:00Z"})");
  const std::size_t before = entries(made.call), beside = entries(made.folder.path());
  for (const auto& words : readers_of(made.call, made.folder)) {
    const auto run = rtpx(words);
    EXPECT_EQ(run.status, 3) << words.front() << ": " << run.out << run.err;
    EXPECT_THAT(run.err, HasSubstr("use a newer rtpx")) << words.front();
  }
  EXPECT_EQ(entries(made.call), before);
  EXPECT_EQ(entries(made.folder.path()), beside);
}

// The media are whole; names, pauses and marks are not known.
TEST(Losses, ARecordingFileThatCannotBeReadIsSaid) {
  const CutRecording made;
  write_file(made.call / "recording.json", "{");
  for (const char* command : {"convert", "compose"}) {
    const auto run = rtpx({command, made.call, "-o", made.folder / (std::string(command) == "convert" ? "made" : "film.webm")});
    EXPECT_EQ(run.status, 1) << run.err;
    EXPECT_THAT(run.err, HasSubstr("recording.json")) << command;
  }
}

// Nothing that is made of a recording takes the place of its own files, or of another file that is made with it.
TEST(Losses, NoOutputTakesThePlaceOfAnotherFile) {
  const CutRecording made;
  const auto before = read_file(made.call / "manifest.json"), records = read_file(made.file);
  const std::string film = made.folder / "film.m4a", call = made.call;
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"compose", call, "-o", film, "--vtt", call + "/manifest.json"},
        {"compose", call, "-o", film, "--speech", made.file},
        {"compose", call, "-o", film, "--vtt", film},
        {"compose", call, "-o", film, "--speech", made.folder.path() / "." / "film.m4a"},
        {"compose", call, call, "-o", film},
        {"compose", call, "-o", film, "--codec", "h264"},
        {"report", call, "-o", call + "/manifest.json"},
        {"export", call, "-o", made.file, "--format", "pcap"}}) {
    const auto run = rtpx(words);
    EXPECT_EQ(run.status, 2) << run.err;
    EXPECT_FALSE(std::filesystem::exists(film)) << run.out;
  }
  EXPECT_EQ(read_file(made.call / "manifest.json"), before);
  EXPECT_EQ(read_file(made.file), records);
}

TEST(Losses, AFilmAndItsStemsHaveNamesOfTheirOwn) {
  const CutRecording made;
  const auto names = rtpx({"compose", made.call, "-o", made.folder / "first/mix.wav", "--stems", made.folder / "first"});
  ASSERT_EQ(names.status, 0) << names.err;
  std::vector<std::filesystem::path> stems;
  for (const auto& file : std::filesystem::directory_iterator(made.folder / "first"))
    if (file.path().filename() != "mix.wav") stems.push_back(file.path());
  ASSERT_EQ(stems.size(), 1U);
  const std::string mix = made.folder / "second" / stems[0].filename();
  ASSERT_EQ(rtpx({"compose", made.call, "-o", mix, "--stems", made.folder / "second"}).status, 0);
  EXPECT_EQ(read_file(mix), read_file(made.folder / "first/mix.wav"));
  EXPECT_EQ(read_file(made.folder / "second" / (stems[0].stem().string() + "_2.wav")), read_file(stems[0]));
}

}  // namespace
}  // namespace rtpx::test
