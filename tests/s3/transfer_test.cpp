// Uploads, downloads and listings against a real server.
#include <gtest/gtest.h>

#include "rtpx/manifest.hpp"
#include "s3/client.hpp"
#include "s3/download.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/server.hpp"

namespace rtpx {
namespace {

using test::make_recording;
using test::noise;
using test::read_file;
using test::S3Server;
using test::TempDir;
using test::write_file;

S3TransferOptions options_for(const S3Config& config) {
  S3TransferOptions options;
  options.config = config;
  options.retry_for = std::chrono::seconds(15);
  return options;
}

TEST(S3Transfer, ARecordingComesBackByteForByte) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "20261122-100000", 3'000, (12U << 20) + 7);
  const S3Url prefix{server->make_bucket(), "calls/today"};
  const auto up = upload_recording(dir / "20261122-100000", prefix, options_for(server->config()));
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_TRUE(up->unverified.empty()) << "sizes and checksums are compared, of multipart objects too";
  EXPECT_TRUE(s3::load_tasks(dir / "20261122-100000").empty()) << "the queue is empty afterwards";

  const S3Url stored{prefix.bucket, "calls/today/20261122-100000/manifest.json"};
  const auto down = download_recording(stored, dir / "back", options_for(server->config()));
  ASSERT_TRUE(down) << down.error().message;
  for (const char* file : {"audio.rtpx", "audio.rtcpx", "video.rtpx", "recording.json"})
    EXPECT_EQ(read_file(dir / "back" / file), read_file(dir / "20261122-100000" / file)) << file;
  const auto manifest = read_manifest(dir / "back");
  ASSERT_TRUE(manifest);
  EXPECT_EQ(manifest->at("video").location,
            "s3://" + prefix.bucket + "/calls/today/20261122-100000/video.rtpx");
}

TEST(S3Transfer, KeysWithSpacesUnicodeAndReservedCharactersSurvive) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  s3::Client client(server->config());
  s3::RetryBudget budget(std::chrono::seconds(10));
  for (const std::string key : {"with space", "ünïcode/日本", "a+b&c=d?e#f%20g", "~'()*!;:@$,[]"}) {
    const auto put = client.put({bucket, key}, std::string("value of " + key), {budget, {}});
    ASSERT_TRUE(put) << key << ": " << put.error().message;
    EXPECT_EQ(client.get_text({bucket, key}, {budget, {}}).value_or(""), "value of " + key);
  }
  const auto listed = list_objects({bucket, "a+b"}, options_for(server->config()));
  ASSERT_TRUE(listed);
  ASSERT_EQ(listed->size(), 1U);
  EXPECT_EQ(listed->front().key, "a+b&c=d?e#f%20g");
}

TEST(S3Transfer, EmptyAndExactlyOnePartObjectsWork) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  S3Config config = server->config();
  config.part_bytes = 5U << 20;
  make_recording(dir / "r", 0, 5U << 20);
  const S3Url prefix{server->make_bucket(), ""};
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(config)));
  ASSERT_TRUE(download_recording({prefix.bucket, "r"}, dir / "back", options_for(config)));
  EXPECT_EQ(read_file(dir / "back" / "audio.rtpx"), "");
  EXPECT_EQ(read_file(dir / "back" / "video.rtpx"), read_file(dir / "r" / "video.rtpx"));
}

TEST(S3Transfer, WhatOneProcessNeedsOfAnObjectIsFetchedByOneRequestAndCompared) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  const std::string content = noise(100'000);
  const S3Url object{server->make_bucket(), "x"};
  s3::Client client(server->relay_config());
  s3::RetryBudget budget(std::chrono::seconds(10));
  ASSERT_TRUE(client.put(object, content, {budget, {}}));
  const auto fetch = [&](const char* name, std::uint64_t bytes, std::uint64_t allowed = 0) {
    s3::Allowance allowance(allowed);
    return s3::fetch_object(client, object, bytes, dir / name, allowance, {budget, {}});
  };
  (void)server->traffic();
  ASSERT_TRUE(fetch("whole", content.size()));
  EXPECT_EQ(server->traffic().requests, 1);
  EXPECT_EQ(read_file(dir / "whole"), content);
  server->relay("cut GET 50000 1");
  ASSERT_TRUE(fetch("in two", content.size()));
  EXPECT_EQ(read_file(dir / "in two"), content);
  const auto another = fetch("of another size than the list said", content.size() - 1);
  ASSERT_FALSE(another);
  EXPECT_EQ(another.error().code, Errc::io) << another.error().message;
  const auto too_much = fetch("too much", content.size(), 1'000);
  ASSERT_FALSE(too_much);
  EXPECT_EQ(too_much.error().code, Errc::no_space);
  EXPECT_EQ(fetch("whole", content.size()).error().code, Errc::already_exists);
}

TEST(S3Transfer, EveryPayloadChecksumModeIsAccepted) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  for (const auto mode : {S3Config::Checksum::sha256, S3Config::Checksum::crc32c, S3Config::Checksum::none}) {
    S3Config config = server->config();
    config.payload_checksum = mode;
    s3::Client client(config);
    s3::RetryBudget budget(std::chrono::seconds(10));
    const auto put = client.put({bucket, "x"}, noise(1000), {budget, {}});
    EXPECT_TRUE(put) << static_cast<int>(mode) << ": " << put.error().message;
  }
}

TEST(S3Transfer, ErrorsNameWhatIsWrongAndWhatToDo) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  const auto listing_error = [&](S3Config config, const std::string& name) {
    const auto listed = list_objects({name, ""}, options_for(config));
    EXPECT_FALSE(listed);
    return listed ? Error{} : listed.error();
  };
  S3Config wrong_secret = server->config();
  wrong_secret.credentials->secret_access_key = "SECRETVALUE";
  const Error secret = listing_error(wrong_secret, bucket);
  EXPECT_EQ(secret.code, Errc::denied);
  EXPECT_NE(secret.message.find("secret key is wrong"), std::string::npos) << secret.message;
  EXPECT_EQ(secret.message.find("SECRETVALUE"), std::string::npos) << "no secret in an error";

  S3Config wrong_key = server->config();
  wrong_key.credentials->access_key_id = "nobody";
  const Error key = listing_error(wrong_key, bucket);
  EXPECT_EQ(key.code, Errc::denied);
  EXPECT_NE(key.message.find("access key"), std::string::npos) << key.message;

  if (server->checks_regions()) {
    S3Config wrong_region = server->config();
    wrong_region.region = "eu-north-1";
    const std::string region = listing_error(wrong_region, bucket).message;
    EXPECT_NE(region.find("region \"eu-north-1\" is wrong"), std::string::npos) << region;
  }

  const Error missing = listing_error(server->config(), "no-such-bucket-here");
  EXPECT_EQ(missing.code, Errc::not_found);
  EXPECT_NE(missing.message.find("no bucket no-such-bucket-here"), std::string::npos) << missing.message;
}

TEST(S3Transfer, DeleteAfterUploadRemovesOnlyWhatWasVerified) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 2000, 9U << 20);
  auto options = options_for(server->config());
  options.delete_after_upload = true;
  ASSERT_TRUE(upload_recording(dir / "r", {server->make_bucket(), ""}, options));
  EXPECT_FALSE(std::filesystem::exists(dir / "r" / "video.rtpx"));
  EXPECT_TRUE(std::filesystem::exists(dir / "r" / "manifest.json"));
}

TEST(S3Transfer, UploadingAgainMovesNothing) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 100, 200);
  const S3Url prefix{server->make_bucket(), ""};
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(server->config())));
  const auto before = list_objects(prefix, options_for(server->config()));
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(server->config())));
  const auto after = list_objects(prefix, options_for(server->config()));
  ASSERT_TRUE(before && after);
  for (std::size_t i = 0; i < before->size(); ++i) {
    if (!before->at(i).key.ends_with("manifest.json")) {
      EXPECT_EQ(before->at(i).modified, after->at(i).modified);
    }
  }
  EXPECT_EQ(before->size(), after->size());
}

TEST(S3Transfer, AFileThatBecameAnotherOfTheSameSizeIsStoredAgain) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 100, 200);
  const S3Url prefix{server->make_bucket(), ""};
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(server->config())));
  write_file(dir / "r" / "video.rtpx", noise(200, 77));
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(server->config())));
  ASSERT_TRUE(download_recording({prefix.bucket, "r"}, dir / "back", options_for(server->config())));
  EXPECT_EQ(read_file(dir / "back" / "video.rtpx"), noise(200, 77));
}

TEST(S3Transfer, TwoUploadsOfOneRecordingAtOnceAreRefused) {
  TempDir dir;
  make_recording(dir / "r", 100, 200);
  const auto other = s3::QueueLock::take(dir / "r");
  ASSERT_TRUE(other);
  const auto up = upload_recording(dir / "r", {"bucket", ""}, {});
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("under way"), std::string::npos) << up.error().message;
}

TEST(S3Transfer, ADownloaderKeepsItsBudgetAndSurvivesBrokenConnections) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 100, (12U << 20) + 5);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir / "r", {bucket, ""}, options_for(server->config())));
  const std::string video = "s3://" + bucket + "/r/video.rtpx";
  const auto small = make_s3_downloader(server->config(), 5U << 20);
  ASSERT_TRUE(small);
  const auto refused = (*small)->download(video, dir / "video.rtpx");
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::no_space);

  server->relay("cut video.rtpx 3000000 3");
  const auto enough = make_s3_downloader(server->relay_config(), 13U << 20);
  const auto fetched = (*enough)->download(video, dir / "video.rtpx");
  server->relay("pass");
  ASSERT_TRUE(fetched) << fetched.error().message;
  EXPECT_TRUE(read_file(dir / "video.rtpx") == read_file(dir / "r" / "video.rtpx"));
  EXPECT_EQ((*enough)->download(video, dir / "again.rtpx").error().code, Errc::no_space) << "used up";
}

TEST(S3Transfer, ADownloadLargerThanAllowedIsRefusedBeforeItBegins) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 100, 5000);
  const S3Url prefix{server->make_bucket(), ""};
  ASSERT_TRUE(upload_recording(dir / "r", prefix, options_for(server->config())));
  auto options = options_for(server->config());
  options.max_bytes = 4000;
  const auto down = download_recording({prefix.bucket, "r"}, dir / "back", options);
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, Errc::no_space);
  EXPECT_FALSE(std::filesystem::exists(dir / "back" / "video.rtpx"));
}

TEST(S3Transfer, RcloneReadsWhatWeWroteAndWeReadWhatRcloneWrote) {
  RTPX_NEEDS_S3(server);
  if (!test::installed("rclone")) GTEST_SKIP() << "install rclone";
  TempDir dir;
  make_recording(dir / "r", 1000, (9U << 20) + 3);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir / "r", {bucket, "ours"}, options_for(server->config())));
  const auto rclone = [&](std::vector<std::string> arguments) {
    const S3Config config = server->config();
    std::vector<std::string> command = {
        "env",
        "-u",
        "AWS_CA_BUNDLE",
        "RCLONE_CONFIG=/dev/null",
        "RCLONE_CONFIG_T_TYPE=s3",
        "RCLONE_CONFIG_T_PROVIDER=Other",
        "RCLONE_CONFIG_T_ACCESS_KEY_ID=" + config.credentials->access_key_id,
        "RCLONE_CONFIG_T_SECRET_ACCESS_KEY=" + config.credentials->secret_access_key,
        "RCLONE_CONFIG_T_REGION=us-east-1",
        "RCLONE_CONFIG_T_ENDPOINT=" + config.endpoint,
        "rclone",
        "-q",
        "--s3-chunk-size",
        "5M",
        "--s3-upload-cutoff",
        "5M"};
    command.insert(command.end(), arguments.begin(), arguments.end());
    const auto run = test::run_program(command);
    EXPECT_EQ(run.status, 0) << run.err;
  };
  rclone({"copy", "t:" + bucket + "/ours/r", dir / "by_rclone"});
  EXPECT_EQ(read_file(dir / "by_rclone" / "video.rtpx"), read_file(dir / "r" / "video.rtpx"));
  rclone({"copy", dir / "r", "t:" + bucket + "/theirs", "--exclude", ".*/**"});
  const auto down = download_recording({bucket, "theirs"}, dir / "back", options_for(server->config()));
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_EQ(read_file(dir / "back" / "video.rtpx"), read_file(dir / "r" / "video.rtpx"));
}

}  // namespace
}  // namespace rtpx
