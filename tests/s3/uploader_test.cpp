// The Uploader as the Recorder sees it.
#include <gtest/gtest.h>

#include <future>
#include <thread>

#include "s3/client.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/server.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::make_recording;
using test::noise;
using test::read_file;
using test::S3Server;
using test::TempDir;
using test::upload_config;
using test::write_file;

using Answer = std::variant<event::UploadComplete, event::UploadFailed>;

struct Waiting {
  std::promise<Answer> promise;
  Uploader::Done done = [this](UploadTaskRef, Answer answer) { promise.set_value(std::move(answer)); };
  Answer get() { return promise.get_future().get(); }
};

Uploader::Task task_for(const std::filesystem::path& folder, const std::string& track,
                        std::vector<std::filesystem::path> files) {
  Uploader::Task task;
  task.folder = folder;
  task.files = std::move(files);
  task.whole = *read_manifest(folder);
  task.manifest = {{track, task.whole.at(track)}};
  return task;
}

TEST(S3Uploader, AnEndedTrackIsStoredAndTheManifestIsTheWholeRecordings) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 500, 600);
  const std::string bucket = server->make_bucket();
  auto uploader = make_s3_uploader(upload_config(server->config(), bucket, "base"));
  ASSERT_TRUE(uploader);
  Waiting waiting;
  (*uploader)->upload(task_for(dir / "r", "audio", {"audio.rtpx", "audio.rtcpx"}), waiting.done);
  const Answer answer = waiting.get();
  const auto* complete = std::get_if<event::UploadComplete>(&answer);
  ASSERT_NE(complete, nullptr);
  EXPECT_EQ(complete->manifest.size(), 1U);
  EXPECT_EQ(complete->manifest.at("audio").location, "s3://" + bucket + "/base/r/audio.rtpx");

  s3::Client client(server->config());
  s3::RetryBudget budget(10s);
  const auto text = client.get_text({bucket, "base/r/manifest.json"}, {budget, {}});
  ASSERT_TRUE(text);
  EXPECT_EQ(parse_manifest(*text)->size(), 2U);
}

TEST(S3Uploader, BucketAndPathAreCheckedBeforeAnythingStarts) {
  S3UploadConfig config;
  config.bucket_name = "Not A Bucket";
  EXPECT_EQ(make_s3_uploader(config).error().code, Errc::invalid_argument);
  config.bucket_name = "bucket";
  config.base_path = "../up";
  EXPECT_EQ(make_s3_uploader(config).error().code, Errc::invalid_argument);
}

TEST(S3Uploader, FailureKeepsTheLocalLocationAndTheQueue) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 500, 600);
  auto config = upload_config(server->config(), "rtpx-no-such-bucket", "base");
  auto uploader = make_s3_uploader(config);
  Waiting waiting;
  (*uploader)->upload(task_for(dir / "r", "audio", {"audio.rtpx"}), waiting.done);
  const Answer answer = waiting.get();
  const auto* failed = std::get_if<event::UploadFailed>(&answer);
  ASSERT_NE(failed, nullptr);
  EXPECT_EQ(failed->manifest.at("audio").location, "audio.rtpx");
  EXPECT_EQ(s3::load_tasks(dir / "r").size(), 1U);
  const std::string queue = read_file(s3::queue_of(dir / "r") / "task-1.json");
  EXPECT_EQ(queue.find("SKTEST"), std::string::npos) << "no secret in the queue";
}

TEST(S3Uploader, AGrowingFileIsStoredPartByPartWhileItGrows) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 500, 13U << 20);
  const std::string bucket = server->make_bucket();
  auto uploader = make_s3_uploader(upload_config(server->config(), bucket, "base"));
  (*uploader)->file_growing(dir / "r" / "video.rtpx", 13U << 20);
  for (int i = 0; i < 200; ++i) {
    const auto state = test::upload_state(dir / "r", "video.rtpx");
    if (state && state->parts.size() == 2) break;
    std::this_thread::sleep_for(50ms);
  }
  ASSERT_EQ(test::upload_state(dir / "r", "video.rtpx")->parts.size(), 2U);
  write_file(dir / "r" / "video.rtpx", read_file(dir / "r" / "video.rtpx") + noise(1000, 9));
  Waiting waiting;
  (*uploader)->upload(task_for(dir / "r", "video", {"video.rtpx"}), waiting.done);
  ASSERT_TRUE(std::holds_alternative<event::UploadComplete>(waiting.get()));
  S3TransferOptions options;
  options.config = server->config();
  ASSERT_TRUE(download_recording({bucket, "base/r"}, dir / "back", options));
  EXPECT_TRUE(read_file(dir / "back" / "video.rtpx") == read_file(dir / "r" / "video.rtpx"));
}

TEST(S3Uploader, WhatAKilledProcessLeftIsFinishedAtTheNextStart) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  make_recording(dir / "r", 500, 40U << 20);
  const std::string bucket = server->make_bucket();
  test::Child child(server->with_environment(
      {std::filesystem::read_symlink("/proc/self/exe"), "--upload-until-killed", dir / "r", bucket}));
  for (int i = 0; i < 400; ++i) {
    const auto state = test::upload_state(dir / "r", "video.rtpx");
    if (state && state->parts.size() >= 2) break;
    std::this_thread::sleep_for(20ms);
  }
  ASSERT_TRUE(child.kill()) << "it was killed before it had finished";
  ASSERT_EQ(s3::load_tasks(dir / "r").size(), 1U);

  auto uploader = make_s3_uploader(upload_config(server->relay_config(), bucket, "base"));
  Waiting waiting;
  (*uploader)->resume(dir.path(), waiting.done);
  const Answer answer = waiting.get();
  ASSERT_TRUE(std::holds_alternative<event::UploadComplete>(answer));
  s3::Client client(server->config());
  s3::RetryBudget budget(10s);
  EXPECT_TRUE(client.open_uploads({bucket, ""}, {budget, {}})->empty());
  const auto info = client.head({bucket, "base/r/video.rtpx"}, {budget, {}});
  ASSERT_TRUE(info);
  EXPECT_EQ(info->bytes, 40U << 20);
}

}  // namespace
}  // namespace rtpx
