// The queue's files: what is written is read, and what names more than it may is nothing.
#include <gtest/gtest.h>

#include <filesystem>

#include "s3/download.hpp"
#include "s3/gather.hpp"
#include "s3/queue_file.hpp"
#include "support/captures.hpp"

namespace rtpx::s3 {
namespace {

namespace fs = std::filesystem;

TaskState task() {
  TaskState out;
  out.endpoint = "https://s3.example.org";
  out.bucket = "bucket";
  out.base_path = "calls";
  out.files = {"video.rtpx"};
  out.manifest["video"].location = "video.rtpx";
  return out;
}

ObjectState object() {
  ObjectState out;
  out.target = {"https://s3.example.org", {"bucket", "calls/r/video.rtpx"}};
  out.file = "video.rtpx";
  out.bytes = 11;
  out.part_bytes = 10;
  out.parts[2] = {"etag", Md5{1, 2, 3}, "crc"};
  out.etag = "whole";
  return out;
}

TEST(S3Gather, BringsWhatLiesOutsideIntoTheFolderAndLeavesItAsItIs) {
  const test::TempDir dir;
  const fs::path folder = dir / "call";
  fs::create_directories(folder / "sub");
  for (const char* name : {"absolute.rtpx", "climbing.rtpx", "linked.rtpx", "linked.rtcpx"})
    test::write_file(dir / name, name);
  test::write_file(folder / "sub/below.rtpx", "below");
  test::write_file(folder / "here.rtpx", "here");
  test::write_file(dir / "here.rtpx", "another");
  fs::create_symlink("../linked.rtpx", folder / "linked.rtpx");
  fs::create_symlink(dir / "linked.rtcpx", folder / "second.rtcpx");
  Manifest manifest;
  manifest["a"].location = dir / "absolute.rtpx";
  manifest["b"].location = "../climbing.rtpx";
  manifest["c"].location = "linked.rtpx";
  manifest["c"].rtcp_location = "second.rtcpx";
  manifest["d"].location = "../here.rtpx";
  manifest["e"].location = "sub/below.rtpx";
  manifest["f"].location = dir / "nothing.rtpx";
  const auto done = s3::gather_outside(manifest, folder);
  ASSERT_TRUE(done) << done.error().message;
  for (const auto& [name, text] : {std::pair{"absolute.rtpx", "absolute.rtpx"}, {"climbing.rtpx", "climbing.rtpx"},
                                   {"linked.rtpx", "linked.rtpx"}, {"second.rtcpx", "linked.rtcpx"},
                                   {"here.rtpx", "here"}, {"below.rtpx", "below"}}) {
    EXPECT_TRUE(fs::is_regular_file(fs::symlink_status(folder / name))) << name;
    EXPECT_EQ(test::read_file(folder / name), text);
  }
  for (const char* name : {"absolute.rtpx", "climbing.rtpx", "linked.rtpx", "linked.rtcpx"})
    EXPECT_EQ(test::read_file(dir / name), name);
  EXPECT_EQ(test::read_file(dir / "here.rtpx"), "another");
}

TEST(S3Queue, WhatIsWrittenIsRead) {
  const auto read = parse_task(serialize_task(task()));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->files, task().files);
  EXPECT_EQ(serialize_task(*read), serialize_task(task()));
  const auto state = parse_object_state(serialize_object_state(object()));
  ASSERT_TRUE(state);
  EXPECT_EQ(state->parts.at(2).md5, (Md5{1, 2, 3}));
  EXPECT_EQ(serialize_object_state(*state), serialize_object_state(object()));
}

TEST(S3Queue, TasksNamePlainFilesARealBucketAndAnEndpoint) {
  const auto refused = [](auto change) {
    TaskState changed = task();
    change(changed);
    return !parse_task(serialize_task(changed));
  };
  for (const char* file : {"../secret", "/etc/passwd", ".ssh", "a/b", "", "."})
    EXPECT_TRUE(refused([&](TaskState& t) { t.files.emplace_back(file); })) << file;
  EXPECT_TRUE(refused([](TaskState& t) { t.bucket = "No Bucket"; }));
  EXPECT_TRUE(refused([](TaskState& t) { t.base_path = "../up"; }));
  EXPECT_TRUE(refused([](TaskState& t) { t.endpoint = ""; }));
  EXPECT_FALSE(refused([](TaskState&) {}));
}

TEST(S3Queue, ObjectStatesOfOtherShapeAreNone) {
  for (const char* file : {"../secret", ".ssh", "a/b"}) {
    ObjectState state = object();
    state.file = file;
    EXPECT_FALSE(parse_object_state(serialize_object_state(state))) << file;
  }
  std::string text = serialize_object_state(object());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const auto at = changed.find(from);
    EXPECT_NE(at, changed.npos) << from;
    return parse_object_state(changed.replace(at, from.size(), to)).has_value();
  };
  EXPECT_FALSE(with("\"bytes\":11", "\"bytes\":-1"));
  EXPECT_FALSE(with("\"bytes\":11", "\"bytes\":1e300"));
  EXPECT_FALSE(with("\"bytes\":11", "\"bytes\":18446744073709551615"));
  EXPECT_FALSE(with("\"number\":2", "\"number\":0"));
  EXPECT_FALSE(with("\"number\":2", "\"number\":10001"));
  EXPECT_FALSE(with("\"version\":2", "\"version\":\"2\""));
  EXPECT_FALSE(with("010203", "0102zz"));
  EXPECT_FALSE(parse_object_state("[]"));
}

TEST(S3Queue, StatesAreKeptForEachTarget) {
  ObjectState other = object();
  other.target.endpoint = "https://s3.example.net";
  other.upload_id = "theirs";
  const auto folder = recording_folder(::testing::TempDir()) / "rtpx-queue" / "r";
  ASSERT_TRUE(save_object_state(folder, object()));
  ASSERT_TRUE(save_object_state(folder, other));
  EXPECT_EQ(load_object_state(folder, object().target, "video.rtpx").upload_id, "");
  EXPECT_EQ(load_object_state(folder, other.target, "video.rtpx").upload_id, "theirs");
  EXPECT_EQ(load_object_states(folder).size(), 2U);
  std::filesystem::remove_all(folder.parent_path());
}

TEST(S3Queue, TheStateOfADownloadStaysInsideTheObject) {
  EXPECT_TRUE(parse_arrived(R"({"etag":"e","bytes":20,"range_bytes":10,"ranges":[0,1]})"));
  EXPECT_FALSE(parse_arrived(R"({"etag":"e","bytes":20,"range_bytes":10,"ranges":[5]})"));
  EXPECT_FALSE(parse_arrived(R"({"etag":7,"bytes":20,"range_bytes":10,"ranges":[]})"));
  EXPECT_FALSE(parse_arrived(R"({"etag":"e","bytes":20,"range_bytes":0,"ranges":[0]})"));
  EXPECT_FALSE(parse_arrived("nothing"));
}

}  // namespace
}  // namespace rtpx::s3
