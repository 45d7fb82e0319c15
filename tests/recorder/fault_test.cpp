// Disks that hang, fill up, fail and are slow.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include "recorder/faulty_disk.hpp"

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

TEST_F(FaultyDisk, RecordNeverWaitsWhileTheDiskIsStopped) {
  auto how = options();
  how.queue_bytes = 1U << 20;
  how.end_timeout = 300ms;
  Started s(how);
  s.add(video("camera"));
  s.add(video("microphone"));
  disk.block();
  std::uint64_t accepted = 0, refused = 0;
  for (std::uint32_t i = 0; i < 20000; ++i) {  // would hang here
    const Outcome outcome = s.record(i % 2 == 0 ? "camera" : "microphone", i, 1100);
    ASSERT_TRUE(outcome == Outcome::accepted || outcome == Outcome::queue_full);
    ++(outcome == Outcome::accepted ? accepted : refused);
  }
  const auto stats = s.recorder->stats();
  EXPECT_EQ(stats.packets, accepted);
  EXPECT_EQ(stats.queue_full, refused);
  EXPECT_GT(refused, 0U);
  EXPECT_LE(stats.queued_bytes, how.queue_bytes);
  EXPECT_GT(stats.queued_bytes, how.queue_bytes / 2) << "the memory is used before packets are refused";
  EXPECT_TRUE(eventually([&] { return !events_of<event::PacketsRefused>().empty(); })) << "an event says so";
  const std::string id = "camera";
  const auto ended = s.recorder->end_tracks({&id, 1});
  ASSERT_FALSE(ended) << "end_tracks answers";
  EXPECT_EQ(ended.error().code, Errc::io);
  disk.unblock();
  const std::string other = "microphone";
  ASSERT_TRUE(eventually([&] { return s.recorder->stats().queued_bytes == 0; }));  // a slow machine needs more than 300 ms
  ASSERT_TRUE(s.recorder->end_tracks({&other, 1}));
  const auto written = [&] {
    const Manifest manifest = s.recorder->manifest();
    return packets_of(manifest.at("camera")).size() + packets_of(manifest.at("microphone")).size();
  };
  EXPECT_TRUE(eventually([&] { return written() == accepted; }))
      << written() << " of " << accepted << ": what was accepted is not lost when the disk comes back";
}

TEST(DeadDisk, ItsRecorderCanBeDestroyed) {
  static FaultFileSystem& disk = *new FaultFileSystem;  // threads are left behind in it: it outlives them
  Recorder::Options how;
  how.base_dir = "/disk/recordings";
  how.file_system = &disk;
  how.flush_interval = 8ms;
  how.end_timeout = 200ms;
  {
    Started s(how);
    s.add(video("camera"));
    disk.block();
    ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
    std::this_thread::sleep_for(20ms);
  }
  disk.unblock();
}

TEST_F(FaultyDisk, ASlowSyncDoesNotHoldUpWriting) {
  std::atomic<bool> stuck{true};
  disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
    while (stuck.load() && call.op == Op::sync && call.path.extension() == ".rtpx")
      std::this_thread::sleep_for(1ms);
    return std::nullopt;
  });
  auto how = options();
  how.queue_bytes = 1U << 20;
  Started s(how);
  s.add(video("camera"));
  std::uint64_t sent = 0;
  for (int burst = 0; burst < 20; ++burst) {  // 4 MiB in all: four times the memory
    for (int i = 0; i < 200; ++i)
      ASSERT_EQ(s.record("camera", static_cast<std::uint32_t>(sent++), 1100), Outcome::accepted);
    ASSERT_TRUE(s.recorder->flush());
  }
  EXPECT_EQ(records(stored(s.recorder->folder() / "camera.rtpx")).size(), sent);
  stuck.store(false);
  s.end("camera");
}

TEST_F(FaultyDisk, ShortWritesLoseNothing) {
  Started s(options());
  disk.set_short_writes(777);
  s.add(video("camera"));
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 500; ++i) {
    ASSERT_EQ(s.record("camera", i, 1000), Outcome::accepted);
    sent.push_back(text(rtp(i, 1000)));
  }
  EXPECT_EQ(packets_of(s.end("camera").manifest.at("camera")), sent);
}

// A disk is filled, emptied, and filled again: what was accepted is in the file or counted as lost, what was
// refused is counted, and the file is whole.
TEST_F(FaultyDisk, AFullDiskRefusesAndGoesOnWhenThereIsRoom) {
  auto how = options();
  how.queue_bytes = 1U << 20;
  Started s(how);
  s.add(video("camera"));
  std::uint64_t sent = 0, accepted = 0;
  const auto send = [&] {
    ++sent;
    if (s.record("camera", static_cast<std::uint32_t>(sent), 1000) == Outcome::accepted) ++accepted;
    if (sent % 50 == 0) std::this_thread::sleep_for(1ms);
  };
  const auto fill = [&] {
    ASSERT_TRUE(eventually([&] {
      for (int i = 0; i < 100; ++i) send();
      const std::uint64_t before = s.recorder->stats().disk_full;
      send();
      return s.recorder->stats().disk_full > before;
    }));
  };
  disk.set_capacity(disk.used_bytes() + 500'000);
  fill();
  EXPECT_TRUE(eventually([&] { return !events_of<event::DiskSpace>().empty(); }));
  disk.set_capacity(disk.used_bytes() + 3'000'000);
  ASSERT_TRUE(eventually([&] {
    ++sent;
    const bool taken = s.record("camera", 0, 1000) == Outcome::accepted;
    accepted += taken ? 1 : 0;
    return taken;
  })) << "it goes on by itself";
  fill();
  const auto before_end = s.recorder->stats();
  EXPECT_EQ(before_end.packets, accepted);
  EXPECT_EQ(before_end.packets + before_end.disk_full + before_end.queue_full, sent);
  const std::string id = "camera";
  (void)s.recorder->end_tracks({&id, 1});
  const auto stats = s.recorder->stats();
  std::size_t torn = 1;
  const auto in_file = records(stored(s.recorder->folder() / "camera.rtpx"), &torn);
  EXPECT_EQ(torn, 0U) << "the file ends with a whole record";
  EXPECT_EQ(in_file.size() + stats.lost_after_accept, accepted);
  const auto track = s.recorder->manifest().at("camera");
  EXPECT_EQ(track.packets, in_file.size());
  EXPECT_EQ(*track.packets + *track.refused_packets, sent);
}

TEST_F(FaultyDisk, TheManifestIsPublishedFromTheReserveWhenTheDiskIsFull) {
  Started s(options());
  s.add(video("camera"));
  disk.set_capacity(disk.used_bytes() + 5000);
  ASSERT_TRUE(eventually([&] { return s.record("camera", 1, 1000) == Outcome::disk_full; }));
  const std::string id = "camera";
  ASSERT_TRUE(s.recorder->end_tracks({&id, 1}));
  const auto manifest = parse_manifest(stored(s.recorder->folder() / "manifest.json"));
  ASSERT_TRUE(manifest);
  EXPECT_TRUE(manifest->at("camera").ended_at);
}

// Space is low, but there is some: of three layers the best goes on, whichever is best at the time.
TEST_F(FaultyDisk, AtLowSpaceTheBestLayerGoesOnAlone) {
  auto how = options();
  how.low_space_bytes = 8U << 20;
  how.on_low_space = Recorder::LowSpacePolicy::drop_layers;
  disk.set_capacity(100U << 20);
  Started s(how);
  s.add(video("camera", {"q", "h", "f"}));
  const auto send = [&](const char* rid, std::size_t size) {
    return s.recorder->record("camera", rid, rtp(1, size));
  };
  for (int i = 0; i < 50; ++i)
    for (const auto& [rid, size] : {std::pair{"q", 100}, {"h", 500}, {"f", 1200}})
      ASSERT_EQ(send(rid, static_cast<std::size_t>(size)), Outcome::accepted);
  disk.set_capacity(disk.used_bytes() + (4U << 20));
  ASSERT_TRUE(eventually([&] {
    (void)send("f", 1200);
    return send("q", 100) == Outcome::disk_full;
  }));
  EXPECT_EQ(send("h", 500), Outcome::disk_full);
  EXPECT_EQ(send("f", 1200), Outcome::accepted);
  ASSERT_TRUE(eventually([&] { return send("h", 500) == Outcome::accepted; }))
      << "the best layer is not sent any more";
  ASSERT_TRUE(eventually([&] { return !events_of<event::DiskSpace>().empty(); }));
  EXPECT_EQ(events_of<event::DiskSpace>()[0].level, event::DiskSpace::Level::low);
  disk.set_capacity(100U << 20);
  ASSERT_TRUE(eventually([&] { return send("q", 100) == Outcome::accepted; })) << "there is room again";
}

TEST_F(FaultyDisk, AddTracksOnAFullDiskLeavesNothingBehind) {
  Started s(options());
  disk.set_capacity(disk.used_bytes());
  const auto track = video("camera");
  const auto added = s.recorder->add_tracks({&track, 1});
  ASSERT_FALSE(added);
  EXPECT_EQ(added.error().code, Errc::no_space);
  disk.set_capacity(1U << 30);
  EXPECT_TRUE(s.recorder->add_tracks({&track, 1})) << "the id is free";
}

TEST_F(FaultyDisk, AFileThatFailsIsLeftForANewOneOfTheSameTrack) {
  std::atomic<int> writes{0};
  Started s(options());
  s.add(video("camera"));
  s.add(video("microphone"));
  std::vector<std::string> sent;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto packet = rtp(static_cast<std::uint32_t>(sent.size()), 1000);
      ASSERT_EQ(s.recorder->record("camera", std::nullopt, packet), Outcome::accepted);
      ASSERT_EQ(s.record("microphone", 1), Outcome::accepted);
      sent.push_back(text(packet));
    }
  };
  send(200);
  ASSERT_TRUE(s.recorder->flush());
  disk.set_short_writes(1500);  // the file fails inside a record
  disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (call.op != Op::write || call.path.filename() != "camera.rtpx" || ++writes < 10) return std::nullopt;
    return Error{Errc::io, "injected"};
  });
  send(200);
  const auto camera = s.end("camera").manifest.at("camera");
  ASSERT_EQ(camera.more_locations.size(), 1U);
  EXPECT_EQ(packets_of(camera), sent);
  std::size_t torn = 1;
  (void)records(stored(camera.location), &torn);
  EXPECT_EQ(torn, 0U) << "the file that failed was cut at the end of a record";
  EXPECT_EQ(camera.packets, sent.size());
  ASSERT_TRUE(eventually([&] { return events_of<event::TrackRestarted>().size() == 1; }));
  EXPECT_EQ(events_of<event::TrackRestarted>()[0].track_id, "camera");
  const auto microphone = s.end("microphone").manifest.at("microphone");
  EXPECT_TRUE(microphone.more_locations.empty()) << "the other track was not touched";
  EXPECT_EQ(packets_of(microphone).size(), sent.size());
}

// Many restarts, each inside a record: a record that is torn between files is lost, and counted.
TEST_F(FaultyDisk, EveryPacketIsInSomeFileOrCountedAsLost) {
  if (test::kSealed) GTEST_SKIP() << "this disk takes four small writes, and never a whole block";
  auto how = options();
  how.end_timeout = 60s;  // after a dozen quick failures each new file waits twice as long as the one before
  std::atomic<std::uint64_t> writes{0};
  Started s(how);
  s.add(video("camera"));
  disk.set_short_writes(70'001);
  disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (call.op != Op::write || call.path.extension() != ".rtpx") return std::nullopt;
    const std::uint64_t write = ++writes;
    if (write % 4 != 0 || write > 60) return std::nullopt;  // a slow machine writes more often: no more files for that
    return Error{Errc::io, "injected"};
  });
  std::uint64_t accepted = 0;
  for (std::uint32_t i = 0; i < 4000; ++i) {
    if (s.record("camera", i, 1000) == Outcome::accepted) ++accepted;
    if (i % 500 == 0) std::this_thread::sleep_for(2ms);
  }
  const auto camera = s.end("camera").manifest.at("camera");
  EXPECT_GT(camera.more_locations.size(), 5U);
  const auto stats = s.recorder->stats();
  EXPECT_EQ(packets_of(camera).size() + stats.lost_after_accept, accepted);
  EXPECT_LE(stats.lost_after_accept, camera.more_locations.size()) << "at most one for each file";
}

TEST_F(FaultyDisk, ASyncThatFailsMovesTheTrackToANewFile) {
  std::atomic<bool> failing{false};
  disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (call.op != Op::sync || call.path.filename() != "camera.rtpx" || !failing.load()) return std::nullopt;
    return Error{Errc::io, "injected"};
  });
  Started s(options());
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  failing.store(true);
  ASSERT_TRUE(eventually([&] { return !events_of<event::TrackRestarted>().empty(); }));
  ASSERT_EQ(s.record("camera", 2), Outcome::accepted);
  const std::string id = "camera";
  const auto ended = s.recorder->end_tracks({&id, 1});
  EXPECT_EQ(s.recorder->manifest().at("camera").more_locations.size(), 1U);
  EXPECT_EQ(packets_of(s.recorder->manifest().at("camera")).size(), 2U);
}

TEST_F(FaultyDisk, AStorageThatFailsIsLeftForANewFolderWithAllLiveTracks) {
  auto how = options();
  std::atomic<int> starts{0};
  how.on_start = [&](Recorder&) -> std::vector<MediaStreamTrack> {
    return {video("from on_start " + std::to_string(starts++))};
  };
  Started s(how);
  s.add(video("camera"));
  s.add(video("ended before"));
  s.end("ended before");
  auto handle = *s.recorder->track("camera");
  const auto old_folder = s.recorder->folder();
  for (std::uint32_t i = 0; i < 100; ++i) ASSERT_EQ(s.record("camera", i), Outcome::accepted);
  ASSERT_TRUE(s.recorder->flush());
  disk.set_hook([old_folder](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (!FaultFileSystem::changes(call.op) || call.path.parent_path() != old_folder) return std::nullopt;
    return Error{Errc::io, "injected"};
  });
  std::uint64_t after = 0;
  ASSERT_TRUE(eventually([&] {
    if (handle.record(0, rtp(1000)) == Outcome::accepted) ++after;
    return !events_of<event::Restarted>().empty();
  }));
  for (std::uint32_t i = 0; i < 100; ++i) after += handle.record(0, rtp(i)) == Outcome::accepted ? 1 : 0;
  const auto restarted = events_of<event::Restarted>().at(0);
  EXPECT_EQ(restarted.old_folder, old_folder);
  EXPECT_EQ(restarted.new_folder, s.recorder->folder());
  ASSERT_TRUE(eventually([&] { return s.recorder->track("from on_start 1").has_value(); }))
      << "on_start ran again";
  const auto camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(std::filesystem::path(camera.location).parent_path(), restarted.new_folder);
  EXPECT_EQ(packets_of(camera).size() + s.recorder->stats().lost_after_accept, after);
  EXPECT_EQ(s.recorder->stats().restarts, 1U);
  EXPECT_FALSE(s.recorder->manifest().contains("ended before")) << "it stays with the old folder";
  const auto on_disk = parse_manifest(stored(restarted.new_folder / "manifest.json"));
  ASSERT_TRUE(on_disk);
  EXPECT_TRUE(on_disk->contains("camera"));
  EXPECT_TRUE(on_disk->contains("from on_start 0"));
}

TEST_F(FaultyDisk, ARecorderGivesUpAfterItsRestartsAndSaysSo) {
  auto how = options();
  std::stop_source owner;
  how.file_system = &disk;
  auto started = Recorder::start_link(how, owner);
  ASSERT_TRUE(started);
  Recorder& recorder = **started;
  const auto camera = video("camera"), late = video("late");
  ASSERT_TRUE(recorder.add_tracks({&camera, 1}));
  disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
    if (!FaultFileSystem::changes(call.op)) return std::nullopt;
    return Error{Errc::io, "injected"};
  });
  std::uint64_t accepted = 0;
  ASSERT_TRUE(eventually([&] {
    if (recorder.record("camera", std::nullopt, rtp(1)) == Outcome::accepted) ++accepted;
    return !events_of<event::Failed>().empty();
  }));
  EXPECT_TRUE(owner.stop_requested());
  EXPECT_EQ(recorder.record("camera", std::nullopt, rtp(1)), Outcome::failed);
  EXPECT_EQ(recorder.add_tracks({&late, 1}).error().code, Errc::storage_failed);
  EXPECT_TRUE(eventually([&] { return recorder.stats().lost_after_accept == accepted; })) << "all counted";
  EXPECT_EQ(recorder.stats().queued_bytes, 0U);
  const std::string id = "camera";
  EXPECT_FALSE(recorder.end_tracks({&id, 1}));
}

TEST_F(FaultyDisk, WhatFailsBeforeTheFirstFileIsStartsError) {
  for (const Errc code : {Errc::denied, Errc::no_space, Errc::io}) {
    disk.set_hook([&](const FaultFileSystem::Call& call) -> std::optional<Error> {
      if (!FaultFileSystem::changes(call.op)) return std::nullopt;
      return Error{code, "injected"};
    });
    const auto started = Recorder::start(options());
    ASSERT_FALSE(started);
    EXPECT_EQ(started.error().code, code);
  }
}

// The reports that come after the failure are those that conversion needs for the time after it.
TEST_F(FaultyDisk, ARestartedRtcpFileIsInTheManifest) {
  Started s(options());
  s.add(video("camera"));
  std::vector<std::string> sent;
  const auto send = [&](int count) {
    for (int i = 0; i < count; ++i) {
      const auto packet = rtp(static_cast<std::uint32_t>(sent.size()), 1000);
      ASSERT_EQ(s.recorder->record_rtcp("camera", packet), Outcome::accepted);
      sent.push_back(text(packet));
    }
  };
  send(100);
  ASSERT_TRUE(s.recorder->flush());
  fail_when([](const FaultFileSystem::Call& call) { return call.path.filename() == "camera.rtcpx"; });
  send(100);
  const auto camera = s.end("camera").manifest.at("camera");
  ASSERT_EQ(camera.more_rtcp_locations.size(), 1U);
  std::vector<std::string> got;
  for (const std::string& file : rtcp_locations(camera))
    for (const auto& record : records(stored(file))) got.push_back(record.packet);
  EXPECT_EQ(got, sent);
  EXPECT_EQ(rtcp_locations(manifest_in(s.recorder->folder()).at("camera")), rtcp_locations(camera));
  expect_all_named(s.recorder->folder());
}

}  // namespace
}  // namespace rtpx
