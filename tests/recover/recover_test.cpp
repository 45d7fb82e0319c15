#include "rtpx/recover.hpp"

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <set>

#include "base/utc_time.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/recorder.hpp"
#include "rtpx/verify.hpp"
#include "storage/record_reader.hpp"
#include "storage/recording_file.hpp"
#include "support/captures.hpp"
#include "support/damage.hpp"
#include "support/made_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::Damaged;
using test::MadeRecording;
using test::TempDir;
using test::write_file;

RecoverReport recovered(const fs::path& folder, const fs::path& output = {}) {
  auto report = recover(folder, {.output = output});
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : RecoverReport();
}

std::map<std::string, std::string> contents(const fs::path& folder) {
  std::map<std::string, std::string> files;
  for (const auto& entry : fs::directory_iterator(folder))
    files[entry.path().filename().string()] = test::read_file(entry.path());
  return files;
}

/// Checks that all of a recording reads without damage; answers the packets of each track.
std::map<std::string, std::vector<std::string>> whole(const fs::path& folder) {
  std::map<std::string, std::vector<std::string>> packets;
  const auto manifest = read_manifest(folder);
  EXPECT_TRUE(manifest) << manifest.error().message;
  if (!manifest) return packets;
  for (const auto& [id, track] : *manifest) {
    EXPECT_TRUE(track.ended_at) << id;
    std::vector<fs::path> files;
    for (const auto& location : track.more_locations)
      files.push_back(resolve_location(location, folder).value());
    const auto first = resolve_location(track.location, folder);
    EXPECT_TRUE(first) << first.error().message;
    if (!first) continue;
    files.insert(files.begin(), *first);
    const auto reader = RecordReader::open(files).value();
    while (const auto record = reader->next().value()) packets[id].emplace_back(as_text(record->packet));
    EXPECT_TRUE(reader->damage().empty()) << id;
    if (track.packets) {
      EXPECT_EQ(*track.packets, packets[id].size());
    }
  }
  return packets;
}

TEST(Recover, AWholeRecordingIsNotTouched) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 1, {.rtcp = true});
  const auto before = contents(dir.path());
  const RecoverReport report = recovered(dir.path());
  EXPECT_FALSE(report.changed());
  EXPECT_EQ(contents(dir.path()), before);
}

TEST(Recover, ATornTailIsCutAndTheTracksAreEnded) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 2, {.tracks = 2, .ended = false});
  const test::RecordFile more = test::record_file(3, 77, 1'010'000, 0x1000);
  const std::string torn = made.files.at("t0.rtpx").text() + more.text().substr(0, more.offsets[2] + 20);
  write_file(dir / "t0.rtpx", torn);
  const auto inode = [](const fs::path& path) {
    struct stat info {};
    EXPECT_EQ(::stat(path.c_str(), &info), 0);
    return info.st_ino;
  };
  const auto as_it_was = inode(dir / "t0.rtpx");
  const RecoverReport report = recovered(dir.path());
  EXPECT_TRUE(report.changed());
  EXPECT_EQ(test::read_file(dir / "t0.rtpx.torn"), more.text().substr(more.offsets[2], 20));
  EXPECT_EQ(inode(dir / "t0.rtpx"), as_it_was) << "what is whole is not copied";
  EXPECT_FALSE(fs::exists(dir / "t0.rtpx.damaged"));
  EXPECT_EQ(report.kept.front(), dir / "t0.rtpx.torn");
  EXPECT_EQ(test::read_file(dir / "t0.rtpx"),
            made.files.at("t0.rtpx").text() + more.text().substr(0, more.offsets[2]));
  EXPECT_EQ(test::read_file(dir / "t1.rtpx"), made.files.at("t1.rtpx").text());
  EXPECT_FALSE(fs::exists(dir / "t1.rtpx.damaged"));
  EXPECT_EQ(report.ended_tracks, (std::vector<std::string>{"t0", "t1"}));
  const auto manifest = read_manifest(dir.path()).value();
  EXPECT_EQ(manifest.at("t0").end_reason, "recovered");
  EXPECT_EQ(manifest.at("t0").packets, 302U);
  EXPECT_GT(*manifest.at("t0").ended_at, *parse_utc("2026-11-22T12:00:01Z"));
  EXPECT_LT(*manifest.at("t0").ended_at, *parse_utc("2026-11-22T12:02:00Z"));
  EXPECT_EQ(read_recording_info(real_file_system(), dir.path())->end_reason, "recovered");
  EXPECT_TRUE(fs::exists(report.report));
  EXPECT_EQ(verify(dir.path())->exit_code(), 0);
  EXPECT_FALSE(recovered(dir.path()).changed()) << "a second time";
}

TEST(Recover, ASecondTornTailIsKeptBesideTheFirst) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 5, {.ended = false});
  const std::string whole_file = made.files.at("t0.rtpx").text();
  for (const char* torn : {"first", "second", "second"}) {  // as if the second recovery was stopped before it cut
    write_file(dir / "t0.rtpx", whole_file + torn);
    EXPECT_TRUE(recovered(dir.path()).changed());
    EXPECT_EQ(test::read_file(dir / "t0.rtpx"), whole_file);
  }
  EXPECT_EQ(test::read_file(dir / "t0.rtpx.torn"), "first");
  EXPECT_EQ(test::read_file(dir / "t0.rtpx.torn.2"), "second");
  EXPECT_FALSE(fs::exists(dir / "t0.rtpx.torn.3"));
}

TEST(Recover, WithAnOutputFolderTheRecordingStaysAsItIs) {
  const TempDir dir;
  fs::create_directory(dir / "rec");
  const MadeRecording made(dir / "rec", 3, {.ended = false, .rtcp = true});
  write_file(dir / "rec/t0.rtpx", made.files.at("t0.rtpx").text() + "torn");
  const auto before = contents(dir / "rec");
  const RecoverReport report = recovered(dir / "rec", dir / "out/copy");
  EXPECT_EQ(report.folder, dir / "out/copy");
  EXPECT_EQ(contents(dir / "rec"), before);
  EXPECT_EQ(test::read_file(dir / "out/copy/t0.rtpx"), made.files.at("t0.rtpx").text());
  EXPECT_EQ(test::read_file(dir / "out/copy/t1.rtcpx"), made.files.at("t1.rtcpx").text());
  EXPECT_EQ(whole(dir / "out/copy").size(), 2U);
  EXPECT_EQ(verify(dir / "out/copy")->exit_code(), 0);
  EXPECT_TRUE(report.kept.empty());
  const auto again = recover(dir / "rec", {.output = dir / "out/copy"});
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code, Errc::already_exists);
}

TEST(Recover, ABrokenManifestIsRebuiltFromWhatIsLeftOfItAndTheIndex) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 4, {.tracks = 3});
  std::string text = made.manifest_text;
  text[text.find("\"t1\"") + 30] = '\x02';
  write_file(dir / "manifest.json", text);
  const RecoverReport report = recovered(dir.path());
  EXPECT_EQ(report.rebuilt_tracks, std::vector<std::string>{"t1"});
  EXPECT_EQ(test::read_file(dir / "manifest.json.damaged"), text);
  const auto manifest = read_manifest(dir.path()).value();
  EXPECT_EQ(manifest.at("t0").streams, std::vector<std::string>{"s"});
  EXPECT_EQ(manifest.at("t2").codec, made.manifest.at("t2").codec);
  EXPECT_EQ(manifest.at("t1").kind, MediaKind::video);
  EXPECT_EQ(whole(dir.path()).size(), 3U);
}

/// Two participants with a camera each of the same name, whose manifest is lost.
void record_together(const fs::path& folder) {
  auto recorder = Recorder::start({.folder = folder});
  ASSERT_TRUE(recorder) << recorder.error().message;
  const MediaStreamTrack camera{.id = "camera.front",
                                .kind = MediaKind::video,
                                .streams = {"home"},
                                .codecs = {{.payload_type = 96, .mime_type = "video/VP8", .clock_rate = 90'000}}};
  for (const char* id : {"alice", "bob-1"}) {
    auto participant = (*recorder)->add_participant("", id);
    ASSERT_TRUE(participant && participant->add_tracks({&camera, 1}));
    auto track = participant->track("camera.front").value();
    std::vector<std::byte> packet(40, std::byte{0x10});
    packet[0] = std::byte{0x80};
    packet[1] = std::byte{96};
    for (int i = 0; i < 20; ++i) {
      packet[3] = static_cast<std::byte>(i);
      ASSERT_EQ(track.record(0, packet), Outcome::accepted);
    }
  }
  recorder->reset();
  fs::remove(folder / "manifest.json");
}

TEST(Recover, TracksOfALostManifestBelongToTheirParticipantsAgain) {
  const TempDir dir;
  record_together(dir.path());
  (void)recovered(dir.path());
  const auto manifest = read_manifest(dir.path());
  ASSERT_TRUE(manifest);
  ASSERT_EQ(manifest->size(), 2U);
  for (const char* who : {"alice", "bob-1"}) {
    const ManifestTrack& track = manifest->at(std::string(who) + ".camera.front");
    EXPECT_EQ(track.participant, who);
    ASSERT_EQ(track.streams.size(), 1U);
    EXPECT_TRUE(track.streams.front().starts_with(std::string(who) + ".")) << track.streams.front();
  }
}

TEST(Recover, WithoutTheListOfParticipantsItSaysThatTheyCannotBeTold) {
  const TempDir dir;
  record_together(dir.path());
  fs::remove(dir / kRecordingFileName);
  const RecoverReport report = recovered(dir.path());
  const auto manifest = read_manifest(dir.path());
  ASSERT_TRUE(manifest);
  EXPECT_FALSE(manifest->at("alice.camera.front").participant);
  EXPECT_TRUE(std::ranges::any_of(report.notes, [](const std::string& note) {
    return note.find("participant \"alice\" cannot be told without recording.json") != std::string::npos;
  }));
}

TEST(Recover, ALocationThatNamesAnotherTracksFileIsPutRight) {
  const TempDir dir;
  MadeRecording made(dir.path(), 5);
  made.manifest.at("t0").location = "t1.rtpx";
  write_file(dir / "manifest.json", serialize_manifest(made.manifest));
  recovered(dir.path());
  const auto manifest = read_manifest(dir.path()).value();
  EXPECT_EQ(manifest.at("t0").location, "t0.rtpx");
  EXPECT_EQ(manifest.at("t1").location, "t1.rtpx");
  EXPECT_TRUE(manifest.at("t0").more_locations.empty());
}

TEST(Recover, LaterFilesOfATrackThatTheManifestDoesNotNameAreAdded) {
  const TempDir dir;
  MadeRecording made(dir.path(), 6, {.tracks = 1, .ended = false});
  const test::RecordFile second = test::record_file(20, 78, 1'020'000),
                         third = test::record_file(20, 79, 1'030'000);
  write_file(dir / "t0.9.rtpx", second.text());
  write_file(dir / "t0.10.rtpx", third.text());
  IndexEncoder more;
  more.file(8, IndexContent::rtp, "t0.9.rtpx", "t0");
  more.file(9, IndexContent::rtp, "t0.10.rtpx", "t0");
  write_file(dir / "index.rtpxi", made.index_text + std::string(as_text(more.bytes())));
  recovered(dir.path());
  EXPECT_EQ(read_manifest(dir.path())->at("t0").more_locations,
            (std::vector<std::string>{"t0.9.rtpx", "t0.10.rtpx"}));
  EXPECT_EQ(whole(dir.path()).at("t0").size(), 340U);
  EXPECT_FALSE(recovered(dir.path()).changed());
}

TEST(Recover, LaterRtcpFilesOfATrackAreNamed) {
  const TempDir dir, out;
  MadeRecording made(dir.path(), 6, {.tracks = 2, .index = false, .rtcp = true});
  const std::string rtcp = made.files.at("t0.rtcpx").text();
  const std::string first = rtcp.substr(0, made.files.at("t0.rtcpx").offsets[4]);
  write_file(dir / "t0.rtcpx", first);
  write_file(dir / "t0~2.rtcpx", rtcp.substr(first.size()));
  const auto report = recovered(dir.path());
  const auto manifest = read_manifest(dir.path()).value();
  EXPECT_EQ(rtcp_locations(manifest.at("t0")), (std::vector<std::string>{"t0.rtcpx", "t0~2.rtcpx"}));
  EXPECT_EQ(rtcp_locations(manifest.at("t1")), (std::vector<std::string>{"t1.rtcpx"}));
  EXPECT_NE(std::ranges::find(report.notes, "Track \"t0\": its RTCP goes on in t0~2.rtcpx"), report.notes.end());
  EXPECT_FALSE(recovered(dir.path()).changed());
  recovered(dir.path(), out / "copy");
  EXPECT_EQ(test::read_file(out / "copy/t0~2.rtcpx"), rtcp.substr(first.size()));
  EXPECT_EQ(rtcp_locations(read_manifest(out / "copy")->at("t0")).size(), 2U);
  const auto verified = verify(dir.path());
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->problems, std::vector<std::string>());
  fs::remove(dir / "t0~2.rtcpx");
  EXPECT_EQ(verify(dir.path())->problems.size(), 1U) << "what is missing is seen";
}

TEST(Recover, AFileOutsideTheRecordingIsNeitherReadNorChanged) {
  const TempDir dir;
  fs::create_directory(dir / "rec");
  MadeRecording made(dir / "rec", 7, {.tracks = 1, .index = false});
  const std::string torn = made.files.at("t0.rtpx").text() + "torn";
  fs::remove(dir / "rec/t0.rtpx");
  write_file(dir / "elsewhere.rtpx", torn);
  made.manifest.at("t0").location = (dir / "elsewhere.rtpx").string();
  write_file(dir / "rec/manifest.json", serialize_manifest(made.manifest));
  recovered(dir / "rec");
  EXPECT_EQ(test::read_file(dir / "elsewhere.rtpx"), torn);
  recovered(dir / "rec", dir / "copy");
  EXPECT_FALSE(fs::exists(dir / "copy/elsewhere.rtpx"));
  EXPECT_EQ(test::read_file(dir / "elsewhere.rtpx"), torn);
}

TEST(Recover, AMovedBlockStaysProven) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 8, {.tracks = 1, .block_bytes = 5000});
  std::string bytes = made.files.at("t0.rtpx").text();
  bytes.erase(12000, 700);
  write_file(dir / "t0.rtpx", bytes);
  const RecoverReport report = recovered(dir.path());
  EXPECT_LT(report.files.at(0).suspect_records, 30U);
  const auto verified = verify(dir.path()).value();
  EXPECT_EQ(verified.files.at(0).damaged_bytes, 0U);
  EXPECT_GT(verified.files[0].proven_bytes, verified.files[0].bytes * 9 / 10);
}

TEST(Recover, ANewerVersionIsRefused) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 9);
  write_file(dir / "recording.json", R"({"format":{"major":9,"minor":0}})");
  EXPECT_EQ(recover(dir.path()).error().code, Errc::unsupported);
  const TempDir none;
  EXPECT_EQ(recover(none.path()).error().code, Errc::not_found);
}

TEST(Recover, EveryRecordOutsideRandomDamageComesBack) {
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    const TempDir dir;
    std::mt19937 random(seed);
    const MadeRecording made(
        dir.path(), seed,
        {.records = 100 + random() % 200, .block_bytes = 2000 + random() % 9000, .ended = random() % 2 == 0});
    std::map<std::string, Damaged> now;
    for (const auto& [name, file] : made.files) {
      now[name] = test::damage(file.text(), random);
      write_file(dir / name, now[name].bytes);
    }
    if (random() % 2 == 0) write_file(dir / "index.rtpxi", test::damage(made.index_text, random).bytes);
    if (random() % 2 == 0) write_file(dir / "manifest.json", test::damage(made.manifest_text, random).bytes);
    const auto before = contents(dir.path());

    const RecoverReport report = recovered(dir.path());
    const auto packets = whole(dir.path());
    std::set<std::string> all;
    for (const auto& [id, list] : packets) all.insert(list.begin(), list.end());
    for (const auto& [name, file] : made.files)
      for (std::size_t i = 0; i < file.records(); ++i)
        if (!now[name].touches(file.offsets[i], file.offsets[i + 1])) {
          EXPECT_TRUE(all.contains(std::string(as_text(file.record(i).subspan(13)))))
              << "seed " << seed << " " << name << " " << i;
        }
    // What was changed is kept as it was.
    const auto after = contents(dir.path());
    for (const auto& [name, text] : before) {
      const bool is_torn = after.contains(name + ".torn");
      EXPECT_TRUE((is_torn ? after.at(name) + after.at(name + ".torn") : after.at(name)) == text ||
                  (after.contains(name + ".damaged") && after.at(name + ".damaged") == text))
          << seed << " " << name;
    }
    EXPECT_FALSE(recovered(dir.path()).changed()) << "seed " << seed << ", a second time";
  }
}

TEST(RecoverCaptures, AManifestIsRebuiltWithItsCodecs) {
  RTPX_NEEDS_CAPTURE(browser, "browser");
  for (const char* name : {"vp8_opus", "vp9_opus", "h264_opus", "av1_opus", "h264_pcmu", "vp8_g722_absct"}) {
    const TempDir dir;
    for (const char* file : {"audio_0.rtpx", "audio_0.rtcpx", "video_1.rtpx", "video_1.rtcpx"})
      fs::copy_file(browser / name / file, dir / file);
    const auto truth = read_manifest(browser / name).value();
    recovered(dir.path());
    const auto manifest = read_manifest(dir.path()).value();
    ASSERT_EQ(manifest.size(), 2U);
    for (const auto& [id, track] : manifest) {
      ASSERT_TRUE(track.codec) << name << " " << id;
      EXPECT_EQ(track.kind, truth.at(id).kind);
      EXPECT_EQ(track.codec->mime_type, truth.at(id).codec->mime_type) << name;
      EXPECT_EQ(track.codec->payload_type, truth.at(id).codec->payload_type) << name;
      EXPECT_EQ(track.codec->clock_rate, truth.at(id).codec->clock_rate) << name;
      EXPECT_EQ(track.streams, manifest.at("audio_0").streams);
      EXPECT_EQ(track.rtcp_location, id + ".rtcpx");
    }
  }
}

TEST(RecoverCaptures, ARecordingWithoutManifestConvertsWithoutBeingAsked) {
  RTPX_NEEDS_CAPTURE(call, "browser/vp8_opus");
  const TempDir dir;
  fs::create_directory(dir / "rec");
  for (const char* file : {"audio_0.rtpx", "audio_0.rtcpx", "video_1.rtpx", "video_1.rtcpx"})
    fs::copy_file(call / file, dir / "rec" / file);
  ConvertOptions options;
  options.output_path = dir / "out";
  const auto result = convert((dir / "rec").string(), options);
  ASSERT_TRUE(result) << result.error().message;
  ASSERT_EQ(result->files.size(), 1U);
  EXPECT_GT(fs::file_size(result->files.begin()->second.file), 1'000'000U);
  EXPECT_FALSE(fs::exists(dir / "rec/manifest.json"));
}

TEST(Recover, AnyOtherFileIsNoRecording) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 10);
  write_file(dir / "call.pcap", "no manifest");
  EXPECT_EQ(recover(dir / "call.pcap").error().code, Errc::malformed);
  EXPECT_EQ(verify(dir / "call.pcap").error().code, Errc::malformed);
}

TEST(RecoverCaptures, UpstreamsRecordingsAreMendedToo) {
  RTPX_NEEDS_CAPTURE(edge, "edge");
  for (const char* name : {"corrupt_len", "truncated"}) {
    const TempDir dir;
    fs::copy_file(edge / name / "2.rtpx", dir / "2.rtpx");
    fs::copy_file(edge / name / "manifest.json", dir / "manifest.json");
    const RecoverReport report = recovered(dir.path());
    ASSERT_EQ(report.files.size(), 1U);
    EXPECT_EQ(report.files[0].cuts.size(), 1U);
    EXPECT_EQ(whole(dir.path()).at("2").size(), 326U);
  }
  const TempDir dir;
  fs::copy(edge / "ext1", dir / "whole");
  const auto before = contents(dir / "whole");
  EXPECT_FALSE(recovered(dir / "whole").changed());
  EXPECT_EQ(contents(dir / "whole"), before);
}

}  // namespace
}  // namespace rtpx
