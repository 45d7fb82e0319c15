#include "packets/recording.hpp"

#include <gtest/gtest.h>

#include <filesystem>

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

}  // namespace
}  // namespace rtpx
