#include <gtest/gtest.h>

#include <thread>

#include "recorder/started.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using test::records;
using test::rtp;
using test::Started;
using test::text;
using test::video;

RecordingInfo info_in(const std::filesystem::path& folder) {
  return *read_recording_info(real_file_system(), folder);
}

Recorder::TrackStats stats_of(const Recorder& recorder, const std::string& id) {
  for (const auto& track : recorder.stats().tracks)
    if (track.id == id) return track;
  throw std::runtime_error("no track " + id);
}

TEST(Pauses, NothingIsWrittenOfAnyTrackUntilItGoesOn) {
  Started s;
  s.add(video("camera"));
  EXPECT_EQ(s.record("camera", 1), Outcome::accepted);
  ASSERT_TRUE(s.recorder->pause());
  ASSERT_TRUE(s.recorder->pause());  // which it is
  EXPECT_TRUE(s.recorder->paused());
  s.add(video("late"));
  for (std::uint32_t i = 2; i < 6; ++i) EXPECT_EQ(s.record("camera", i), Outcome::paused);
  EXPECT_EQ(s.record("late", 1), Outcome::paused);
  EXPECT_EQ(s.recorder->record_rtcp("camera", rtp(9, 28)), Outcome::paused);
  EXPECT_TRUE(stats_of(*s.recorder, "camera").paused);
  const Manifest meanwhile = *read_manifest(s.recorder->folder());
  ASSERT_EQ(meanwhile.at("camera").pauses.size(), 1U);
  EXPECT_FALSE(meanwhile.at("camera").pauses[0].to_ms);
  EXPECT_EQ(info_in(s.recorder->folder()).facts.pauses.size(), 1U);

  ASSERT_TRUE(s.recorder->resume());
  EXPECT_FALSE(s.recorder->paused());
  EXPECT_EQ(s.record("camera", 6), Outcome::accepted);
  EXPECT_EQ(s.record("late", 2), Outcome::accepted);
  const Recorder::Stats stats = s.recorder->stats();
  EXPECT_EQ(stats.paused, 6U);
  EXPECT_EQ(stats.packets, 3U);
  EXPECT_EQ(stats_of(*s.recorder, "camera").paused_packets, 4U);
  EXPECT_EQ(stats_of(*s.recorder, "camera").refused_packets, 0U);

  const ManifestTrack camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(camera.refused_packets, 0U);  // nothing is lost
  const auto stored = records(test::read_file(camera.location));
  ASSERT_EQ(stored.size(), 2U);
  EXPECT_EQ(stored[0].packet, text(rtp(1)));
  EXPECT_EQ(stored[1].packet, text(rtp(6)));
  ASSERT_EQ(camera.pauses.size(), 1U);
  EXPECT_GE(camera.pauses[0].from_ms, stored[0].header.receive_time_ms);
  EXPECT_GE(*camera.pauses[0].to_ms, camera.pauses[0].from_ms);
  EXPECT_LE(*camera.pauses[0].to_ms, stored[1].header.receive_time_ms);
  EXPECT_FALSE(camera.rtcp_location);
  const std::filesystem::path folder = s.recorder->folder();
  s.recorder.reset();
  const auto pauses = info_in(folder).facts.pauses;
  ASSERT_EQ(pauses.size(), 1U);
  EXPECT_GE(*pauses[0].to_ms, pauses[0].from_ms);
}

TEST(Pauses, ATrackGoesOnWhenNeitherItNorTheRecordingIsPaused) {
  Started s;
  s.add(video("a"));
  s.add(video("b"));
  const std::string a = "a";
  ASSERT_TRUE(s.recorder->pause({&a, 1}));
  EXPECT_EQ(s.record("a", 1), Outcome::paused);
  EXPECT_EQ(s.record("b", 1), Outcome::accepted);
  EXPECT_FALSE(s.recorder->paused());
  ASSERT_TRUE(s.recorder->pause());
  ASSERT_TRUE(s.recorder->resume({&a, 1}));
  EXPECT_EQ(s.record("a", 2), Outcome::paused);
  ASSERT_TRUE(s.recorder->pause({&a, 1}));
  ASSERT_TRUE(s.recorder->resume());
  EXPECT_EQ(s.record("a", 3), Outcome::paused);
  EXPECT_EQ(s.record("b", 3), Outcome::accepted);
  ASSERT_TRUE(s.recorder->resume({&a, 1}));
  EXPECT_EQ(s.record("a", 4), Outcome::accepted);
  const Manifest manifest = s.recorder->manifest();
  EXPECT_EQ(manifest.at("a").pauses.size(), 1U);  // it never went on between
  EXPECT_EQ(manifest.at("b").pauses.size(), 1U);
  EXPECT_EQ(info_in(s.recorder->folder()).facts.pauses.size(), 1U);

  const std::vector<std::string> ids = {"b", "nobody"};
  EXPECT_EQ(s.recorder->pause(ids).error().code, Errc::not_found);
  EXPECT_EQ(s.record("b", 5), Outcome::accepted);
  ASSERT_TRUE(s.recorder->end_tracks({&a, 1}));
  EXPECT_EQ(s.recorder->pause({&a, 1}).error().code, Errc::not_found);
}

TEST(Pauses, ThreadsThatRecordMeanwhileLoseAndKeepNothingUncounted) {
  Started s;
  s.add(video("camera"));
  std::atomic<bool> stop = false;
  std::uint64_t accepted = 0, paused = 0;
  std::jthread sender([&] {
    for (std::uint32_t i = 0; !stop; ++i) {
      const Outcome outcome = s.record("camera", i);
      accepted += outcome == Outcome::accepted ? 1 : 0;
      paused += outcome == Outcome::paused ? 1 : 0;
    }
  });
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(s.recorder->pause());
    ASSERT_TRUE(s.recorder->resume());
  }
  stop = true;
  sender.join();
  const ManifestTrack camera = s.end("camera").manifest.at("camera");
  EXPECT_EQ(camera.packets, accepted);
  EXPECT_EQ(s.recorder->stats().paused, paused);
  ASSERT_EQ(camera.pauses.size(), 20U);
  for (const auto& record : records(test::read_file(camera.location)))
    for (const Pause& pause : camera.pauses)  // but for the millisecond in which it begins or ends
      EXPECT_FALSE(record.header.receive_time_ms > pause.from_ms &&
                   record.header.receive_time_ms < pause.to_ms);
}

TEST(Marks, StandInRecordingJsonByTime) {
  Started s;
  ASSERT_TRUE(s.recorder->mark("now"));
  ASSERT_TRUE(s.recorder->mark("before", ReceiveClock::now() - std::chrono::hours(1)));
  EXPECT_EQ(s.recorder->mark(std::string(4097, 'x')).error().code, Errc::invalid_argument);
  const auto marks = info_in(s.recorder->folder()).facts.marks;
  ASSERT_EQ(marks.size(), 2U);
  EXPECT_EQ(marks[0].text, "before");
  EXPECT_EQ(marks[1].text, "now");
  const std::int64_t apart = marks[1].at_ms - marks[0].at_ms;
  EXPECT_GE(apart, 3'599'000);
  EXPECT_LE(apart, 3'660'000);
}

}  // namespace
}  // namespace rtpx
