#include "storage/recording_file.hpp"

#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "base/utc_time.hpp"
#include "support/captures.hpp"

namespace rtpx {
namespace {

TEST(RecordingFile, KeepsWhatOthersPutThere) {
  const test::TempDir dir;
  FileSystem& files = real_file_system();
  EXPECT_EQ(read_recording_info(files, dir.path()).error().code, Errc::not_found);
  RecordingInfo info;
  info.name = "Board meeting";
  info.created = *parse_utc("2026-11-22T12:00:00Z");
  info.upload = R"({"done":["a"],"id":7})";
  info.unknown_keys = R"({"x":{"y":null}})";
  ASSERT_TRUE(write_recording_info(files, dir.path(), info));
  auto read = read_recording_info(files, dir.path());
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, info.name);
  EXPECT_EQ(read->created, info.created);
  EXPECT_FALSE(read->ended_at);
  EXPECT_EQ(read->upload, info.upload);
  EXPECT_EQ(read->conversion, "");
  EXPECT_EQ(read->unknown_keys, info.unknown_keys);
  EXPECT_EQ(serialize_recording_info(*read), test::read_file(dir / "recording.json"));
}

TEST(RecordingFile, NamesPeopleMarksAndPauses) {
  RecordingInfo info;
  info.facts.labels = {"board", "2026"};
  info.facts.participants = {{"p1", "Alice", *parse_utc("2026-11-22T12:00:00Z")},
                             {"bob", "", *parse_utc("2026-11-22T12:01:00.25Z")}};
  info.facts.marks = {{-5, "The vote"}, {70'000, ""}};
  info.facts.pauses = {{1'000, 2'000}, {3'000, std::nullopt}};
  const std::string text = serialize_recording_info(info);
  const auto read = parse_recording_info(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->facts, info.facts);
  EXPECT_EQ(read->unknown_keys, "");
  EXPECT_EQ(serialize_recording_info(*read), text);
  EXPECT_EQ(read->facts.participant("bob")->joined, info.facts.participants[1].joined);
  EXPECT_EQ(read->facts.participant("p2"), nullptr);
}

TEST(RecordingFile, KnowsItsKeyAndHowFarItsClockIs) {
  RecordingInfo info;
  info.key = "room";
  info.clock = {ClockOffset{-3'000'000, 1'200}, ClockOffset{-3'000'400, 900}};
  const std::string text = serialize_recording_info(info);
  const auto read = parse_recording_info(text);
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->key, "room");
  EXPECT_EQ(read->clock, info.clock);
  EXPECT_EQ(read->unknown_keys, "");
  EXPECT_EQ(read->clock.whole(), (ClockOffset{-3'000'200, 1'400}));
  EXPECT_EQ((RecordingClock{std::nullopt, ClockOffset{5, 6}}.whole()), (ClockOffset{5, 6}));
  EXPECT_FALSE(RecordingClock().whole());
}

TEST(RecordingFile, AClockThatCannotBeIsNone) {
  for (const char* clock : {"7", "[]", "{}", R"({"begin":7})", R"({"begin":{"offset_us":1}})", R"({"begin":{"offset_us":1.5,"error_us":1}})",
                            R"({"begin":{"offset_us":1,"error_us":-1}})", R"({"begin":{"offset_us":18446744073709551615,"error_us":1}})",
                            R"({"begin":{"offset_us":-9223372036854775808,"error_us":1}})", R"({"end":{"offset_us":1,"error_us":3600000001}})"}) {
    const auto info = parse_recording_info(R"({"format":{"major":1,"minor":0},"clock":)" + std::string(clock) + "}");
    ASSERT_TRUE(info) << clock;
    EXPECT_FALSE(info->clock.whole()) << clock;
  }
}

TEST(RecordingFile, WhatIsChangedAtOnceByManyIsAllThere) {
  const test::TempDir dir;
  std::vector<std::jthread> writers;
  for (int i = 0; i < 4; ++i)
    writers.emplace_back([&, i] {
      for (int n = 0; n < 10; ++n)
        EXPECT_TRUE(change_recording_info(real_file_system(), dir.path(), [&](RecordingInfo& info) {
          info.facts.marks.push_back({i, std::to_string(n)});
        }));
    });
  writers.clear();
  EXPECT_EQ(read_recording_info(real_file_system(), dir.path())->facts.marks.size(), 40U);
  test::write_file(dir / "recording.json", "{");
  const auto changed = change_recording_info(real_file_system(), dir.path(), [](RecordingInfo&) {});
  ASSERT_FALSE(changed);
  EXPECT_EQ(changed.error().code, Errc::malformed);
}

TEST(RecordingFile, ANewerMajorVersionIsRefusedByName) {
  const test::TempDir dir;
  test::write_file(dir / "recording.json", R"({"format":{"major":2,"minor":3},"name":7})");
  const auto info = read_recording_info(real_file_system(), dir.path());
  ASSERT_FALSE(info);
  EXPECT_EQ(info.error().code, Errc::unsupported);
  EXPECT_NE(info.error().message.find("version 2.3"), std::string::npos) << info.error().message;
  EXPECT_TRUE(parse_recording_info(R"({"format":{"major":1,"minor":99},"new":1})"));
}

TEST(RecordingFile, ContradictionsAreMalformed) {
  for (const char* text : {"", "[]", "{}", R"({"format":1})", R"({"format":{"major":-1,"minor":0}})",
                           R"({"format":{"major":1,"minor":0},"name":1})", R"({"format":{"major":1,"minor":0},"key":1})",
                           R"({"format":{"major":1,"minor":0},"created":"yesterday"})",
                           R"({"format":{"major":1,"minor":0},"labels":[1]})",
                           R"({"format":{"major":1,"minor":0},"participants":{}})",
                           R"({"format":{"major":1,"minor":0},"participants":[{"joined":"now"}]})",
                           R"({"format":{"major":1,"minor":0},"marks":[{"text":"when?"}]})",
                           R"({"format":{"major":1,"minor":0},"pauses":[{"from_ms":1,"to_ms":"2"}]})"})
    EXPECT_EQ(parse_recording_info(text).error().code, Errc::malformed) << text;
}

}  // namespace
}  // namespace rtpx
