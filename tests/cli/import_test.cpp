// rtpx import, as a person calls it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "ingest/capture_builder.hpp"
#include "rtpx/manifest.hpp"
#include "support/captures.hpp"
#include "support/run_command.hpp"

namespace rtpx::test {
namespace {

using nlohmann::json;
using testing::HasSubstr;

std::string small_capture(unsigned packets = 10) {
  std::string file = pcap_head(101);
  for (unsigned i = 0; i < packets; ++i)
    file += pcap_record(ipv4(udp(Rtp{.payload_type = 0, .sequence = i, .timestamp = 160 * i}.bytes())),
                        1000 + i / 50, i % 50 * 20'000);
  return file;
}

TEST(ImportCommand, PrintsWhatItRecorded) {
  TempDir folder;
  write_file(folder / "call.pcap", small_capture());
  const auto run = rtpx({"import", folder / "call.pcap", "-o", folder / "call"});
  EXPECT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.err, "");
  EXPECT_THAT(run.out, HasSubstr("audio_11223344"));
  EXPECT_THAT(run.out, HasSubstr("audio/PCMU"));
  EXPECT_EQ(read_manifest(folder / "call")->size(), 1U);
}

TEST(ImportCommand, JsonOnStdoutIsForPrograms) {
  TempDir folder;
  write_file(folder / "call.pcap", small_capture());
  const auto run = rtpx({"import", folder / "call.pcap", "-o", folder / "call", "--json"});
  EXPECT_EQ(run.status, 0);
  const auto summary = json::parse(run.out);
  EXPECT_EQ(summary["tracks"][0]["packets"], 10);
  EXPECT_EQ(summary["format"], "pcap");
}

TEST(ImportCommand, WhatIsCutOrTornIsDoneWithLosses) {
  TempDir folder;
  write_file(folder / "torn.pcap", small_capture() + "torn");
  const auto torn = rtpx({"import", folder / "torn.pcap", "-o", folder / "torn"});
  EXPECT_EQ(torn.status, 1);
  EXPECT_THAT(torn.err, HasSubstr("ends inside a record"));
  EXPECT_EQ(read_manifest(folder / "torn")->begin()->second.packets, 10U);
  const std::string cut = ipv4(udp(Rtp{.payload_type = 0}.bytes()));
  write_file(folder / "cut.pcap", small_capture() + pcap_record(cut.substr(0, 42), 1001, 0, cut.size()));
  const auto snapped = rtpx({"import", folder / "cut.pcap", "-o", folder / "cut"});
  EXPECT_EQ(snapped.status, 1);
  EXPECT_THAT(snapped.err, HasSubstr("snap length"));
}

TEST(ImportCommand, UnusableInputIsStatusThreeAndLeavesNothing) {
  TempDir folder;
  write_file(folder / "notes.txt", "no capture");
  write_file(folder / "bad.sdp", "v=0\nm=audio\n");
  write_file(folder / "call.pcap", small_capture());
  write_file(folder / "head.pcap", pcap_head(101));
  const auto before = entries(folder.path());
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"import", folder / "notes.txt", "-o", folder / "x"},
        {"import", folder / "missing.pcap", "-o", folder / "x"},
        {"import", folder / "head.pcap", "-o", folder / "x"},
        {"import", folder.path(), "-o", folder / "x"},
        {"import", folder / "call.pcap", "-o", folder / "x", "--sdp", folder / "bad.sdp"},
        {"import", folder / "call.pcap", "-o", folder / "x", "--sdp", folder / "missing.sdp"}}) {
    const auto run = rtpx(arguments);
    EXPECT_EQ(run.status, 3) << arguments[1] << run.err;
    EXPECT_THAT(run.err, HasSubstr("rtpx import: ")) << arguments[1];
    EXPECT_EQ(run.out, "") << arguments[1];
  }
  EXPECT_EQ(entries(folder.path()), before);
}

TEST(ImportCommand, AnOutputFolderThatIsInUseIsWrongUsage) {
  TempDir folder;
  write_file(folder / "call.pcap", small_capture());
  EXPECT_EQ(rtpx({"import", folder / "call.pcap", "-o", folder / "call"}).status, 0);
  const auto again = rtpx({"import", folder / "call.pcap", "-o", folder / "call"});
  EXPECT_EQ(again.status, 2);
  EXPECT_THAT(again.err, HasSubstr("exists already"));
}

TEST(ImportCommand, CtrlCLeavesNothing) {
  TempDir folder;
  {
    std::ofstream large(folder / "large.pcap", std::ios::binary);
    large << pcap_head(101);
    for (unsigned i = 0; i < 400'000; ++i)
      large << pcap_record(
          ipv4(udp(Rtp{.payload_type = 0, .sequence = i, .payload = std::string(1000, 'a')}.bytes())),
          i / 1000);
  }
  const auto run = rtpx({"import", folder / "large.pcap", "-o", folder / "call"},
                        [&] { return entries(folder.path()) > 1; });
  EXPECT_EQ(run.status, 4) << run.err;
  EXPECT_THAT(run.err, HasSubstr("interrupted"));
  EXPECT_EQ(entries(folder.path()), 1U);
}

TEST(ImportCommand, EveryPublicCaptureIsImported) {
  RTPX_NEEDS_CAPTURE(folder, "public");
  int files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(folder)) {
    const auto extension = entry.path().extension();
    if (extension != ".pcap" && extension != ".pcapng" && extension != ".rtpdump" && extension != ".rtp")
      continue;
    TempDir out;
    const auto run = rtpx({"import", entry.path(), "-o", out / "recording", "--json"});
    if (entry.path().filename() == "rtcp_multiple_pkts_in_the_same_datagram.pcap") {
      EXPECT_EQ(run.status, 3) << "RTCP alone is no recording";
      continue;
    }
    EXPECT_TRUE(run.status == 0 || run.status == 1) << entry.path() << ": " << run.err;
    EXPECT_TRUE(json::accept(run.out)) << entry.path();
    EXPECT_FALSE(read_manifest(out / "recording")->empty()) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 35);
}

TEST(ImportCommand, AJanusRecordingMadeByJanusOwnToolIsRead) {
  RTPX_NEEDS_CAPTURE(capture, "public/membraneframework-membrane_rtp_vp8_plugin/input_vp8.pcap");
  if (!installed("pcap2mjr")) GTEST_SKIP() << "install janus-tools to run";
  TempDir folder;
  ASSERT_EQ(run_program({"pcap2mjr", "-c", "vp8", capture, folder / "video.mjr"}).status, 0);
  const auto run = rtpx({"import", folder / "video.mjr", "-o", folder / "video", "--json"});
  EXPECT_EQ(run.status, 0) << run.err;
  const auto track = json::parse(run.out)["tracks"][0];
  EXPECT_EQ(track["packets"], 410);
  EXPECT_EQ(track["codec"], "video/VP8");
}

}  // namespace
}  // namespace rtpx::test
