#include "packets/recording.hpp"

#include <gtest/gtest.h>

#include <filesystem>

#include "packets/rtcp_log.hpp"
#include "support/captures.hpp"
#include "support/made_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

/// A bucket that is a folder of this machine.
class FolderDownloader final : public Downloader {
 public:
  explicit FolderDownloader(fs::path folder) : folder_(std::move(folder)) {}
  Result<void> download(const std::string& url, const fs::path& to) override {
    urls.push_back(url);
    std::error_code failed;
    fs::copy_file(folder_ / fs::path(url).filename(), to, fs::copy_options::overwrite_existing, failed);
    if (failed) return fail(Errc::not_found, url + ": " + failed.message());
    return {};
  }
  std::vector<std::string> urls;

 private:
  fs::path folder_;
};

TEST(Recording, AManifestFromElsewhereNamesNoFileOfThisMachine) {
  const TempDir bucket, local, download;
  test::MadeRecording made(bucket.path(), 1);
  fs::rename(bucket / "t1.rtpx", local / "t1.rtpx");
  made.manifest.at("t1").location = (local / "t1.rtpx").string();
  test::write_file(bucket / "manifest.json", serialize_manifest(made.manifest));
  FolderDownloader downloader(bucket.path());
  const auto found = find_recording("s3://bucket/call", download.path(), &downloader);
  ASSERT_TRUE(found) << found.error().message;
  ASSERT_EQ(found->tracks.size(), 2U);
  EXPECT_EQ(found->tracks[0].rtp, std::vector{download / "t0.rtpx"});
  EXPECT_TRUE(found->tracks[1].rtp.empty()) << found->tracks[1].rtp[0];
  EXPECT_NE(found->tracks[1].missing.find("s3://bucket/call/t1.rtpx"), std::string::npos);
  for (const std::string& url : downloader.urls) EXPECT_TRUE(url.starts_with("s3://bucket/call/")) << url;
}

TEST(Recording, WhatIsLeftOfAnotherDownloadIsNotTaken) {
  const TempDir bucket, download;
  const test::MadeRecording made(bucket.path(), 1);
  fs::rename(bucket / "t1.rtpx", download / "t1.rtpx");
  FolderDownloader downloader(bucket.path());
  const auto found = find_recording("s3://bucket/call/manifest.json", download.path(), &downloader);
  ASSERT_TRUE(found) << found.error().message;
  EXPECT_TRUE(found->tracks[1].rtp.empty());
}

// Segments count the reports that they have seen, so that none may move while a recording goes on: not by one that came
// before them and was written later, beside another track.
TEST(RtcpLogs, ReportsThatAreReadLaterComeBehindThoseThatAreThere) {
  const TempDir folder;
  constexpr std::uint32_t kSsrc = 0xABCD;
  const auto report = [](std::int64_t receive_ms, std::uint32_t rtp_time) {
    std::string packet(28, '\0');  // RFC 3550 section 6.4.1
    auto* bytes = reinterpret_cast<std::byte*>(packet.data());
    store_be<std::uint32_t>(bytes, 0x80C80006);
    store_be(bytes + 4, kSsrc);
    store_be(bytes + 8, static_cast<std::uint64_t>(rtp_time) << 32);
    store_be(bytes + 16, rtp_time);
    std::string record(RecordHeader::kBytes, '\0');
    store_record_header(reinterpret_cast<std::byte*>(record.data()),
                        {.rid_index = 0, .receive_time_ms = receive_ms, .size = static_cast<std::uint32_t>(packet.size())});
    return record + packet;
  };
  test::MadeRecording made(folder.path(), 1, {.rtcp = true});
  const std::string first = report(1'000, 10) + report(3'000, 30), second = report(1'500, 15);
  test::write_file(folder / "t0.rtcpx", first);
  test::write_file(folder / "t1.rtcpx", second);
  const auto found = find_recording(folder.path().string(), {}, nullptr);
  ASSERT_TRUE(found) << found.error().message;
  RtcpLog log(*found, std::nullopt);
  const auto& reports = log.reports(kSsrc);
  const auto times = [&] {
    std::vector<std::int64_t> out;
    for (const ReportArrival& one : reports) out.push_back(one.receive_ms);
    return out;
  };
  EXPECT_EQ(times(), (std::vector<std::int64_t>{1'000, 1'500, 3'000}));
  test::write_file(folder / "t0.rtcpx", first + report(5'000, 50) + report(5'500, 30));
  test::write_file(folder / "t1.rtcpx", second + report(2'500, 25));
  log.read_on(*found);
  EXPECT_EQ(times(), (std::vector<std::int64_t>{1'000, 1'500, 3'000, 2'500, 5'000})) << "a repeated one tells nothing";
}

// Both the files of a track that goes on and what conversion learns from its sender reports.
TEST(Recording, AllRtcpFilesAreReadInOrder) {
  const TempDir folder, download;
  test::MadeRecording made(folder.path(), 1, {.rtcp = true});
  const test::RecordFile& rtcp = made.files.at("t0.rtcpx");
  test::write_file(folder / "t0.rtcpx", rtcp.text().substr(0, rtcp.offsets[4]));
  test::write_file(folder / "t0~2.rtcpx", rtcp.text().substr(rtcp.offsets[4]));
  const auto reports = [&] {
    const Recording found = find_recording(folder.path().string(), {}, nullptr).value();
    const RtcpLog log(found, std::nullopt);
    EXPECT_EQ(log.read_error("t0"), "");
    return log.reports(0x1000).size();
  };
  const std::size_t before = reports();
  made.manifest.at("t0").more_rtcp_locations = {"t0~2.rtcpx"};
  test::write_file(folder / "manifest.json", serialize_manifest(made.manifest));
  EXPECT_GT(reports(), before);
  EXPECT_EQ(find_recording(folder.path().string(), {}, nullptr)->tracks[0].rtcp,
            (std::vector<fs::path>{folder / "t0.rtcpx", folder / "t0~2.rtcpx"}));
  FolderDownloader downloader(folder.path());
  const auto remote = find_recording("s3://bucket/call", download.path(), &downloader);
  ASSERT_TRUE(remote) << remote.error().message;
  EXPECT_EQ(remote->tracks[0].rtcp,
            (std::vector<fs::path>{download / "t0.rtcpx", download / "t0~2.rtcpx"}));
}

// A file that goes between being found and being read.
TEST(Recording, RtcpThatCannotBeReadIsTold) {
  const TempDir folder;
  const test::MadeRecording made(folder.path(), 1, {.rtcp = true});
  const Recording found = find_recording(folder.path().string(), {}, nullptr).value();
  fs::remove(folder / "t1.rtcpx");
  const RtcpLog log(found, std::nullopt);
  EXPECT_EQ(log.read_error("t0"), "");
  EXPECT_NE(log.read_error("t1").find("t1.rtcpx"), std::string::npos);
}

}  // namespace
}  // namespace rtpx
