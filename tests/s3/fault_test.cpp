// What goes wrong between us and the server: each a test. Nothing lost, nothing twice, no orphan, no partial
// file.
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "s3/client.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/recording_uploads.hpp"
#include "s3/server.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::make_recording;
using test::read_file;
using test::S3Server;
using test::TempDir;

constexpr std::size_t kVideo = (22U << 20) + 11;

class S3Faults : public ::testing::Test {
 protected:
  void TearDown() override {
    if (auto* server = S3Server::get()) server->relay("pass");
  }

  S3TransferOptions through_relay(S3Server* server, std::chrono::seconds retry_for = 20s) {
    S3TransferOptions options;
    options.config = server->relay_config();
    options.config.part_bytes = 5U << 20;
    options.retry_for = retry_for;
    return options;
  }

  void expect_whole_and_no_orphan(S3Server* server, const std::string& bucket) {
    s3::Client client(server->config());
    s3::RetryBudget budget(10s);
    const auto open = client.open_uploads({bucket, ""}, {budget, {}});
    ASSERT_TRUE(open) << open.error().message;
    EXPECT_TRUE(open->empty()) << "no multipart upload is left open";
    S3TransferOptions options;
    options.config = server->config();
    const auto listed = list_objects({bucket, ""}, options);
    ASSERT_TRUE(listed);
    EXPECT_EQ(listed->size(), 5U) << "each file once, and the manifest";
    const auto down = download_recording({bucket, "r"}, dir_ / "check", options);
    ASSERT_TRUE(down) << down.error().message;
    EXPECT_TRUE(read_file(dir_ / "check" / "video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
  }

  TempDir dir_;
};

TEST_F(S3Faults, AStormOf503IsWaitedOut) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  server->relay("match partNumber 503 12");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, through_relay(server));
  ASSERT_TRUE(up) << up.error().message;
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, APartThatFailsThreeTimesIsTriedAgain) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  server->relay("match partNumber=2 500 3");
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, through_relay(server)));
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, ConnectionsCutInTheMiddleOfAPartAreTriedAgain) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  server->relay("cut partNumber 1000000 4");
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, through_relay(server)));
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, AfterRetryForTheErrorNamesEndpointAndObjectAndTheQueueStays) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  server->relay("refuse");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, through_relay(server, 1s));
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::network);
  EXPECT_NE(up.error().message.find(server->relay_config().endpoint), std::string::npos)
      << up.error().message;
  EXPECT_NE(up.error().message.find("s3://" + bucket + "/r/"), std::string::npos) << up.error().message;

  server->relay("pass");
  const auto resumed = resume_uploads(dir_.path(), through_relay(server));
  ASSERT_TRUE(resumed) << resumed.error().message;
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, ARefusalIsNotTriedAgain) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, 100);
  auto options = through_relay(server, 0s);  // patience without end
  options.config.credentials->secret_access_key = "wrong";
  EXPECT_EQ(upload_recording(dir_ / "r", {server->make_bucket(), ""}, options).error().code, Errc::denied);
}

TEST_F(S3Faults, AStopLeavesTheQueueAndResumeMovesOnlyTheRest) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  std::stop_source stop;
  auto options = through_relay(server);
  options.config.parallel = 1;
  options.stop = stop.get_token();
  options.progress = [&](const S3Progress& p) {
    if (p.bytes > 10U << 20) stop.request_stop();
  };
  ASSERT_EQ(upload_recording(dir_ / "r", {bucket, ""}, options).error().code, Errc::cancelled);
  const auto state = test::upload_state(dir_ / "r", "video.rtpx");
  ASSERT_TRUE(state);
  EXPECT_GE(state->parts.size(), 2U) << "finished parts are on disk";
  ASSERT_FALSE(state->upload_id.empty());

  ASSERT_TRUE(resume_uploads(dir_ / "r", through_relay(server)));
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, AnUploadBegunWithoutItsIdOnDiskIsAborted) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  // As a crash between the server's answer and our next write leaves it: wanted, and no id.
  s3::Client client(server->config());
  s3::RetryBudget budget(10s);
  s3::ObjectState state;
  state.target = {server->relay_config().endpoint, {bucket, "r/video.rtpx"}};
  state.file = "video.rtpx";
  state.upload_wanted = true;
  ASSERT_TRUE(client.create_upload(state.target.object, {}, {budget, {}}));
  ASSERT_TRUE(s3::save_object_state(dir_ / "r", state));
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, through_relay(server)));
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, AMultipartUploadThatTheServerForgotBeginsAgain) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  s3::ObjectState state;
  state.target = {server->relay_config().endpoint, {bucket, "r/video.rtpx"}};
  state.file = "video.rtpx";
  state.upload_wanted = true;
  state.upload_id = "bm8tc3VjaC11cGxvYWQ";
  state.part_bytes = 5U << 20;
  ASSERT_TRUE(s3::save_object_state(dir_ / "r", state));
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, through_relay(server));
  ASSERT_TRUE(up) << up.error().message;
  expect_whole_and_no_orphan(server, bucket);
}

TEST_F(S3Faults, ADownloadThatIsCutGoesOnWhereItWas) {
  RTPX_NEEDS_S3(server);
  make_recording(dir_ / "r", 100, kVideo);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, through_relay(server)));
  std::stop_source stop;
  auto options = through_relay(server);
  options.config.parallel = 1;
  options.stop = stop.get_token();
  options.progress = [&](const S3Progress& p) {
    if (p.bytes > 12U << 20) stop.request_stop();
  };
  ASSERT_FALSE(download_recording({bucket, "r"}, dir_ / "back", options));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "back" / "video.rtpx"))
      << "no partial file under its final name";
  std::uint64_t first = 0;
  auto again = through_relay(server);
  again.config.parallel = 1;
  again.progress = [&](const S3Progress& p) {
    if (first == 0 && p.object == "video.rtpx") first = p.bytes;
  };
  ASSERT_TRUE(download_recording({bucket, "r"}, dir_ / "back", again));
  EXPECT_GE(first, 10U << 20) << "whole ranges of the first try were kept";
  EXPECT_TRUE(read_file(dir_ / "back" / "video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
}

TEST_F(S3Faults, ATlsServerWithAnUnknownAuthorityIsRefused) {
  RTPX_NEEDS_S3(server);
  const int port = server->spare_port();
  const auto tls = test::tls_server(dir_.path(), port);
  S3TransferOptions options;
  options.config.endpoint = "https://127.0.0.1:" + std::to_string(port);
  options.config.credentials = S3Credentials{"a", "b", ""};
  options.config.ca_file = "/etc/ssl/certs/ca-certificates.crt";
  options.retry_for = 1s;
  const auto refused = list_objects({"bucket", ""}, options);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, Errc::denied) << "which waiting does not cure";
  EXPECT_NE(refused.error().message.find("AWS_CA_BUNDLE"), std::string::npos) << refused.error().message;
  options.config.ca_file = dir_ / "cert.pem";
  const auto trusted = list_objects({"bucket", ""}, options);
  EXPECT_TRUE(trusted || trusted.error().message.find("certificate") == std::string::npos)
      << "with its certificate as CA the connection is made";
  tls->kill();
}

}  // namespace
}  // namespace rtpx
