// What others may do with the folder of a recorder that is recording, and after it was killed.

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <set>

#include "recorder/started.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/recover.hpp"
#include "rtpx/verify.hpp"
#include "storage/recording_file.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

using test::Started;
using test::TempDir;
using test::video;
using testing::HasSubstr;

std::set<std::string> names_in(const std::filesystem::path& folder) {
  std::set<std::string> out;
  for (const auto& entry : std::filesystem::directory_iterator(folder))
    out.insert(entry.path().filename().string());
  return out;
}

void record_some(Recorder& recorder, std::uint32_t packets = 50) {
  for (std::uint32_t i = 0; i < packets; ++i)
    ASSERT_EQ(recorder.record("camera", std::nullopt, test::vp8_picture(i, 1100)), Outcome::accepted);
  ASSERT_TRUE(recorder.flush());
}

TEST(LiveFolder, IsReadButNotRecovered) {
  Started s;
  s.add(video("camera"));
  record_some(*s.recorder);
  const auto folder = s.recorder->folder();
  const TempDir out;
  for (const auto& [place, output] :
       {std::pair{folder, std::filesystem::path()}, {folder / "manifest.json", {}}, {folder, out / "copy"}}) {
    const auto recovered = recover(place, {.output = output});
    ASSERT_FALSE(recovered);
    EXPECT_EQ(recovered.error().code, Errc::already_exists);
    EXPECT_THAT(recovered.error().message,
                testing::AllOf(HasSubstr("belongs to a recorder on "),
                               HasSubstr("(process " + std::to_string(::getpid()))));
  }
  EXPECT_FALSE(std::filesystem::exists(out / "copy"));
  EXPECT_FALSE(read_manifest(folder)->at("camera").ended_at);

  const auto verified = verify(folder);
  ASSERT_TRUE(verified);
  EXPECT_EQ(verified->exit_code(), 0);
  EXPECT_THAT(verified->notes, testing::Contains(HasSubstr("belongs to a recorder")));
  ConvertOptions options;
  options.output_path = out / "films";
  const auto converted = convert(folder.string(), options);
  ASSERT_TRUE(converted) << converted.error().message;
  EXPECT_EQ(converted->files.size(), 1U);
  EXPECT_THAT(converted->notes, testing::Contains(testing::Field(
                                    &ConvertNote::message, HasSubstr("only what was written until now"))));

  record_some(*s.recorder);
  s.end("camera");
  s.recorder.reset();
  EXPECT_FALSE(names_in(folder).contains(kLockFileName));
  EXPECT_FALSE(recover(folder)->changed()) << "whole, and nobody's now";
}

TEST(LiveFolder, HasOneRecorder) {
  const TempDir dir;
  Recorder::Options options;
  options.folder = dir / "recording";
  auto first = Recorder::start(options);
  ASSERT_TRUE(first);
  const auto before = names_in(options.folder);
  const auto second = Recorder::start(options);
  ASSERT_FALSE(second);
  EXPECT_EQ(names_in(options.folder), before) << "nothing of the first was touched";
  first->reset();
  EXPECT_EQ(read_recording_info(real_file_system(), options.folder)->end_reason, "recorder_stopped");
}

TEST(LiveFolder, OfAKilledRecorderIsRecovered) {
  const TempDir dir;
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    Recorder::Options options;
    options.folder = dir / "recording";
    auto recorder = Recorder::start(options).value();
    const auto track = video("camera");
    if (!recorder->add_tracks({&track, 1})) ::_exit(1);
    for (std::uint32_t i = 0; i < 50; ++i)
      (void)recorder->record("camera", std::nullopt, test::vp8_picture(i));
    (void)!::write(ready[1], recorder->flush() ? "y" : "n", 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  const auto live = recover(dir / "recording");
  ASSERT_FALSE(live);
  EXPECT_THAT(live.error().message, HasSubstr("process " + std::to_string(child)));
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  const auto recovered = recover(dir / "recording");
  ASSERT_TRUE(recovered) << recovered.error().message;
  EXPECT_EQ(recovered->ended_tracks, std::vector<std::string>{"camera"});
  EXPECT_EQ(read_manifest(dir / "recording")->at("camera").packets, 50U);
  EXPECT_THAT(names_in(dir / "recording"), testing::Not(testing::Contains(kLockFileName)));
  EXPECT_THAT(names_in(dir / "recording"), testing::Not(testing::Contains(kReserveFileName)));
  ::close(ready[0]);
  ::close(ready[1]);
}

}  // namespace
}  // namespace rtpx
