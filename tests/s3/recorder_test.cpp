// A Recorder that uploads, at full speed while uploads meet every fault: recording never notices.
#include <gtest/gtest.h>

#include <thread>

#include "s3/client.hpp"
#include "s3/queue_file.hpp"
#include "s3/recording.hpp"
#include "s3/recording_uploads.hpp"
#include "s3/server.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::read_file;
using test::S3Server;
using test::TempDir;
using test::upload_config;
using test::UploadingRecorder;

/// Every file of the recording is an object of the same content, and nothing else is there.
void expect_stored_once(S3Server* server, const std::string& bucket, const std::filesystem::path& folder) {
  s3::Client client(server->config());
  s3::RetryBudget budget(20s);
  const auto open = client.open_uploads({bucket, ""}, {budget, {}});
  ASSERT_TRUE(open) << open.error().message;
  EXPECT_TRUE(open->empty()) << "no multipart upload is left open";
  S3TransferOptions options;
  options.config = server->config();
  const S3Url prefix{bucket, "calls/" + folder.filename().string()};
  const auto listed = list_objects(prefix, options);
  ASSERT_TRUE(listed) << listed.error().message;
  const auto files = s3::files_of_recording(folder).value();
  EXPECT_EQ(listed->size(), files.size() + 1) << "each file once, and the manifest";
  TempDir back;
  const auto fetched = download_recording(prefix, back.path(), options);
  ASSERT_TRUE(fetched) << fetched.error().message;
  for (const std::string& file : files)
    EXPECT_TRUE(read_file(back / file) == read_file(folder / file)) << file;
}

struct Fault {
  const char* name;
  std::string relay;  ///< what the relay is told before the recording
  enum class Ends { by_itself, with_recording, never } ends = Ends::by_itself;
  bool kill_server = false;        ///< while the recording is uploaded; it is back 2 s later
  bool unknown_authority = false;  ///< of a TLS server
};

void PrintTo(const Fault& fault, std::ostream* out) {
  *out << fault.name;
}

class EveryFault : public ::testing::TestWithParam<Fault> {
 protected:
  void TearDown() override {
    if (auto* server = S3Server::get()) server->relay("pass");
  }
};

TEST_P(EveryFault, CostsTheRecordingNoPacketAndTheUploadNothing) {
  RTPX_NEEDS_S3(server);
  const Fault& fault = GetParam();
  TempDir dir;
  const std::string bucket = server->make_bucket();
  S3UploadConfig config = upload_config(server->relay_config(), bucket, "calls");
  std::unique_ptr<test::Child> stranger;
  if (fault.unknown_authority) {
    stranger = test::tls_server(dir.path(), server->spare_port());
    config.overrides.endpoint = "https://127.0.0.1:" + std::to_string(server->spare_port());
  }
  server->relay(fault.relay);

  UploadingRecorder recording(dir / "recordings", config);
  recording.record_for(600ms);
  if (fault.kill_server) server->down();
  recording.record_for(600ms);
  const auto folder = recording.end();
  EXPECT_EQ(recording.refused(), 0U);
  if (fault.kill_server) {
    std::this_thread::sleep_for(2s);
    server->up();
  }
  if (fault.ends == Fault::Ends::with_recording) server->relay("pass");

  const bool stored = std::holds_alternative<event::UploadComplete>(recording.outcome());
  EXPECT_EQ(stored, fault.ends != Fault::Ends::never);
  if (stored)
    expect_stored_once(server, bucket, folder);
  else
    EXPECT_FALSE(s3::load_tasks(folder).empty()) << "the queue stays for a better day";
  if (stranger) stranger->kill();
}

using Ends = Fault::Ends;
INSTANTIATE_TEST_SUITE_P(Faults, EveryFault,
                         ::testing::Values(Fault{"Refused", "refuse", Ends::with_recording},
                                           Fault{"Hung", "hang", Ends::with_recording},
                                           Fault{"StormOf503", "status 503 1000000", Ends::with_recording},
                                           Fault{"PartThatFailsThreeTimes", "match partNumber=1 500 3"},
                                           Fault{"ConnectionsCutInParts", "cut partNumber 1000000 4"},
                                           Fault{"LostAnswers", "forget upload 3"},
                                           Fault{"ServerKilled", "pass", Ends::by_itself, true},
                                           Fault{"UnknownAuthority", "pass", Ends::never, false, true}),
                         [](const auto& given) { return std::string(given.param.name); });

TEST(UploadingRecorder, AKilledProcessIsFinishedByTheNextOneWhileItRecords) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  const std::string bucket = server->make_bucket();
  const auto base = dir / "recordings";
  test::Child killed(server->with_environment(
      {std::filesystem::read_symlink("/proc/self/exe"), "--record-until-killed", base, bucket}));
  const std::filesystem::path left = killed.read_line();
  const auto a_part_is_stored = [&] {
    const auto state = test::upload_state(left, "camera.rtpx");
    return state && !state->parts.empty();
  };
  for (int i = 0; i < 6000 && !a_part_is_stored(); ++i) std::this_thread::sleep_for(10ms);
  ASSERT_TRUE(a_part_is_stored());
  ASSERT_TRUE(killed.kill());
  ASSERT_TRUE(s3::load_tasks(left).empty()) << "it had ended no track";

  UploadingRecorder recording(base, upload_config(server->relay_config(), bucket, "calls"));
  recording.record_for(500ms);
  const auto outcome = recording.outcome();
  ASSERT_TRUE(std::holds_alternative<event::UploadComplete>(outcome));
  EXPECT_EQ(recording.refused(), 0U);
  expect_stored_once(server, bucket, left);
}

TEST(UploadingRecorder, OnlyTheLastPartsAreLeftWhenALongCallEnds) {
  RTPX_NEEDS_S3(server);
  TempDir dir;
  const std::string bucket = server->make_bucket();
  UploadingRecorder recording(dir / "recordings", upload_config(server->relay_config(), bucket, "calls"),
                              1100);
  // A call is slower than its upload; this one waits for it.
  for (std::uint64_t stored = 0, full = 0; stored < 6 || stored < full;) {
    if (full <= stored + 1)
      recording.record_for(200ms);
    else
      std::this_thread::sleep_for(20ms);
    full = std::filesystem::file_size(recording.folder() / "camera.rtpx") / (5U << 20);
    if (const auto state = test::upload_state(recording.folder(), "camera.rtpx"))
      stored = state->parts.size();
  }
  (void)server->traffic();
  const auto folder = recording.end();
  ASSERT_TRUE(std::holds_alternative<event::UploadComplete>(recording.outcome()));
  const auto left = server->traffic();
  const std::uint64_t all = std::filesystem::file_size(folder / "camera.rtpx");
  std::uint64_t others = 0;
  const auto files = s3::files_of_recording(folder).value();
  for (const std::string& file : files)
    if (file != "camera.rtpx") others += std::filesystem::file_size(folder / file);
  EXPECT_GT(all, 30U << 20);
  EXPECT_LT(left.body_bytes, others + (10U << 20))
      << "of " << all << " bytes of the camera: two parts at most";
  expect_stored_once(server, bucket, folder);
}

}  // namespace
}  // namespace rtpx
