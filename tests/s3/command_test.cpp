// rtpx upload, download, list, and convert from S3 to S3, as a person runs them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "s3/client.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/server.hpp"
#include "support/places.hpp"
#include "support/run_command.hpp"

namespace rtpx {
namespace {

using nlohmann::json;
using test::make_recording;
using test::read_file;
using test::S3Server;
using test::TempDir;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

/// Whatever a test prints, stores or leaves behind holds no secret.
class S3Command : public ::testing::Test {
 protected:
  void SetUp() override {
    RTPX_NEEDS_S3(found);
    server_ = found;
    bucket_ = server_->make_bucket();
  }

  void TearDown() override {
    if (server_ == nullptr) return;
    server_->relay("pass");
    const std::string secret = server_->config().credentials->secret_access_key;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(dir_.path()))
      if (entry.is_regular_file()) {
        EXPECT_EQ(read_file(entry.path()).find(secret), std::string::npos) << entry.path();
      }
    for (const S3Object& object : objects())
      EXPECT_EQ(client_text(object.key).find(secret), std::string::npos) << object.key;
  }

  test::ProgramResult rtpx(std::vector<std::string> arguments,
                           const std::function<bool()>& interrupt_when = {}) {
    arguments.insert(arguments.begin(), test::rtpx_command());
    auto run = test::run_program(server_->with_environment(arguments), interrupt_when);
    const std::string secret = server_->config().credentials->secret_access_key;
    EXPECT_THAT(run.out, Not(HasSubstr(secret)));
    EXPECT_THAT(run.err, Not(HasSubstr(secret)));
    return run;
  }

  [[nodiscard]] std::string url(const std::string& key) const { return S3Url{bucket_, key}.text(); }

  [[nodiscard]] std::vector<S3Object> objects() const {
    S3TransferOptions options;
    options.config = server_->config();
    return list_objects({bucket_, ""}, options).value();
  }

  [[nodiscard]] std::string client_text(const std::string& key) const {
    s3::Client client(server_->config());
    s3::RetryBudget budget(std::chrono::seconds(10));
    std::string text;
    const auto size = client.head({bucket_, key}, {budget, {}}).value().bytes;
    (void)client.get({bucket_, key}, 0, size, "", [&](Bytes piece) { return text += as_text(piece), true; },
                     {budget, {}});
    return text;
  }

  [[nodiscard]] std::size_t open_uploads() const {
    s3::Client client(server_->config());
    s3::RetryBudget budget(std::chrono::seconds(10));
    return client.open_uploads({bucket_, ""}, {budget, {}}).value().size();
  }

  S3Server* server_ = nullptr;
  std::string bucket_;
  TempDir dir_;
};

TEST_F(S3Command, ACallIsStoredListedConvertedThereAndFetched) {
  const std::string call = dir_ / "call";
  std::filesystem::copy(test::source_dir() / "tests/data/vp8_opus", call);
  const auto up = rtpx({"upload", call, url("calls"), "--json"});
  ASSERT_EQ(up.status, 0) << up.err;
  const auto stored = json::parse(up.out);
  EXPECT_THAT(stored["objects"].get<std::vector<std::string>>(),
              testing::Contains(url("calls/call/manifest.json")));

  const auto listed = rtpx({"list", url("calls"), "--json"});
  ASSERT_EQ(listed.status, 0) << listed.err;
  EXPECT_EQ(json::parse(listed.out).size(), stored["objects"].size());
  EXPECT_THAT(rtpx({"list", url("calls")}).out, HasSubstr(url("calls/call/video_1.rtpx")));

  const auto local = rtpx({"convert", call, "-o", dir_ / "local", "--json"});
  ASSERT_EQ(local.status, 0) << local.err;
  for (const char* recording : {"calls/call/manifest.json", "calls/call"}) {
    const auto run = rtpx({"convert", url(recording), "-o", dir_ / "videos", "--download-path",
                           dir_ / "fetched", "--thumbnail", "160x", "--sprites", "4", "--upload", url("done"), "--json"});
    ASSERT_EQ(run.status, 0) << run.err;
    const auto result = json::parse(run.out);
    ASSERT_EQ(result.size(), json::parse(local.out).size());
    for (const auto& [id, file] : result.items()) {
      auto locations = file.at("sprite_locations").get<std::vector<std::string>>();
      ASSERT_EQ(locations.size(), 2U);
      for (const char* key : {"location", "thumbnail_location", "report_location"}) locations.push_back(file[key]);
      for (const std::string& location : locations) {
        ASSERT_THAT(location, StartsWith(url("done/videos/")));
        const std::string name = location.substr(location.rfind('/') + 1);
        EXPECT_TRUE(client_text("done/videos/" + name) == read_file(dir_ / "videos" / name)) << name;
      }
      EXPECT_TRUE(client_text(std::string(file["location"]).substr(url("").size())) ==
                  read_file(std::string(json::parse(local.out)[id]["location"])))
          << "the same as from the local files";
    }
  }

  const auto down = rtpx({"download", url("calls/call/manifest.json"), dir_ / "back"});
  ASSERT_EQ(down.status, 0) << down.err;
  EXPECT_TRUE(read_file(dir_ / "back" / "video_1.rtpx") == read_file(dir_ / "call" / "video_1.rtpx"));
}

TEST_F(S3Command, ExitStatusAndMessageSayWhatToDo) {
  make_recording(dir_ / "r", 10, 10);
  EXPECT_EQ(rtpx({"upload", dir_ / "r", "bucket/path"}).status, 2);
  EXPECT_EQ(rtpx({"upload", dir_ / "r", "s3://No_Bucket/path"}).status, 2);
  EXPECT_EQ(rtpx({"upload", dir_ / "missing", url("")}).status, 3);
  const auto nowhere = rtpx({"upload", dir_ / "r", "s3://no-such-bucket-at-all/x"});
  EXPECT_EQ(nowhere.status, 3);
  EXPECT_THAT(nowhere.err, HasSubstr("Create it"));
  EXPECT_EQ(rtpx({"download", url("nothing/here"), dir_ / "back"}).status, 3);
  const auto refused = test::run_program(server_->with_environment(
      {"env", "AWS_SECRET_ACCESS_KEY=wrongsecret", test::rtpx_command(), "list", url("")}));
  EXPECT_EQ(refused.status, 4);
  EXPECT_THAT(refused.err, HasSubstr("Check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"));
  EXPECT_THAT(refused.err, Not(HasSubstr("wrongsecret")));

  server_->relay("refuse");
  const auto away = rtpx({"upload", dir_ / "r", url(""), "--retry-for", "1"});
  EXPECT_EQ(away.status, 4);
  EXPECT_THAT(away.err, HasSubstr(server_->relay_config().endpoint));
  EXPECT_THAT(away.err, HasSubstr("--resume"));
  server_->relay("pass");
  EXPECT_EQ(rtpx({"upload", "--resume", dir_.path()}).status, 0);
  EXPECT_EQ(objects().size(), 5U);
}

TEST_F(S3Command, CtrlCLeavesAQueueThatResumeFinishes) {
  make_recording(dir_ / "r", 10, 60U << 20);
  const auto a_part_is_stored = [&] {
    const auto state = test::upload_state(dir_ / "r", "video.rtpx");
    return state && !state->parts.empty();
  };
  const auto stopped = rtpx({"upload", dir_ / "r", url(""), "--parallel", "1"}, a_part_is_stored);
  EXPECT_EQ(stopped.status, 4);
  EXPECT_THAT(stopped.err, HasSubstr("--resume"));
  EXPECT_EQ(open_uploads(), 1U);
  const auto finished = rtpx({"upload", "--resume", dir_.path(), "--json"});
  ASSERT_EQ(finished.status, 0) << finished.err;
  EXPECT_EQ(open_uploads(), 0U);
  EXPECT_TRUE(json::parse(finished.out)["unverified"].empty());

  const auto a_range_has_come = [&] {
    std::error_code none;
    return std::filesystem::file_size(dir_ / "back" / ".video.rtpx.part", none) > 1U << 20 && !none;
  };
  EXPECT_EQ(rtpx({"download", url("r"), dir_ / "back", "--parallel", "1"}, a_range_has_come).status, 4);
  EXPECT_FALSE(std::filesystem::exists(dir_ / "back" / "video.rtpx"));
  ASSERT_EQ(rtpx({"download", url("r"), dir_ / "back"}).status, 0);
  EXPECT_TRUE(read_file(dir_ / "back" / "video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
}

TEST_F(S3Command, ACheckSaysByItsExitStatusWhetherAllIsStored) {
  make_recording(dir_ / "r", 10, 10);
  EXPECT_EQ(rtpx({"upload", "--check", dir_ / "r", url("")}).status, 1) << "nothing is";
  ASSERT_EQ(rtpx({"upload", dir_ / "r", url("")}).status, 0);
  const auto all = rtpx({"upload", "--check", dir_ / "r", url(""), "--json"});
  EXPECT_EQ(all.status, 0) << all.err;
  EXPECT_EQ(json::parse(all.out)["proven"].size(), 3U);
  test::write_file(dir_ / "r" / "video.rtpx", "another");
  const auto changed = rtpx({"upload", "--check", dir_ / "r", url("")});
  EXPECT_EQ(changed.status, 1);
  EXPECT_THAT(changed.out, HasSubstr("different   " + url("r/video.rtpx")));
}

TEST_F(S3Command, WhatIsNoWholeRecordingIsFetchedWithExitStatus1) {
  make_recording(dir_ / "r", 10, 10);
  ASSERT_EQ(rtpx({"upload", dir_ / "r", url("calls")}).status, 0);
  const auto folder = rtpx({"download", url("calls"), dir_ / "back"});
  EXPECT_EQ(folder.status, 1);
  EXPECT_THAT(folder.err, HasSubstr("there is no manifest.json"));
  EXPECT_TRUE(std::filesystem::exists(dir_ / "back" / "r" / "video.rtpx"));
}

TEST_F(S3Command, AFullDiskLeavesNoPartialFileUnderItsName) {
  make_recording(dir_ / "r", 10, 12U << 20);
  ASSERT_EQ(rtpx({"upload", dir_ / "r", url("")}).status, 0);
  const auto full = test::run_program(
      server_->with_environment({"bash", "-c", "ulimit -f 4096; exec \"$@\"", "bash", test::rtpx_command(),
                                 "download", url("r"), dir_ / "back"}));
  EXPECT_EQ(full.status, 4) << full.err;
  EXPECT_THAT(full.err, HasSubstr("video.rtpx"));
  EXPECT_FALSE(std::filesystem::exists(dir_ / "back" / "video.rtpx"));
  ASSERT_EQ(rtpx({"download", url("r"), dir_ / "back"}).status, 0);
  EXPECT_TRUE(read_file(dir_ / "back" / "video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
}

}  // namespace
}  // namespace rtpx
