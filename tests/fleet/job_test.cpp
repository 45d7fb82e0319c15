// Jobs, records and results as text: what is written reads the same again, and nothing else is read.
#include <gtest/gtest.h>

#include "fleet/bus.hpp"
#include "fleet/store.hpp"

namespace rtpx::fleet {
namespace {

Job call() {
  return {.node = "node-a", .recording = "Café 1.x"};
}

TEST(FleetJob, AnyRecordingHasAKeyAndASubjectOfItsOwn) {
  EXPECT_EQ(key_of(call()), "job.node-a.Caf=C3=A9=201=2Ex.convert");
  EXPECT_EQ(subject_of(call()), "jobs.norm.node-a.Caf=C3=A9=201=2Ex.convert");
  Job again = call();
  again.generation = 2;
  again.publication = 3;
  EXPECT_EQ(key_of(again), key_of(call()));
  EXPECT_EQ(message_id_of(again), key_of(call()) + ".2.3");
  EXPECT_NE(encode_token("a=2Eb"), encode_token("a.b"));
}

TEST(FleetJob, EveryKindReadsTheSameAgain) {
  for (const JobKind kind : kJobKinds) {
    Job job = call();
    job.kind = kind;
    if (kind == JobKind::thumbnails) job.times_ms = {0, 1'500};
    if (kind == JobKind::compose || kind == JobKind::slice) {
      job.title = "A call";
      job.slices = 12;
      job.sprites = 5;
    }
    if (kind == JobKind::slice) job.slice = 3;
    EXPECT_EQ(parse_job(serialize_job(job)), job) << to_string(kind);
  }
}

TEST(FleetJob, ASliceHasAKeyOfItsOwnAndBelongsToItsFilm) {
  Job film = call();
  film.kind = JobKind::compose;
  film.slices = 12;
  Job slice = slice_of(film, 3);
  EXPECT_EQ(key_of(slice), "job.node-a.Caf=C3=A9=201=2Ex.slice-3");
  EXPECT_NE(key_of(slice), key_of(slice_of(film, 4)));
  slice.generation = 7;
  EXPECT_TRUE(is_slice_of(slice, film));
  film.layout = "speaker";
  EXPECT_FALSE(is_slice_of(slice, film));
  const auto with = [&](int slices, int number) {
    Job other = slice;
    other.slices = slices;
    other.slice = number;
    return parse_job(serialize_job(other));
  };
  EXPECT_TRUE(with(2, 0));
  EXPECT_TRUE(with(2, 2));
  EXPECT_FALSE(with(2, 3));
  EXPECT_FALSE(with(0, 0));
  EXPECT_FALSE(with(kMostSlices + 1, 0));
}

TEST(FleetJob, WhatNamesSomethingElseIsNoJob) {
  const auto with = [](const std::string& from, const std::string& to) {
    std::string text = serialize_job(call());
    const auto at = text.find(from);
    EXPECT_NE(at, text.npos) << from;
    return parse_job(text.replace(at, from.size(), to));
  };
  EXPECT_TRUE(with("convert", "convert"));
  for (const char* name : {"../x", ".hidden", "a/b", "", "a\\nb"})
    EXPECT_FALSE(with("Café 1.x", name)) << name;
  for (const char* node : {"", "a.b", "a b", "*", ">"}) EXPECT_FALSE(with("node-a", node)) << node;
  EXPECT_FALSE(with("\"generation\":1", "\"generation\":0"));
  EXPECT_FALSE(with("\"sprites\":100", "\"sprites\":-1"));
  EXPECT_FALSE(with("\"version\":1", "\"version\":2"));
  EXPECT_FALSE(parse_job(std::string(kMaxJobBytes + 1, ' ') + serialize_job(call())));
}

TEST(FleetRecord, ReadsTheSameAgainAndIsBounded) {
  JobRecord record{.job = call(),
                   .state = JobState::running,
                   .attempts = 2,
                   .worker = "w1",
                   .token = "abc",
                   .fraction = 0.25};
  EXPECT_EQ(parse_record(serialize_record(record)), record);
  record.state = JobState::done;
  record.fraction = 0;
  record.result = {"abc", 1, 3, 1'000};
  EXPECT_EQ(parse_record(serialize_record(record)), record);
  record.error = std::string(1'000'000, 'x');
  EXPECT_LT(serialize_record(record).size(), kMaxRecordBytes);
  record.error.clear();
  for (int i = 0; i < 5'000; ++i) record.error += "é";
  const auto cut = parse_record(serialize_record(record));
  ASSERT_TRUE(cut);
  EXPECT_EQ(cut->error, record.error.substr(0, cut->error.size()));
}

TEST(FleetResult, NamesOnlyFilesBelowItself) {
  StoredResult result{
      .record = {.job = call(), .state = JobState::done, .attempts = 1, .worker = "w1", .token = "abc"},
      .files = {{"video.webm", 100}, {"hls/0.m4s", 5}},
      .output = "{\"a\":1}"};
  const auto read = parse_result(serialize_result(result));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->record.result.bytes, 105U);
  EXPECT_EQ(read->record.result.name, "abc");
  EXPECT_EQ(read->output, "{\"a\":1}");
  for (const char* name : {"../video.webm", "/etc/passwd", ".hidden", "a//b"}) {
    result.files[0].name = name;
    EXPECT_FALSE(parse_result(serialize_result(result))) << name;
  }
}

}  // namespace
}  // namespace rtpx::fleet
