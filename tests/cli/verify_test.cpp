// rtpx verify, on recordings that rtpx import made.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "ingest/capture_builder.hpp"
#include "rtpx/manifest.hpp"
#include "support/captures.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;

class VerifyCommand : public testing::Test {
 protected:
  void SetUp() override {
    std::string file = pcap_head(101);
    for (unsigned i = 0; i < 200; ++i)
      file += pcap_record(
          ipv4(udp(Rtp{
              .payload_type = 0, .sequence = i, .payload = std::string(900, static_cast<char>('a' + i % 26))}
                       .bytes())),
          1000 + i);
    write_file(folder_ / "call.pcap", file);
    ASSERT_EQ(rtpx({"import", folder_ / "call.pcap", "-o", folder_ / "call"}).status, 0);
  }
  TempDir folder_;
};

TEST_F(VerifyCommand, AFreshRecordingIsWhole) {
  const auto run = rtpx({"verify", folder_ / "call"});
  EXPECT_EQ(run.status, 0) << run.out << run.err;
  EXPECT_THAT(run.out, testing::HasSubstr("whole"));
  EXPECT_TRUE(json::parse(rtpx({"verify", folder_ / "call", "--json"}).out)["whole"]);
}

TEST_F(VerifyCommand, AFlippedBitIsFoundAndItsPlaceNamed) {
  const auto file = folder_.path() / "call" / "audio_11223344.rtpx";
  std::string bytes = read_file(file);
  bytes[bytes.size() / 2] = static_cast<char>(bytes[bytes.size() / 2] ^ 1);
  write_file(file, bytes);
  const auto run = rtpx({"verify", folder_ / "call"});
  EXPECT_EQ(run.status, 1);
  EXPECT_THAT(run.out, testing::HasSubstr("audio_11223344: damaged"));
  const auto report = json::parse(rtpx({"verify", folder_ / "call", "--json"}).out);
  EXPECT_FALSE(report["whole"]);
  EXPECT_GT(report["files"][0]["damaged_bytes"], 0);
}

TEST_F(VerifyCommand, RecoverCutsATornTailOffAndThenAllIsWhole) {
  const auto file = folder_.path() / "call" / "audio_11223344.rtpx";
  write_file(file, read_file(file) + "torn");
  const auto recovered = rtpx({"recover", folder_ / "call", "-o", folder_ / "repaired"});
  EXPECT_EQ(recovered.status, 1) << recovered.err;
  EXPECT_THAT(recovered.out, testing::HasSubstr("cut out"));
  EXPECT_EQ(rtpx({"verify", folder_ / "repaired"}).status, 0);
  EXPECT_EQ(rtpx({"recover", folder_ / "repaired"}).status, 0);
  EXPECT_EQ(rtpx({"recover", folder_ / "missing"}).status, 3);
}

TEST_F(VerifyCommand, WhatIsNoRecordingIsUnusable) {
  EXPECT_EQ(rtpx({"verify", folder_ / "missing"}).status, 3);
}

}  // namespace
}  // namespace rtpx::test
