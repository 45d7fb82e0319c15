#include "storage/recording_file.hpp"

#include <gtest/gtest.h>

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
                           R"({"format":{"major":1,"minor":0},"name":1})",
                           R"({"format":{"major":1,"minor":0},"created":"yesterday"})"})
    EXPECT_EQ(parse_recording_info(text).error().code, Errc::malformed) << text;
}

}  // namespace
}  // namespace rtpx
