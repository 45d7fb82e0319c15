#include <gtest/gtest.h>

#include "recorder/started.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {
namespace {

using test::records;
using test::rtp;
using test::Started;
using test::text;
using test::video;

Recorder::Participant join(Started& s, const char* name, const char* id = "") {
  auto participant = s.recorder->add_participant(name, id);
  if (!participant) throw std::runtime_error(participant.error().message);
  return *std::move(participant);
}

RecordingInfo info_of(const Recorder& recorder) {
  return *read_recording_info(real_file_system(), recorder.folder());
}

TEST(Participants, EqualTrackIdsAreTracksOfTheirOwn) {
  Started s;
  Recorder::Participant alice = join(s, "Alice"), bob = join(s, "Bob", "bob-1");
  const MediaStreamTrack camera = video("camera");
  MediaStreamTrack screen = video("screen");
  screen.streams.clear();
  ASSERT_TRUE(alice.add_tracks({{camera, screen}}));
  const auto added = bob.add_tracks({&camera, 1});
  ASSERT_TRUE(added) << added.error().message;
  EXPECT_EQ(added->begin()->first, bob.track_id("camera"));

  EXPECT_EQ(alice.track("camera")->record(0, rtp(1)), Outcome::accepted);
  EXPECT_EQ(bob.track("camera")->record(0, rtp(2)), Outcome::accepted);
  EXPECT_EQ(s.recorder->record(bob.track_id("camera"), std::nullopt, rtp(3)), Outcome::accepted);
  EXPECT_EQ(bob.track("screen").error().code, Errc::not_found);
  ASSERT_TRUE(alice.end_tracks());
  ASSERT_TRUE(bob.end_tracks());

  const Manifest manifest = s.recorder->manifest();
  ASSERT_EQ(manifest.size(), 3U);
  const ManifestTrack& of_alice = manifest.at("p1.camera");
  const ManifestTrack& of_bob = manifest.at("bob-1.camera");
  EXPECT_EQ(of_alice.participant, "p1");
  EXPECT_EQ(of_alice.streams, std::vector<std::string>{"p1.stream"});
  EXPECT_EQ(of_alice.end_reason, "left");
  EXPECT_EQ(manifest.at("p1.screen").streams, std::vector<std::string>{"p1"});
  EXPECT_EQ(of_bob.participant, "bob-1");
  EXPECT_EQ(of_bob.streams, std::vector<std::string>{"bob-1.stream"});
  EXPECT_EQ(of_bob.clock, of_alice.clock);  // one recording, one clock
  const auto alices = records(test::read_file(of_alice.location)), bobs = records(test::read_file(of_bob.location));
  ASSERT_EQ(alices.size(), 1U);
  ASSERT_EQ(bobs.size(), 2U);
  EXPECT_EQ(alices[0].packet, text(rtp(1)));
  EXPECT_EQ(bobs[1].packet, text(rtp(3)));
  EXPECT_EQ(serialize_manifest(*read_manifest(s.recorder->folder())), serialize_manifest(manifest));
}

TEST(Participants, StandInRecordingJsonFromTheTimeTheyJoin) {
  Recorder::Options options;
  options.name = "Board";
  Started s(std::move(options));
  EXPECT_TRUE(info_of(*s.recorder).facts.participants.empty());
  (void)join(s, "Alice");
  (void)join(s, "Alice");
  (void)join(s, "", "p4");
  (void)join(s, "Dora");
  // Others keep their own in the file meanwhile.
  ASSERT_TRUE(change_recording_info(real_file_system(), s.recorder->folder(), [](RecordingInfo& info) {
    info.name = "Annual meeting";
    info.facts.labels = {"public"};
  }));
  const std::filesystem::path folder = s.recorder->folder();
  s.recorder.reset();
  const RecordingInfo info = *read_recording_info(real_file_system(), folder);
  EXPECT_EQ(info.name, "Annual meeting");
  EXPECT_EQ(info.facts.labels, std::vector<std::string>{"public"});
  EXPECT_EQ(info.end_reason, "recorder_stopped");
  std::vector<std::string> ids, names;
  for (const ParticipantInfo& one : info.facts.participants) {
    ids.push_back(one.id);
    names.push_back(one.name);
    EXPECT_GE(one.joined, info.created - std::chrono::seconds(1));
  }
  EXPECT_EQ(ids, (std::vector<std::string>{"p1", "p2", "p4", "p5"}));
  EXPECT_EQ(names, (std::vector<std::string>{"Alice", "Alice", "", "Dora"}));
}

TEST(Participants, WhatNamesNobodyIsRefused) {
  Started s;
  Recorder::Participant alice = join(s, "Alice", "a");
  EXPECT_EQ(s.recorder->add_participant("Bob", "a").error().code, Errc::already_exists);
  for (const char* id : {"a.b", "a b", "..", "\xFF"})
    EXPECT_EQ(s.recorder->add_participant("Bob", id).error().code, Errc::invalid_argument) << id;
  EXPECT_EQ(s.recorder->add_participant(std::string(4097, 'x')).error().code, Errc::invalid_argument);
  EXPECT_EQ(s.recorder->add_participant("Bob", std::string(65, 'x')).error().code, Errc::invalid_argument);
  EXPECT_EQ(info_of(*s.recorder).facts.participants.size(), 1U);
  const MediaStreamTrack camera = video("camera");
  ASSERT_TRUE(alice.add_tracks({&camera, 1}));
  EXPECT_EQ(alice.add_tracks({&camera, 1}).error().code, Errc::already_exists);
  s.recorder.reset();
  EXPECT_EQ(alice.add_tracks({&camera, 1}).error().code, Errc::storage_failed);
  EXPECT_FALSE(alice.end_tracks());
  EXPECT_EQ(Recorder::Participant().add_tracks({&camera, 1}).error().code, Errc::storage_failed);
}

}  // namespace
}  // namespace rtpx
