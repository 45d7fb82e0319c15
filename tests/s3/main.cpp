// The tests' main, and the victims of the kill -9 tests; these take the server from the environment.
#include <gtest/gtest.h>

#include <thread>

#include "rtpx/s3.hpp"
#include "s3/recording_uploads.hpp"

namespace {

int upload_until_killed(char** arguments) {
  rtpx::S3UploadConfig config;
  config.bucket_name = arguments[1];
  config.base_path = "base";
  config.overrides.part_bytes = 5U << 20;
  config.overrides.parallel = 1;
  auto uploader = rtpx::make_s3_uploader(config);
  rtpx::Uploader::Task task;
  task.folder = arguments[0];
  task.files = {"video.rtpx"};
  task.whole = *rtpx::read_manifest(task.folder);
  task.manifest = {{"video", task.whole.at("video")}};
  (*uploader)->upload(std::move(task), [](auto, auto) { std::_Exit(0); });
  std::this_thread::sleep_for(std::chrono::minutes(2));
  return 0;
}

int record_until_killed(char** arguments) {
  rtpx::S3UploadConfig config;
  config.bucket_name = arguments[1];
  config.base_path = "calls";
  config.overrides.part_bytes = 5U << 20;
  rtpx::test::UploadingRecorder recording(arguments[0], config);
  std::puts(recording.folder().c_str());
  std::fflush(stdout);
  recording.record_for(std::chrono::minutes(2));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 4 && std::string_view(argv[1]) == "--upload-until-killed") return upload_until_killed(argv + 2);
  if (argc == 4 && std::string_view(argv[1]) == "--record-until-killed") return record_until_killed(argv + 2);
  ::testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
