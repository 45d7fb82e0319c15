// What failing disks leave: tracks that were not added, files and folders that were left, counts, names.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <malloc.h>

#include <atomic>
#include <cstdlib>
#include <thread>

#include "recorder/faulty_disk.hpp"
#include "storage/recording_file.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::FaultFileSystem;
using test::FaultyDisk;
using test::records;
using test::rtp;
using test::Started;
using test::text;
using test::video;
using Op = FaultFileSystem::Op;

bool is_record_file(const std::filesystem::path& path) {
  return path.extension() == ".rtpx" || path.extension() == ".rtcpx";
}

TEST_F(FaultyDisk, NobodyRecordsForATrackBeforeAddTracksAnswered) {
  std::atomic<bool> armed{true};
  std::vector<Outcome> outcomes;
  Started s(options());
  fail_when([&](const FaultFileSystem::Call& call) {
    if (call.op != Op::rename || call.path.filename() != ".manifest.json.tmp" || !armed.exchange(false))
      return false;
    for (std::uint32_t i = 0; i < 50; ++i) outcomes.push_back(s.record("camera", i, 60'000));
    return true;
  });
  const auto track = video("camera");
  const auto added = s.recorder->add_tracks({&track, 1});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::io);
  EXPECT_THAT(outcomes, testing::AllOf(testing::SizeIs(50), testing::Each(Outcome::unknown_track)));
  EXPECT_TRUE(s.recorder->flush());
  EXPECT_FALSE(manifest_in(s.recorder->folder()).contains("camera"));
  EXPECT_FALSE(names_in(s.recorder->folder()).contains("camera.rtpx"));

  ASSERT_TRUE(s.recorder->add_tracks({&track, 1})) << "the id is free";
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  const auto camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(std::filesystem::path(camera.location).filename(), "camera.rtpx") << "and so is the name";
  EXPECT_EQ(packets_of(camera).size(), 1U);
}

TEST_F(FaultyDisk, AManifestThatNamesTracksThatWereNotAddedIsReplaced) {
  std::atomic<int> renamed{0};
  Started s(options());
  fail_when([&](const FaultFileSystem::Call& call) {  // the rename is done, the folder is not synced
    if (call.op == Op::rename && call.path.filename() == ".manifest.json.tmp") ++renamed;
    return call.op == Op::sync_directory && renamed == 1;
  });
  const auto track = video("camera");
  ASSERT_FALSE(s.recorder->add_tracks({&track, 1}));
  EXPECT_GE(renamed, 2);
  EXPECT_FALSE(manifest_in(s.recorder->folder()).contains("camera"));
}

TEST_F(FaultyDisk, TracksWhoseCallerHasLeftAreNotAdded) {
  auto how = options();
  how.end_timeout = 100ms;
  Started s(how);
  disk.block();
  const auto track = video("camera");
  const auto added = s.recorder->add_tracks({&track, 1});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::io);
  disk.unblock();
  ASSERT_TRUE(eventually([&] {
    const auto again = s.recorder->add_tracks({&track, 1});
    return again.has_value() || again.error().code != Errc::already_exists;
  })) << "the id comes free";
  ASSERT_TRUE(s.recorder->track("camera"));
  s.end("camera");
  expect_all_named(s.recorder->folder());
}

TEST_F(FaultyDisk, AStartThatFailsLeavesNothingBehind) {
  for (std::uint64_t step = 1;; ++step) {
    FaultFileSystem fresh;
    auto how = options();
    how.file_system = &fresh;
    fresh.fail_at(step, Errc::io);
    auto started = Recorder::start(how);
    if (started) break;
    const auto left = fresh.list(how.base_dir);
    if (!left) continue;  // not even that folder
    EXPECT_TRUE(left->empty()) << "step " << step << ": " << left->front().name;
  }
}

// The tracks that are being ended move to the new folder with those that are live.
TEST_F(FaultyDisk, TracksThatAreEndedWhileTheStorageFailsAreInTheNewFolder) {
  auto how = options();
  how.flush_interval = 60s;  // all is written by end_tracks()
  how.sync_interval = 0ms;
  how.end_timeout = 20s;
  Started s(how);
  s.add(video("camera"));
  s.add(video("microphone"));
  const auto old_folder = s.recorder->folder();
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_EQ(s.record("camera", i), Outcome::accepted);
    ASSERT_EQ(s.recorder->record_rtcp("camera", rtp(i, 28)), Outcome::accepted);
    ASSERT_EQ(s.record("microphone", i), Outcome::accepted);
    sent.push_back(text(rtp(i)));
  }
  fail_when([old_folder](const FaultFileSystem::Call& call) {
    return call.path.parent_path() == old_folder && is_record_file(call.path);
  });
  const std::string id = "camera";
  const auto ended = s.recorder->end_tracks({&id, 1}, "hung up");
  ASSERT_TRUE(ended) << ended.error().message;
  const auto new_folder = s.recorder->folder();
  ASSERT_NE(new_folder, old_folder);
  const ManifestTrack camera = ended->manifest.at("camera");
  EXPECT_EQ(std::filesystem::path(camera.location).parent_path(), new_folder);
  EXPECT_EQ(camera.end_reason, "hung up");
  EXPECT_EQ(packets_of(camera), sent);
  ASSERT_TRUE(camera.rtcp_location);
  EXPECT_EQ(records(stored(*camera.rtcp_location)).size(), sent.size());
  EXPECT_EQ(packets_of(s.end("microphone").manifest.at("microphone")), sent);
  expect_all_named(new_folder);
}

// What a folder says of its tracks is what is in it, for each folder.
TEST_F(FaultyDisk, EachFolderCountsWhatItHolds) {
  Started s(options());
  s.add(video("camera"));
  const auto old_folder = s.recorder->folder();
  std::uint64_t accepted = 0;
  for (std::uint32_t i = 0; i < 100; ++i) accepted += s.record("camera", i) == Outcome::accepted ? 1 : 0;
  EXPECT_EQ(s.recorder->record("camera", "no such rid", rtp(1)), Outcome::unknown_rid);
  ASSERT_TRUE(s.recorder->flush());
  fail_when([old_folder](const FaultFileSystem::Call& call) {
    return call.path.parent_path() == old_folder && is_record_file(call.path);
  });
  ASSERT_TRUE(eventually([&] {
    accepted += s.record("camera", 1000) == Outcome::accepted ? 1 : 0;
    return !events_of<event::Restarted>().empty();
  }));
  for (std::uint32_t i = 0; i < 50; ++i) accepted += s.record("camera", i) == Outcome::accepted ? 1 : 0;
  EXPECT_EQ(s.recorder->record("camera", "no such rid", rtp(1)), Outcome::unknown_rid);
  const auto now = s.end("camera").manifest.at("camera");
  ASSERT_TRUE(eventually([&] { return manifest_in(old_folder).at("camera").ended_at.has_value(); }));
  const auto before = manifest_in(old_folder).at("camera");
  EXPECT_EQ(before.end_reason, "storage_failed");
  for (const auto& [track, name] : {std::pair{before, "before"}, {now, "now"}}) {
    EXPECT_EQ(track.packets, packets_of(track).size()) << name;
    std::uint64_t bytes = stored(track.location).size();
    for (const auto& file : track.more_locations) bytes += stored(file).size();
    EXPECT_EQ(track.bytes, bytes) << name;
  }
  const std::uint64_t lost = s.recorder->stats().lost_after_accept;
  EXPECT_EQ(*before.packets + *now.packets + lost, accepted);
  EXPECT_EQ(*before.refused_packets + *now.refused_packets, 2 + lost);
  EXPECT_EQ(s.recorder->stats().packets, accepted) << "stats are of the whole life";
  EXPECT_TRUE(eventually([&] { return !names_in(old_folder).contains(kReserveFileName); }));
  EXPECT_EQ(parse_recording_info(stored(old_folder / kRecordingFileName))->end_reason, "storage_failed");
}

TEST_F(FaultyDisk, ARotatedFileIsInTheManifestAtOnce) {
  auto how = options();
  how.rotate_bytes = 2'000;
  Started s(how);
  s.add(video("camera"));
  for (std::uint32_t i = 0; i < 20; ++i) {
    ASSERT_EQ(s.record("camera", i, 900), Outcome::accepted);
    ASSERT_TRUE(s.recorder->flush());
  }
  EXPECT_TRUE(eventually([&] {
    return manifest_in(s.recorder->folder()).at("camera").more_locations.size() >= 5;
  })) << "a crash now leaves files that are named";
}

// Every other write fails: the writer neither calls itself deeper and deeper nor fills the folder with files.
TEST_F(FaultyDisk, AFlappingDiskMakesABoundedNumberOfFiles) {
  if (test::kSealed) GTEST_SKIP() << "this disk takes a record at a time, and never a whole block";
  auto how = options();
  how.flush_interval = 60s;
  std::atomic<std::uint64_t> writes{0};
  Started s(how);
  s.add(video("camera"));
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    ASSERT_EQ(s.record("camera", i, 500), Outcome::accepted);
    sent.push_back(text(rtp(i, 500)));
  }
  disk.set_short_writes(513);  // a record at a time
  fail_when([&](const FaultFileSystem::Call& call) {
    return call.op == Op::write && call.path.extension() == ".rtpx" && ++writes % 2 == 0;
  });
  const auto flushed = s.recorder->flush();
  ASSERT_FALSE(flushed) << "not all is written";
  EXPECT_LE(s.recorder->manifest().at("camera").more_locations.size(), 16U);
  disk.set_hook({});
  const auto camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(packets_of(camera), sent) << "nothing is lost by it";
  EXPECT_LE(camera.more_locations.size(), 18U);
}

TEST_F(FaultyDisk, AStorageWhoseSyncsKeepFailingIsLeft) {
  Started s(options());
  s.add(video("camera"));
  const auto old_folder = s.recorder->folder();
  fail_when([old_folder](const FaultFileSystem::Call& call) {
    return call.op == Op::sync && call.path.parent_path() == old_folder && is_record_file(call.path);
  });
  std::uint32_t i = 0;
  ASSERT_TRUE(eventually([&] {
    EXPECT_EQ(s.record("camera", ++i), Outcome::accepted);
    return !events_of<event::Restarted>().empty();
  }));
  EXPECT_LE(events_of<event::TrackRestarted>().size(), 3U);
  const auto camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(packets_of(camera).size() + packets_of(manifest_in(old_folder).at("camera")).size(), i);
}

// How old the oldest packet is that a crash would cost: grows while the disk stands still, ends when it goes
// on.
TEST_F(FaultyDisk, TheAgeOfTheOldestUnwrittenPacketIsTold) {
  Started s(options());
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  ASSERT_TRUE(s.recorder->flush());
  EXPECT_EQ(s.recorder->stats().oldest_unwritten, 0us);
  disk.block();
  const auto before = std::chrono::steady_clock::now();
  ASSERT_EQ(s.record("camera", 2), Outcome::accepted);
  const auto accepted = std::chrono::steady_clock::now();
  std::this_thread::sleep_for(300ms);
  const auto waited = std::chrono::steady_clock::now() - accepted;
  EXPECT_GE(s.recorder->stats().oldest_unwritten, waited);
  EXPECT_GE(*s.recorder->stats().oldest_unsynced, waited);
  disk.unblock();
  ASSERT_TRUE(s.recorder->flush());
  EXPECT_LE(s.recorder->stats().oldest_unwritten, std::chrono::steady_clock::now() - before);
  EXPECT_EQ(s.recorder->stats().queued_bytes, 0U);
  EXPECT_EQ(s.recorder->stats().oldest_unwritten, 0us);
}

// Once when it begins, with the age, and once when it is over, with the longest: also where nobody looked
// meanwhile.
TEST_F(FaultyDisk, LateWritesAreTold) {
  Started s(options());
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  ASSERT_TRUE(s.recorder->flush());
  disk.block();
  ASSERT_EQ(s.record("camera", 2), Outcome::accepted);
  const auto accepted = std::chrono::steady_clock::now();
  ASSERT_TRUE(eventually([&] { return !events_of<event::WritesLate>().empty(); }));
  const auto told = events_of<event::WritesLate>().front();
  EXPECT_TRUE(told.late);
  EXPECT_GT(told.oldest, options().flush_interval + Recorder::kLate);
  const auto waited = std::chrono::steady_clock::now() - accepted;
  disk.unblock();
  ASSERT_TRUE(eventually([&] { return events_of<event::WritesLate>().size() >= 2; }));
  const auto over = events_of<event::WritesLate>()[1];
  EXPECT_FALSE(over.late);
  EXPECT_GE(over.oldest, waited) << "the whole wait, not what it was when it was told";
}

// Tracks come and go: what is kept of each is its entry in the manifest, and its id. RTPX_CYCLES sets how
// many.
TEST(EndedTracks, AreForgotten) {
  constexpr int kWarm = 100;
  const char* wanted = std::getenv("RTPX_CYCLES");
  const int cycles = wanted != nullptr ? std::atoi(wanted) : 300;
  Started s;
  const auto cycle = [&](int i) {
    const std::string id = "track " + std::to_string(i);
    s.add(video(id));
    ASSERT_EQ(s.record(id, 1), Outcome::accepted);
    ASSERT_EQ(s.recorder->record_rtcp(id, rtp(1, 28)), Outcome::accepted);
    s.end(id);
  };
  const auto manifest_bytes = [&] {
    return std::filesystem::file_size(s.recorder->folder() / "manifest.json");
  };
  const auto used = [] { return static_cast<std::int64_t>(::mallinfo2().uordblks); };
  for (int i = 0; i < kWarm; ++i) cycle(i);
  const auto before = used();
  const auto manifest_before = manifest_bytes();
  for (int i = kWarm; i < kWarm + cycles; ++i) cycle(i);
  const auto grown = static_cast<std::int64_t>(manifest_bytes() - manifest_before);
  EXPECT_LE(used() - before, 2 * grown) << "the manifest grew by " << grown;

  const auto stats = s.recorder->stats();
  EXPECT_EQ(stats.packets, static_cast<std::uint64_t>(kWarm + cycles));
  EXPECT_LE(stats.tracks.size(), 64U);
  EXPECT_EQ(read_manifest(s.recorder->folder())->size(), static_cast<std::size_t>(kWarm + cycles));
  EXPECT_EQ(serialize_manifest(s.recorder->manifest()),
            test::read_file(s.recorder->folder() / "manifest.json"));
  EXPECT_EQ(s.record("track 7", 1), Outcome::ended);
  EXPECT_EQ(s.recorder->record_rtcp("track 7", rtp(1, 28)), Outcome::ended);
  EXPECT_EQ(s.recorder->stats().ended, stats.ended + 2);
  const auto again = video("track 7");
  EXPECT_EQ(s.recorder->add_tracks({&again, 1}).error().code, Errc::already_exists);
}

TEST(EndedTracks, PacketsThroughTheirHandlesAreCountedStill) {
  Started s;
  s.add(video("camera"));
  auto handle = *s.recorder->track("camera");
  s.end("camera");
  EXPECT_EQ(handle.record(0, rtp(1)), Outcome::ended);
  EXPECT_EQ(handle.record(3, rtp(1)), Outcome::unknown_rid);
  EXPECT_EQ(s.recorder->stats().ended, 1U);
  EXPECT_EQ(s.recorder->stats().unknown_rid, 1U);
}

}  // namespace
}  // namespace rtpx
