// The service is not trusted: nothing that it holds harms what is here, and nothing goes here before it
// proves that it has it.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <future>

#include "rtpx/manifest.hpp"
#include "s3/client.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/recording_uploads.hpp"
#include "s3/server.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
namespace fs = std::filesystem;
using test::make_recording;
using test::noise;
using test::read_file;
using test::S3Server;
using test::TempDir;
using test::write_file;

constexpr std::size_t kVideo = (6U << 20) + 3;  // two parts
const std::vector<std::string> kMedia = {"audio.rtpx", "audio.rtcpx", "video.rtpx"};

S3TransferOptions trusted_options(S3Config config) {
  S3TransferOptions options;
  options.config = std::move(config);
  options.config.part_bytes = 5U << 20;
  options.retry_for = 20s;
  return options;
}

/// A client with patience of its own.
struct Asking {
  explicit Asking(const S3Config& config) : client(config) {}
  s3::Client client;
  s3::RetryBudget budget{20s};
  s3::CallContext context{budget, {}};

  void put(const std::string& bucket, const std::string& key, const std::string& content) {
    const auto done = client.put({bucket, key}, content, context);
    ASSERT_TRUE(done) << done.error().message;
  }
  std::string get(const std::string& bucket, const std::string& key) {
    const auto info = client.head({bucket, key}, context);
    if (!info) return "";
    std::string text;
    (void)client.get(
        {bucket, key}, 0, info->bytes, "", [&](Bytes piece) { return text += as_text(piece), true; },
        context);
    return text;
  }
  void remove(const std::string& bucket, const std::string& key) {
    EXPECT_TRUE(client.remove({bucket, key}, context));
  }
  std::size_t open_uploads(const std::string& bucket) {
    return client.open_uploads({bucket, ""}, context).value().size();
  }
};

class S3Trust : public ::testing::Test {
 protected:
  void SetUp() override { make_recording(dir_ / "r", 3000, kVideo); }
  void TearDown() override {
    if (auto* server = S3Server::get()) server->relay("pass");
  }
  TempDir dir_;
};

// ---- Deletion

enum class Way { upload, resume, uploader, prove };
enum class Change { nothing, lost, damaged, other_endpoint };

struct Deletion {
  const char* name;
  Way way;
  Change change;
};
void PrintTo(const Deletion& deletion, std::ostream* out) {
  *out << deletion.name;
}

class EveryDeletion : public S3Trust, public ::testing::WithParamInterface<Deletion> {};

/// Stored yesterday; then something happens; then local media is to go.
TEST_P(EveryDeletion, LeavesEachMediaFileHereOrThere) {
  RTPX_NEEDS_S3(server);
  const auto [name, way, change] = GetParam();
  const fs::path folder = dir_ / "r";
  std::string bucket = server->make_bucket();
  std::map<std::string, std::string> content;
  for (const std::string& file : kMedia) content[file] = read_file(folder / file);
  ASSERT_TRUE(upload_recording(folder, {bucket, ""}, trusted_options(server->config())));

  S3TransferOptions options = trusted_options(server->config());
  Asking asking(server->config());
  if (change == Change::lost)
    for (const char* file : {"video.rtpx", "audio.rtpx"}) asking.remove(bucket, std::string("r/") + file);
  if (change == Change::damaged) asking.put(bucket, "r/video.rtpx", noise(kVideo, 77));
  if (change == Change::other_endpoint) {
    bucket = server->other().make_bucket();
    options = trusted_options(server->other().config());
  }
  options.delete_after_upload = true;
  S3UploadConfig config;
  config.bucket_name = bucket;
  config.overrides = options.config;
  config.delete_after_upload = true;
  config.retry_for = 20s;

  if (way == Way::upload) (void)upload_recording(folder, {bucket, ""}, options);
  if (way == Way::resume) {
    s3::TaskState task;
    task.endpoint = options.config.endpoint;
    task.bucket = bucket;
    task.files = s3::files_of_recording(folder).value();
    task.manifest = *read_manifest(folder);
    task.delete_after_upload = true;
    ASSERT_TRUE(s3::save_task(folder, task));
    (void)resume_uploads(dir_.path(), options);
  }
  if (way == Way::uploader) {
    const auto uploader = make_s3_uploader(config).value();
    Uploader::Task task;
    task.folder = folder;
    task.files = {"audio.rtpx", "audio.rtcpx", "video.rtpx"};
    task.manifest = task.whole = *read_manifest(folder);
    std::promise<void> ended;
    uploader->upload(std::move(task), [&](auto, auto) { ended.set_value(); });
    ended.get_future().get();
  }
  if (way == Way::prove) {
    const auto uploader = make_s3_uploader(config).value();
    std::promise<std::vector<fs::path>> proven;
    uploader->prove(folder, {"audio.rtpx", "audio.rtcpx", "video.rtpx"},
                    [&](std::vector<fs::path> files) { proven.set_value(std::move(files)); });
    for (const fs::path& file : proven.get_future().get()) fs::remove(folder / file);
  }

  Asking there(options.config);
  std::size_t gone = 0;
  for (const std::string& file : kMedia) {
    const bool here = fs::exists(folder / file);
    gone += here ? 0 : 1;
    if (!here) {
      EXPECT_TRUE(there.get(bucket, "r/" + file) == content[file]) << file << " went, and is not stored";
    }
  }
  if (change == Change::nothing) {
    EXPECT_EQ(gone, kMedia.size()) << "what is proven goes";
  }
  if (change == Change::damaged) {
    EXPECT_TRUE(fs::exists(folder / "video.rtpx"));
  }
  if (change == Change::other_endpoint && way == Way::prove) {
    EXPECT_EQ(gone, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(Deletions, EveryDeletion, ::testing::ValuesIn([] {
                           static std::vector<std::string> names;
                           names.reserve(64);
                           std::vector<Deletion> out;
                           for (const auto& [way_name, way] :
                                {std::pair("Upload", Way::upload), std::pair("Resume", Way::resume),
                                 std::pair("Uploader", Way::uploader), std::pair("Prove", Way::prove)})
                             for (const auto& [change_name, change] :
                                  {std::pair("NothingChanged", Change::nothing),
                                   std::pair("ServerLostIt", Change::lost),
                                   std::pair("ServerDamagedIt", Change::damaged),
                                   std::pair("OtherEndpoint", Change::other_endpoint)}) {
                               names.push_back(std::string(way_name) + change_name);
                               out.push_back({names.back().c_str(), way, change});
                             }
                           return out;
                         }()),
                         [](const auto& given) { return std::string(given.param.name); });

TEST_F(S3Trust, AnObjectThatIsLostBetweenItsUploadAndTheDeletionStaysHere) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  auto options = trusted_options(server->config());
  options.delete_after_upload = true;
  options.progress = [&](const S3Progress& now) {
    if (now.object == "recording.json") Asking(server->config()).remove(bucket, "r/audio.rtpx");
  };
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, options);
  EXPECT_FALSE(up) << "it says so";
  EXPECT_TRUE(fs::exists(dir_ / "r" / "audio.rtpx"));
  EXPECT_FALSE(fs::exists(dir_ / "r" / "video.rtpx"));
}

TEST_F(S3Trust, WhatWasDeletedHereAndLostThereIsAnErrorOfTheNextUpload) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  auto options = trusted_options(server->config());
  options.delete_after_upload = true;
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, options));
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, options)) << "all is there";
  Asking(server->config()).remove(bucket, "r/video.rtpx");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, options);
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::not_found);
  EXPECT_NE(up.error().message.find("video.rtpx"), std::string::npos) << up.error().message;
}

TEST_F(S3Trust, ACheckTellsWhatIsProvenMissingAndDifferent) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  const auto options = trusted_options(server->config());
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, options));
  auto checked = check_stored(dir_ / "r", {bucket, ""}, options);
  ASSERT_TRUE(checked) << checked.error().message;
  EXPECT_EQ(checked->proven.size(), 3U);
  EXPECT_TRUE(checked->missing.empty() && checked->different.empty() && checked->unverified.empty());
  Asking asking(server->config());
  asking.remove(bucket, "r/audio.rtpx");
  asking.remove(bucket, "r/manifest.json");
  asking.put(bucket, "r/video.rtpx", noise(kVideo, 5));
  checked = check_stored(dir_ / "r", {bucket, ""}, options);
  ASSERT_TRUE(checked);
  EXPECT_EQ(checked->missing.size(), 2U);
  EXPECT_EQ(checked->different, std::vector<std::string>{"s3://" + bucket + "/r/video.rtpx"});
}

// ---- What others stored is not overwritten

TEST_F(S3Trust, AnObjectOfAnotherRecordingIsNotOverwritten) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  Asking asking(server->config());
  for (const char* file : {"video.rtpx", "audio.rtpx"}) {
    asking.put(bucket, std::string("r/") + file, "another's");
    const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config()));
    ASSERT_FALSE(up);
    EXPECT_EQ(up.error().code, Errc::already_exists) << up.error().message;
    EXPECT_EQ(asking.get(bucket, std::string("r/") + file), "another's");
    EXPECT_EQ(asking.open_uploads(bucket), 0U);
    EXPECT_TRUE(s3::load_tasks(dir_ / "r").empty()) << "what was refused is not queued";
    asking.remove(bucket, std::string("r/") + file);
  }
  EXPECT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config())));
}

TEST_F(S3Trust, AnotherRecordingOfTheSameNameStoresNothing) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config())));
  Manifest manifest;
  manifest["screen"].location = "screen.rtpx";
  fs::create_directories(dir_ / "elsewhere" / "r");
  write_file(dir_ / "elsewhere" / "r" / "manifest.json", serialize_manifest(manifest));
  write_file(dir_ / "elsewhere" / "r" / "screen.rtpx", noise(100));
  Asking asking(server->config());
  const std::string before = asking.get(bucket, "r/manifest.json");
  const auto up = upload_recording(dir_ / "elsewhere" / "r", {bucket, ""}, trusted_options(server->config()));
  ASSERT_FALSE(up);
  EXPECT_EQ(up.error().code, Errc::already_exists) << up.error().message;
  EXPECT_EQ(asking.get(bucket, "r/manifest.json"), before);
  EXPECT_EQ(asking.get(bucket, "r/screen.rtpx"), "");
}

TEST_F(S3Trust, TheSameRecordingFromAnotherMachineIsDoneAtOnce) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config())));
  fs::remove_all(dir_ / s3::kQueueFolder);
  (void)server->traffic();
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->relay_config()));
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_LT(server->traffic().body_bytes, 10'000U) << "no media moves again";
  EXPECT_TRUE(up->unverified.empty());
}

/// By a stand-in of services that know If-None-Match; Debian's Swift does not.
TEST_F(S3Trust, APutThatRacesWithAnothersIsRefusedByTheService) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  const std::string bucket = stub.make_bucket();
  Asking asking(stub.config());
  asking.put(bucket, "x", "first");
  const auto second =
      asking.client.put({bucket, "x"}, std::string("second"), asking.context, s3::Replace::nothing);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code, Errc::already_exists);
  EXPECT_EQ(asking.get(bucket, "x"), "first");
}

// ---- The queue

TEST_F(S3Trust, ATaskThatCameWithARecordingIsNoTask) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  s3::TaskState task;
  task.endpoint = server->config().endpoint;
  task.bucket = bucket;
  task.files = {"video.rtpx"};
  task.delete_after_upload = true;
  task.manifest = *read_manifest(dir_ / "r");
  fs::create_directories(dir_ / "r" / s3::kQueueFolder);
  write_file(dir_ / "r" / s3::kQueueFolder / "task-1.json", s3::serialize_task(task));
  ASSERT_TRUE(resume_uploads(dir_.path(), trusted_options(server->config())));
  ASSERT_TRUE(resume_uploads(dir_ / "r", trusted_options(server->config())));
  EXPECT_EQ(Asking(server->config()).get(bucket, "r/video.rtpx"), "");
  EXPECT_TRUE(fs::exists(dir_ / "r" / "video.rtpx"));
}

TEST_F(S3Trust, ATaskOfAnotherEndpointWaitsForIt) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  server->relay("refuse");
  auto away = trusted_options(server->relay_config());
  away.retry_for = 1s;
  away.delete_after_upload = true;
  ASSERT_FALSE(upload_recording(dir_ / "r", {bucket, ""}, away));
  server->relay("pass");
  const auto elsewhere = resume_uploads(dir_.path(), trusted_options(server->config()));
  ASSERT_FALSE(elsewhere);
  EXPECT_NE(elsewhere.error().message.find(server->relay_config().endpoint), std::string::npos);
  EXPECT_EQ(Asking(server->config()).get(bucket, "r/video.rtpx"), "");
  EXPECT_TRUE(fs::exists(dir_ / "r" / "video.rtpx"));
  const auto resumed = resume_uploads(dir_.path(), trusted_options(server->relay_config()));
  EXPECT_TRUE(resumed) << resumed.error().message;
}

TEST_F(S3Trust, OnlyRegularFilesAreTaken) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  write_file(dir_ / "secret", "secret");
  fs::create_symlink(dir_ / "secret", dir_ / "r" / "notes.txt");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config()));
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("notes.txt"), std::string::npos) << up.error().message;
  fs::remove(dir_ / "r" / "notes.txt");

  s3::TaskState task;  // of a queue that someone wrote to
  task.endpoint = server->config().endpoint;
  task.bucket = bucket;
  task.manifest = *read_manifest(dir_ / "r");
  fs::create_symlink(dir_ / "secret", dir_ / "r" / "video2.rtpx");
  ::mkfifo((dir_ / "r" / "pipe").c_str(), 0600);
  for (const char* file : {"video2.rtpx", "pipe"}) {
    task.name.clear();
    task.files = {file};
    ASSERT_TRUE(s3::save_task(dir_ / "r", task));
    EXPECT_FALSE(resume_uploads(dir_.path(), trusted_options(server->config())));
    EXPECT_EQ(Asking(server->config()).get(bucket, std::string("r/") + file), "");
  }
}

TEST_F(S3Trust, AManifestThatNamesFilesElsewhereIsRefused) {
  write_file(dir_ / "secret.rtpx", "secret");
  Manifest manifest = *read_manifest(dir_ / "r");
  for (const std::string& location : {(dir_ / "secret.rtpx").string(), std::string("../secret.rtpx")}) {
    manifest["video"].location = location;
    write_file(dir_ / "r" / "manifest.json", serialize_manifest(manifest));
    const auto up = upload_recording(dir_ / "r", {"bucket", ""}, {});
    ASSERT_FALSE(up);
    EXPECT_EQ(up.error().code, Errc::invalid_argument);
    EXPECT_NE(up.error().message.find("secret.rtpx"), std::string::npos) << up.error().message;
  }
}

// ---- What is left open is ended

TEST_F(S3Trust, TheMultipartUploadOfADeletedRecordingIsAbortedByTheNextResume) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  std::stop_source stop;
  auto options = trusted_options(server->config());
  options.config.parallel = 1;
  options.stop = stop.get_token();
  options.progress = [&](const S3Progress& now) {
    if (now.object == "video.rtpx" && now.bytes > 5U << 20) stop.request_stop();
  };
  ASSERT_FALSE(upload_recording(dir_ / "r", {bucket, ""}, options));
  Asking asking(server->config());
  ASSERT_EQ(asking.open_uploads(bucket), 1U);
  fs::remove_all(dir_ / "r");
  const auto resumed = resume_uploads(dir_.path(), trusted_options(server->config()));
  ASSERT_TRUE(resumed) << resumed.error().message;
  EXPECT_EQ(resumed->given_up.size(), 1U);
  EXPECT_EQ(asking.open_uploads(bucket), 0U);
  EXPECT_TRUE(s3::folders_with_queues(dir_.path()).empty());
}

TEST_F(S3Trust, AnotherTargetLeavesTheFirstOnesUploadKnown) {
  RTPX_NEEDS_S3(server);
  const std::string first = server->make_bucket(), second = server->make_bucket();
  std::stop_source stop;
  auto options = trusted_options(server->config());
  options.config.parallel = 1;
  options.stop = stop.get_token();
  options.progress = [&](const S3Progress& now) {
    if (now.object == "video.rtpx" && now.bytes > 5U << 20) stop.request_stop();
  };
  ASSERT_FALSE(upload_recording(dir_ / "r", {first, ""}, options));
  ASSERT_TRUE(upload_recording(dir_ / "r", {second, ""}, trusted_options(server->config())));
  Asking asking(server->config());
  EXPECT_EQ(asking.open_uploads(first), 1U);
  ASSERT_TRUE(resume_uploads(dir_.path(), trusted_options(server->config())));
  EXPECT_EQ(asking.open_uploads(first), 0U);
  EXPECT_TRUE(asking.get(first, "r/video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
}

// ---- Completing

TEST_F(S3Trust, ASlowCompleteIsWaitedFor) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  auto options = trusted_options(server->relay_config());
  server->relay("pass");
  server->relay("trickle ?uploadId= 5 1");  // more than twice as long as a transfer may be slow
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, options);
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_EQ(server->seen("?uploadId="), 1) << "it was asked for once";
}

TEST_F(S3Trust, ACompleteThatFailsWithStatus200IsTriedAgain) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  server->relay("pretend ?uploadId= InternalError 2");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->relay_config()));
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_TRUE(Asking(server->config()).get(bucket, "r/video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
}

TEST_F(S3Trust, ACompleteThatIsRefusedWithStatus200IsAnErrorThatSaysWhy) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  server->relay("pretend ?uploadId= InvalidPart 1");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->relay_config()));
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("InvalidPart"), std::string::npos) << up.error().message;
  EXPECT_NE(up.error().message.find("Pretended."), std::string::npos) << up.error().message;
}

// ---- Downloads

TEST_F(S3Trust, HiddenNamesAreRefusedBeforeAnythingIsFetched) {
  RTPX_NEEDS_S3(server);
  for (const char* key : {"r/.rtpx-upload/task-1.json", "r/a/.b/c", "r/.ssh", "r/a//b"}) {
    const std::string bucket = server->make_bucket();
    Asking asking(server->config());
    asking.put(bucket, "r/a.rtpx", "media");
    asking.put(bucket, key, "planted");
    const auto down = download_recording({bucket, "r"}, dir_ / "back", trusted_options(server->config()));
    ASSERT_FALSE(down) << key;
    EXPECT_EQ(down.error().code, Errc::malformed) << down.error().message;
    EXPECT_FALSE(fs::exists(dir_ / "back")) << key;
  }
}

TEST_F(S3Trust, AFolderWithoutAManifestIsFetchedAndSaidToBeNone) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  Asking(server->config()).put(bucket, "calls/r/a.rtpx", "media");
  const auto down = download_recording({bucket, "calls"}, dir_ / "back", trusted_options(server->config()));
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_FALSE(down->has_manifest);
  EXPECT_EQ(read_file(dir_ / "back" / "r" / "a.rtpx"), "media");
}

TEST_F(S3Trust, AManifestWithPlainNamesIsDownloadedAsItIs) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  Asking asking(server->config());
  for (const char* file : {"manifest.json", "audio.rtpx"})
    asking.put(bucket, std::string("theirs/") + file, read_file(dir_ / "r" / file));
  const auto down = download_recording({bucket, "theirs"}, dir_ / "back", trusted_options(server->config()));
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_TRUE(down->has_manifest);
}

// ---- What newer services do, by a stand-in of them

TEST_F(S3Trust, EtagsUnderKmsAreNotTakenForChecksums) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  stub.tell("kms on");
  const std::string bucket = stub.make_bucket();
  auto options = trusted_options(stub.config());
  options.delete_after_upload = true;
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, options);
  ASSERT_TRUE(up) << up.error().message;
  EXPECT_EQ(up->unverified.size(), 4U);
  EXPECT_TRUE(fs::exists(dir_ / "r" / "video.rtpx")) << "nothing is proven, so nothing goes";
  const auto again = upload_recording(dir_ / "r", {bucket, ""}, options);
  EXPECT_TRUE(again) << again.error().message;
  const auto down = download_recording({bucket, "r"}, dir_ / "back", trusted_options(stub.config()));
  stub.tell("kms off");
  ASSERT_TRUE(down) << down.error().message;
  EXPECT_TRUE(read_file(dir_ / "back" / "video.rtpx") == read_file(dir_ / "r" / "video.rtpx"));
  EXPECT_EQ(std::ranges::count(down->unverified, "s3://" + bucket + "/r/video.rtpx"), 0)
      << "its MD5 in the metadata was compared";
}

// A disk that was full there: found at once, and what was left is ours to replace.
TEST_F(S3Trust, AnObjectThatTheStoreKeptShortIsRenewed) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  const std::string bucket = stub.make_bucket();
  stub.tell("short on");
  const auto up = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(stub.config()));
  stub.tell("short off");
  ASSERT_FALSE(up);
  EXPECT_NE(up.error().message.find("is not what was sent"), std::string::npos) << up.error().message;
  const auto again = upload_recording(dir_ / "r", {bucket, ""}, trusted_options(stub.config()));
  ASSERT_TRUE(again) << again.error().message;
  const auto down = download_recording({bucket, "r"}, dir_ / "back", trusted_options(stub.config()));
  ASSERT_TRUE(down) << down.error().message;
  for (const char* file : {"audio.rtpx", "video.rtpx"})
    EXPECT_TRUE(read_file(dir_ / "back" / file) == read_file(dir_ / "r" / file)) << file;
}

TEST_F(S3Trust, EveryChecksumModeStoresPartsThatTheStubVerifies) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  for (const auto mode : {S3Config::Checksum::sha256, S3Config::Checksum::crc32c, S3Config::Checksum::none}) {
    const std::string bucket = stub.make_bucket();
    auto options = trusted_options(stub.config());
    options.config.low_speed_time = 20s;  // it computes the sums in Python
    options.config.payload_checksum = mode;
    const auto up = upload_recording(dir_ / "r", {bucket, ""}, options);
    EXPECT_TRUE(up) << static_cast<int>(mode) << ": " << up.error().message;
    EXPECT_EQ(stub.sums_without_names(), 0) << "a sum without its algorithm's name is not looked at by Ceph";
  }
}

TEST_F(S3Trust, MultipartObjectsCarryWhatRcloneVerifiesBy) {
  RTPX_NEEDS_S3(server);
  const std::string bucket = server->make_bucket();
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, trusted_options(server->config())));
  Asking asking(server->config());
  const auto info = asking.client.head({bucket, "r/video.rtpx"}, asking.context);
  ASSERT_TRUE(info);
  const auto sums = s3::md5s_of(dir_ / "r" / "video.rtpx", kVideo, 0);
  EXPECT_EQ(info->metadata.at("md5chksum"), s3::base64(sums->front()));
}

TEST_F(S3Trust, AListingThatGoesInCirclesEnds) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  const std::string bucket = stub.make_bucket();
  Asking(stub.config()).put(bucket, "r/a.rtpx", "media");
  stub.tell("circles on");
  const auto listed = list_objects({bucket, ""}, trusted_options(stub.config()));
  stub.tell("circles off");
  ASSERT_FALSE(listed);
  EXPECT_EQ(listed.error().code, Errc::malformed);
  EXPECT_NE(listed.error().message.find("in circles"), std::string::npos) << listed.error().message;
}

TEST_F(S3Trust, BytesAreCountedAsTheyComeWhateverTheListingSays) {
  RTPX_NEEDS_S3(server);
  auto& stub = server->other();
  const std::string bucket = stub.make_bucket();
  ASSERT_TRUE(upload_recording(dir_ / "r", {bucket, ""}, trusted_options(stub.config())));
  stub.tell("liar on");
  auto options = trusted_options(stub.config());
  options.max_bytes = 100'000;
  const auto down = download_recording({bucket, "r"}, dir_ / "back", options);
  stub.tell("liar off");
  ASSERT_FALSE(down);
  EXPECT_EQ(down.error().code, Errc::no_space) << down.error().message;
  EXPECT_FALSE(fs::exists(dir_ / "back" / "video.rtpx"));
}

}  // namespace
}  // namespace rtpx
