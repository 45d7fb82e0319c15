// Events, callbacks, lifetimes, rotation, uploads.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <mutex>
#include <thread>

#include "recorder/started.hpp"
#include "support/fault_file_system.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::read_file;
using test::records;
using test::rtp;
using test::Started;
using test::TempDir;
using test::text;
using test::video;

template <typename Condition>
[[nodiscard]] bool eventually(Condition&& condition) {
  for (int i = 0; i < 2000; ++i) {
    if (condition()) return true;
    std::this_thread::sleep_for(5ms);
  }
  return false;
}

/// A sink that keeps what comes.
struct Log {
  std::mutex mutex;
  std::vector<Event> events;
  EventSink sink() {
    return [this](const Event& event) {
      const std::lock_guard lock(mutex);
      events.push_back(event);
    };
  }
  template <typename T>
  std::vector<T> of() {
    std::vector<T> out;
    const std::lock_guard lock(mutex);
    for (const Event& event : events)
      if (const T* one = std::get_if<T>(&event)) out.push_back(*one);
    return out;
  }
};

TEST(RecorderEvents, AnUnknownTrackIsReportedByName) {
  Log log;
  Recorder::Options options;
  options.event_sink = log.sink();
  Started s(options);
  s.add(video("camera", {"q"}));
  for (int i = 0; i < 10; ++i) (void)s.recorder->record("nobody", std::nullopt, rtp(1));
  (void)s.recorder->record("camera", "z", rtp(1));
  ASSERT_TRUE(eventually([&] { return log.of<event::UnknownTarget>().size() >= 2; }));
  const auto events = log.of<event::UnknownTarget>();
  EXPECT_EQ(events[0].track_id, "nobody");
  EXPECT_EQ(events[1].track_id, "camera");
  EXPECT_EQ(events[1].rid, "z");
}

TEST(RecorderEvents, ATrackThatFlowsAndFallsSilentIsReported) {
  Log log;
  Recorder::Options options;
  options.event_sink = log.sink();
  options.silence_after = 150ms;
  Started s(options);
  s.add(video("camera"));
  const auto flows = [&](std::size_t n) {
    return eventually([&] { return log.of<event::TrackFlow>().size() >= n; });
  };
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  ASSERT_TRUE(flows(2));
  ASSERT_EQ(s.record("camera", 2), Outcome::accepted);
  ASSERT_TRUE(flows(3));
  const auto events = log.of<event::TrackFlow>();
  EXPECT_TRUE(events[0].flowing);
  EXPECT_FALSE(events[1].flowing);
  EXPECT_TRUE(events[2].flowing);
}

TEST(RecorderEvents, ASinkThatThrowsIsCountedAndHarmless) {
  Recorder::Options options;
  options.event_sink = [](const Event&) { throw std::runtime_error("from a test"); };
  Started s(options);
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  EXPECT_TRUE(eventually([&] { return s.recorder->stats().sink_exceptions > 0; }));
  EXPECT_EQ(s.record("camera", 2), Outcome::accepted);
}

TEST(RecorderEvents, ASinkMayCallTheRecorder) {
  std::atomic<bool> done{false};
  Recorder* recorder = nullptr;
  Recorder::Options options;
  Started s(options);
  recorder = s.recorder.get();
  s.recorder->set_event_sink([&](const Event&) {
    if (done.load()) return;
    const auto track = video("from the sink");
    EXPECT_TRUE(recorder->add_tracks({&track, 1}));
    EXPECT_EQ(recorder->record("from the sink", std::nullopt, rtp(1)), Outcome::accepted);
    const std::string id = "from the sink";
    EXPECT_TRUE(recorder->end_tracks({&id, 1}));
    (void)recorder->stats();
    recorder->set_event_sink({});  // its own replacement does not wait for itself
    done.store(true);
  });
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1), Outcome::accepted);
  EXPECT_TRUE(eventually([&] { return done.load(); }));
}

TEST(RecorderEvents, AfterASwapTheOldSinkNeverRuns) {
  Started s;
  s.add(video("camera"));
  for (int i = 0; i < 20; ++i) {
    auto inside = std::make_shared<std::atomic<bool>>(false);
    auto gone = std::make_shared<std::atomic<bool>>(false);
    s.recorder->set_event_sink([inside, gone](const Event&) {
      inside->store(true);
      std::this_thread::sleep_for(20ms);
      EXPECT_FALSE(gone->load());
    });
    (void)s.recorder->record("nobody " + std::to_string(i), std::nullopt, rtp(1));
    ASSERT_TRUE(eventually([&] { return inside->load(); }));
    s.recorder->set_event_sink({});
    gone->store(true);
  }
}

TEST(RecorderLife, OnStartReturnsTheFirstTracks) {
  Recorder::Options options;
  options.on_start = [](Recorder& recorder) {
    EXPECT_TRUE(std::filesystem::exists(recorder.folder()));
    return std::vector{video("first"), video("second")};
  };
  Started s(options);
  EXPECT_EQ(s.record("first", 1), Outcome::accepted);
  EXPECT_EQ(s.record("second", 1), Outcome::accepted);
}

TEST(RecorderLife, OnStartThatThrowsIsStartsError) {
  TempDir dir;
  Recorder::Options options;
  options.base_dir = dir.path();
  options.on_start = [](Recorder&) -> std::vector<MediaStreamTrack> {
    throw std::runtime_error("no tracks today");
  };
  const auto started = Recorder::start(options);
  ASSERT_FALSE(started);
  EXPECT_NE(started.error().message.find("no tracks today"), std::string::npos);
}

TEST(RecorderLife, TheOwnersStopEndsALinkedRecorder) {
  TempDir dir;
  std::stop_source owner;
  Recorder::Options options;
  options.base_dir = dir.path();
  const auto recorder = Recorder::start_link(options, owner).value();
  const auto track = video("camera");
  ASSERT_TRUE(recorder->add_tracks({&track, 1}));
  ASSERT_EQ(recorder->record("camera", std::nullopt, rtp(1)), Outcome::accepted);
  owner.request_stop();
  ASSERT_TRUE(eventually([&] { return recorder->record("camera", std::nullopt, rtp(2)) == Outcome::ended; }));
  ASSERT_TRUE(
      eventually([&] { return read_manifest(recorder->folder())->at("camera").ended_at.has_value(); }));
  EXPECT_EQ(read_manifest(recorder->folder())->at("camera").end_reason, "recorder_stopped");
}

TEST(RecorderLife, TheRecordersEndStopsItsOwner) {
  TempDir dir;
  std::stop_source owner;
  Recorder::Options options;
  options.base_dir = dir.path();
  { const auto recorder = Recorder::start_link(options, owner).value(); }
  EXPECT_TRUE(owner.stop_requested());
}

TEST(RecorderLife, AWrongPathIsStartsError) {
  TempDir dir;
  test::write_file(dir / "file", "in the way");
  Recorder::Options options;
  options.base_dir = dir / "file";
  EXPECT_FALSE(Recorder::start(options));
  options = {};
  options.folder = dir.path();
  EXPECT_EQ(Recorder::start(options).error().code, Errc::already_exists) << "a folder that is not empty";
  options.folder = dir / "exact/name";
  const auto started = Recorder::start(options);
  ASSERT_TRUE(started);
  EXPECT_EQ((*started)->folder(), dir / "exact/name");
}

TEST(RecorderLife, OptionsThatCannotWorkAreRefused) {
  Recorder::Options options;
  options.flush_interval = 0ms;
  EXPECT_EQ(Recorder::start(options).error().code, Errc::invalid_argument);
  options = {};
  options.queue_bytes = 100;
  EXPECT_EQ(Recorder::start(options).error().code, Errc::invalid_argument);
}

TEST(RecorderLife, AnImportKeepsTheTimesOfItsPackets) {
  Recorder::Options options;
  options.clock = ClockAnchor{-5000, UtcTime(std::chrono::seconds(1'600'000'000))};
  Started s(options);
  s.add(video("camera"));
  PacketInfo info;
  info.arrival = ReceiveClock::time_point(std::chrono::milliseconds(-4321));
  ASSERT_EQ(s.recorder->record("camera", std::nullopt, rtp(1), info), Outcome::accepted);
  const auto track = s.end("camera").manifest.at("camera");
  EXPECT_EQ(track.clock, options.clock);
  EXPECT_EQ(track.start_time, options.clock->utc);
  EXPECT_EQ(records(read_file(track.location)).at(0).header.receive_time_ms, -4321);
}

class Rotation : public testing::Test {
 protected:
  std::vector<std::string> parts_of(const ManifestTrack& track) {
    std::vector<std::string> out{track.location};
    out.insert(out.end(), track.more_locations.begin(), track.more_locations.end());
    return out;
  }
  void expect_whole(const ManifestTrack& track, const std::vector<std::string>& sent) {
    std::vector<std::string> stored;
    for (const auto& part : parts_of(track)) {
      std::size_t torn = 1;
      for (const auto& record : records(read_file(part), &torn)) stored.push_back(record.packet);
      EXPECT_EQ(torn, 0U) << part << " ends with a whole record";
    }
    EXPECT_EQ(stored, sent);
  }
};

TEST_F(Rotation, BySizeLosesNothing) {
  Recorder::Options options;
  options.rotate_bytes = 200'000;
  options.flush_interval = 8ms;
  Started s(options);
  s.add(video("camera"));
  std::vector<std::string> sent;
  for (std::uint32_t i = 0; i < 3000; ++i) {
    const auto packet = rtp(i, 1000 + i % 300);
    ASSERT_EQ(s.recorder->record("camera", std::nullopt, packet), Outcome::accepted);
    sent.push_back(text(packet));
    if (i % 300 == 0) std::this_thread::sleep_for(3ms);
  }
  const auto track = s.end("camera").manifest.at("camera");
  EXPECT_GE(parts_of(track).size(), 3U);
  expect_whole(track, sent);
  EXPECT_EQ(read_manifest(s.recorder->folder())->at("camera").more_locations, track.more_locations);
}

TEST_F(Rotation, ByAgeLosesNothing) {
  Recorder::Options options;
  options.rotate_after = 1s;
  options.flush_interval = 8ms;
  Started s(options);
  s.add(video("camera"));
  std::vector<std::string> sent;
  ASSERT_TRUE(eventually([&] {
    const auto packet = rtp(static_cast<std::uint32_t>(sent.size()), 700);
    EXPECT_EQ(s.recorder->record("camera", std::nullopt, packet), Outcome::accepted);
    sent.push_back(text(packet));
    return s.recorder->manifest().at("camera").more_locations.size() >= 1;
  }));
  expect_whole(s.end("camera").manifest.at("camera"), sent);
}

/// Stores nothing; answers when told.
class TestUploader final : public Uploader {
 public:
  UploadTaskRef upload(Task task, Done done) override {
    const std::lock_guard lock(mutex);
    tasks.push_back(task);
    dones.push_back(std::move(done));
    return {tasks.size()};
  }
  void file_growing(const std::filesystem::path& file, std::uint64_t bytes) override {
    const std::lock_guard lock(mutex);
    EXPECT_GE(std::filesystem::file_size(file), bytes);
    grown[file.filename()] = bytes;
  }
  void resume(const std::filesystem::path& base_folder, Done) override {
    const std::lock_guard lock(mutex);
    resumed.push_back(base_folder);
  }
  void prove(std::filesystem::path, std::vector<std::filesystem::path> files, Proven proven) override {
    ++asked;
    if (lost) files.clear();
    proven(std::move(files));
  }
  void answer(std::size_t n, bool good) {
    Done done;
    Task task;
    {
      const std::lock_guard lock(mutex);
      done = dones[n];
      task = tasks[n];
    }
    if (good) {
      for (auto& [id, track] : task.manifest) track.location = "s3://bucket/" + id;
      done({n + 1}, event::UploadComplete{{n + 1}, task.manifest});
    } else {
      done({n + 1}, event::UploadFailed{{n + 1}, task.manifest, {Errc::network, "away"}});
    }
  }
  std::mutex mutex;
  std::vector<Task> tasks;
  std::vector<Done> dones;
  std::map<std::filesystem::path, std::uint64_t> grown;
  std::vector<std::filesystem::path> resumed;
  std::atomic<bool> lost = false;  ///< the service has nothing of what was stored
  std::atomic<int> asked = 0;
};

TEST(RecorderUpload, EndedTracksAreHandedToTheUploaderWithTheWholeManifest) {
  Log log;
  const auto uploader = std::make_shared<TestUploader>();
  Recorder::Options options;
  options.event_sink = log.sink();
  options.uploader = uploader;
  Started s(options);
  ASSERT_EQ(uploader->resumed.size(), 1U) << "what an earlier process left is resumed";
  EXPECT_EQ(uploader->resumed[0], s.dir / "recordings");
  s.add(video("a"));
  s.add(video("b"));
  ASSERT_EQ(s.record("a", 1), Outcome::accepted);
  ASSERT_EQ(s.recorder->record_rtcp("a", rtp(1, 28)), Outcome::accepted);
  const EndedTracks ended = s.end("a");
  ASSERT_TRUE(ended.upload);
  ASSERT_EQ(uploader->tasks.size(), 1U);
  const auto& task = uploader->tasks[0];
  EXPECT_EQ(task.folder, s.recorder->folder());
  EXPECT_THAT(task.files,
              testing::IsSupersetOf({std::filesystem::path("a.rtpx"), std::filesystem::path("a.rtcpx")}));
  for (const auto& file : task.files) EXPECT_TRUE(std::filesystem::exists(task.folder / file)) << file;
  EXPECT_EQ(task.manifest.size(), 1U);
  EXPECT_EQ(task.whole.size(), 2U);
  uploader->answer(0, true);
  ASSERT_TRUE(eventually([&] { return log.of<event::UploadComplete>().size() == 1; }));
  EXPECT_EQ(log.of<event::UploadComplete>()[0].ref, *ended.upload);
  EXPECT_EQ(log.of<event::UploadComplete>()[0].manifest.at("a").location, "s3://bucket/a");
  ASSERT_TRUE(s.end("b").upload);
  uploader->answer(1, false);
  ASSERT_TRUE(eventually([&] { return log.of<event::UploadFailed>().size() == 1; }));
}

TEST(RecorderUpload, AFileThatGrowsIsAnnouncedWhileRecording) {
  const auto uploader = std::make_shared<TestUploader>();
  Recorder::Options options;
  options.uploader = uploader;
  options.upload_while_recording = true;
  options.flush_interval = 8ms;
  options.sync_interval = 20ms;
  Started s(options);
  s.add(video("camera"));
  ASSERT_EQ(s.record("camera", 1, 1000), Outcome::accepted);
  ASSERT_TRUE(eventually([&] {
    const std::lock_guard lock(uploader->mutex);
    return uploader->grown["camera.rtpx"] == 1013;
  }));
}

// Low space from the start: what was uploaded is deleted, what was not stays.
TEST(RecorderUpload, UploadedFilesAreDeletedWhenSpaceIsLow) {
  const auto uploader = std::make_shared<TestUploader>();
  test::FaultFileSystem disk;
  disk.set_capacity(1U << 20);
  Recorder::Options options;
  options.uploader = uploader;
  options.base_dir = "/disk";
  options.file_system = &disk;
  options.low_space_bytes = 2U << 20;
  options.full_space_bytes = 0;
  options.on_low_space = Recorder::LowSpacePolicy::delete_uploaded;
  Started s(options);
  for (const char* id : {"a", "b", "c"}) {
    s.add(video(id));
    ASSERT_EQ(s.record(id, 1), Outcome::accepted);
  }
  s.end("a");
  s.end("b");
  const auto folder = s.recorder->folder();
  uploader->lost = true;
  uploader->answer(0, true);
  uploader->answer(1, false);
  ASSERT_TRUE(eventually([&] { return uploader->asked > 1; }));
  EXPECT_FALSE(disk.content(folder / "a.rtpx").empty()) << "the service has lost it since";
  uploader->lost = false;
  ASSERT_TRUE(eventually([&] { return disk.content(folder / "a.rtpx").empty(); }));
  ASSERT_TRUE(eventually([&] {
    const auto manifest = parse_manifest(disk.content(folder / "manifest.json"));
    return manifest && manifest->at("a").location == "s3://bucket/a";
  })) << "the manifest says where it is";
  EXPECT_FALSE(disk.content(folder / "b.rtpx").empty()) << "its upload failed";
  EXPECT_EQ(s.record("c", 2), Outcome::accepted);
  s.end("c");
  EXPECT_FALSE(disk.content(folder / "c.rtpx").empty()) << "not uploaded yet";
}

TEST(RecorderUpload, AnAnswerAfterTheRecordersEndIsHarmless) {
  const auto uploader = std::make_shared<TestUploader>();
  {
    Recorder::Options options;
    options.uploader = uploader;
    Started s(options);
    s.add(video("camera"));
    s.end("camera");
  }
  uploader->answer(0, true);
}

}  // namespace
}  // namespace rtpx
