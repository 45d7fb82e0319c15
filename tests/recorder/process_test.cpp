// Recorders in processes of their own: killed, short of descriptors, over their file size limit.

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <thread>

#include "base/crc32c.hpp"
#include "recorder/process.hpp"
#include "recorder/started.hpp"
#include "rtpx/converter.hpp"
#include "storage/index.hpp"
#include "support/child.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::ChildLog;
using test::monotonic_ns;
using test::read_file;
using test::records;
using test::Started;
using test::TempDir;
using test::video;

#if defined(RTPX_UNDER_TSAN) || defined(RTPX_UNDER_ASAN)
constexpr int kKills = 10;
#else
constexpr int kKills = 50;
#endif

const ChildLog* map_log(const std::filesystem::path& path) {
  for (int i = 0; i < 1000; ++i) {
    std::error_code none;
    if (std::filesystem::file_size(path, none) == sizeof(ChildLog) && !none) break;
    std::this_thread::sleep_for(5ms);
  }
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  void* memory = ::mmap(nullptr, sizeof(ChildLog), PROT_READ, MAP_SHARED, fd, 0);
  ::close(fd);
  return memory == MAP_FAILED ? nullptr : static_cast<const ChildLog*>(memory);
}

/// Age of the oldest packet that a kill cost, so far.
std::chrono::nanoseconds worst_loss{0};

void print_worst_loss() {
  std::printf("the oldest packet that was lost: %.0f ms; flush_interval: %lld ms\n",
              std::chrono::duration<double, std::milli>(worst_loss).count(),
              static_cast<long long>(test::kChildFlush.count()));
}

/// Every track that has packets becomes a file that holds them all: `packets` by track.
void expect_converts(const std::filesystem::path& folder, const std::map<std::string, std::size_t>& packets) {
  TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.write_reports = false;
  const auto result = convert(folder.string(), options);
  ASSERT_TRUE(result) << result.error().message;
  for (const auto& [id, count] : packets) {
    if (count == 0) continue;
    ASSERT_TRUE(result->files.contains(id)) << id;
    EXPECT_GT(std::filesystem::file_size(result->files.at(id).file), count * 70) << id;
  }
}

// Kills a recording `after`, and looks for every packet that its stats() had called written: the promise
// holds however slow the machine is, and the figure says how far it reaches.
void kill_and_check(std::chrono::microseconds after, int tracks, const Identity* sealed_for = nullptr) {
  TempDir dir;
  const auto recorded = dir / "recording";
  std::vector<std::string> command{std::filesystem::read_symlink("/proc/self/exe").parent_path() / "recording_child",
                                   recorded, dir / "log", std::to_string(tracks)};
  if (sealed_for != nullptr) command.push_back(sealed_for->recipient().text());
  test::Child child(command);
  const ChildLog* log = map_log(dir / "log");
  ASSERT_NE(log, nullptr);
  while ((log->count.load() == 0 || log->written_until_ns.load() <= log->entries[0].accepted_ns) &&
         child.running())
    std::this_thread::sleep_for(1ms);
  std::this_thread::sleep_for(after);
  const std::int64_t killed = monotonic_ns();
  ASSERT_TRUE(child.kill()) << "the child ended by itself with " << child.wait();

  auto folder = recorded;
  if (sealed_for != nullptr) {
    folder = dir / "opened";
    const Identities identities{std::shared_ptr<const Identity>(sealed_for, [](const Identity*) {})};
    const auto opened = open_sealed(recorded, folder, identities);
    ASSERT_TRUE(opened) << opened.error().message;
  }
  ASSERT_TRUE(read_manifest(folder));
  std::vector<std::vector<test::StoredRecord>> stored;
  for (int i = 0; i < tracks; ++i)
    stored.push_back(records(read_file(folder / ("t" + std::to_string(i) + ".rtpx"))));
  const std::int64_t promised = log->written_until_ns.load();
  std::uint64_t missing = 0, checked = 0;
  std::int64_t oldest_missing = killed;
  for (std::uint64_t n = 0; n < log->count.load(); ++n) {
    const ChildLog::Entry& entry = log->entries[n];
    const bool there = entry.sequence < stored[entry.track].size();
    if (!there) oldest_missing = std::min(oldest_missing, entry.accepted_ns);
    if (entry.accepted_ns >= promised) continue;
    ++checked;
    if (!there) ++missing;
  }
  EXPECT_EQ(missing, 0U) << "of " << checked << ", killed after " << after.count() << " us";
  EXPECT_GT(checked, 0U);
  worst_loss = std::max(worst_loss, std::chrono::nanoseconds(killed - oldest_missing));
  for (const auto& track : stored)
    for (std::uint32_t i = 0; i < track.size(); ++i)
      ASSERT_TRUE(track[i].packet == test::text(test::vp8_picture(i, 100 + i * 37 % 1100)))
          << "a packet is not whole";
  const std::string index_bytes = read_file(folder / kIndexFileName);
  const auto index = parse_index(as_bytes(index_bytes));
  ASSERT_TRUE(index);
  for (const auto& [number, file] : index->files) {
    const std::string bytes = read_file(folder / file.name);
    for (const IndexBlock& block : file.blocks) {
      ASSERT_LE(block.offset + block.length, bytes.size());
      EXPECT_EQ(crc32c(as_bytes(bytes).subspan(block.offset, block.length)), block.crc);
    }
  }
  std::map<std::string, std::size_t> packets;
  for (std::size_t i = 0; i < stored.size(); ++i) packets["t" + std::to_string(i)] = stored[i].size();
  if (checked > 0) expect_converts(folder, packets);
  ::munmap(const_cast<ChildLog*>(log), sizeof(ChildLog));
}

TEST(Kill9, WhatStatsCalledWrittenIsInTheFileAndConverts) {
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < kKills; ++i) {
    kill_and_check(std::chrono::microseconds(random() % 500'000), 3);
    if (HasFatalFailure()) return;
  }
  print_worst_loss();
}

TEST(Kill9, TheSameOfASealedRecordingOnceItIsOpened) {
  const auto identity = Identity::generate();
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < kKills / 5; ++i) {
    kill_and_check(std::chrono::microseconds(random() % 500'000), 3, identity.get());
    if (HasFatalFailure()) return;
  }
  print_worst_loss();
}

// RTPX_KILLS sets how often; `make soak` takes 200.
TEST(Kill9, TheSameUnderLoadWithAHundredTracks) {
  const char* wanted = std::getenv("RTPX_KILLS");
  const int kills = wanted != nullptr ? std::atoi(wanted) : std::min(kKills, 20);
  std::mt19937 random(std::random_device{}());
  for (int i = 0; i < kills; ++i) {
    kill_and_check(std::chrono::microseconds(random() % 800'000), 100);
    if (HasFatalFailure()) return;
  }
  print_worst_loss();
}

// Runs `body` in a child process with a lower limit, and expects it to pass. The child must not return.
template <typename Body>
void in_child(int resource, rlim_t limit, Body&& body) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const rlimit value{limit, limit};
    if (::setrlimit(static_cast<__rlimit_resource>(resource), &value) != 0) ::_exit(99);
    body();
    ::_exit(testing::Test::HasFailure() ? 1 : 0);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFEXITED(status)) << "died of signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
}

TEST(Descriptors, AThousandTracksWorkUnderALimitOf1024) {
  in_child(RLIMIT_NOFILE, 1024, [] {
    Started s;
    std::vector<MediaStreamTrack> tracks;
    std::vector<std::string> ids;
    for (int i = 0; i < 1000; ++i) {
      ids.push_back("t" + std::to_string(i));
      tracks.push_back(video(ids.back()));
    }
    ASSERT_TRUE(s.recorder->add_tracks(tracks));
    for (std::uint32_t round = 0; round < 20; ++round) {
      for (const auto& id : ids) {
        ASSERT_EQ(s.record(id, round, 500), Outcome::accepted);
        if (round % 5 == 0) {
          ASSERT_EQ(s.recorder->record_rtcp(id, test::rtp(round, 28)), Outcome::accepted);
        }
      }
      std::this_thread::sleep_for(20ms);
    }
    const auto ended = s.recorder->end_tracks(ids);
    ASSERT_TRUE(ended) << ended.error().message;
    for (const auto& [id, track] : ended->manifest) {
      ASSERT_EQ(records(read_file(track.location)).size(), 20U);
      ASSERT_EQ(records(read_file(*track.rtcp_location)).size(), 4U);
    }
    EXPECT_EQ(s.recorder->stats().restarts, 0U);
  });
}

TEST(Descriptors, WithoutDescriptorsTheErrorNamesTheLimit) {
  in_child(RLIMIT_NOFILE, 64, [] {
    Started s;
    std::vector<int> taken;
    for (int fd = ::open("/dev/null", O_RDONLY); fd >= 0; fd = ::open("/dev/null", O_RDONLY))
      taken.push_back(fd);
    const auto track = video("camera");
    const auto added = s.recorder->add_tracks({&track, 1});
    ASSERT_FALSE(added);
    EXPECT_EQ(added.error().code, Errc::too_many_files);
    EXPECT_NE(added.error().message.find("64"), std::string::npos) << added.error().message;
    for (const int fd : taken) ::close(fd);
    EXPECT_TRUE(s.recorder->add_tracks({&track, 1}));
  });
}

TEST(FileSizeLimit, IsAFullDiskAndNotADeath) {
  in_child(RLIMIT_FSIZE, 1U << 20, [] {
    Started s;
    s.add(video("camera"));
    std::uint64_t accepted = 0, refused = 0;
    for (std::uint32_t i = 0; i < 4000; ++i) {
      ++(s.record("camera", i, 1000) == Outcome::accepted ? accepted : refused);
      if (i % 100 == 0) std::this_thread::sleep_for(5ms);
    }
    EXPECT_GT(refused, 0U);
    const std::string id = "camera";
    (void)s.recorder->end_tracks({&id, 1});
    const auto stored = records(read_file(s.recorder->folder() / "camera.rtpx")).size();
    EXPECT_EQ(stored + s.recorder->stats().lost_after_accept, accepted);
  });
}

// tmpfs of 64 MiB, where this may be mounted: filled, emptied and filled again.
TEST(SmallDisk, CountsAddUpWhenItIsFilledEmptiedAndFilledAgain) {
  TempDir mount;
  const std::string command = "mount -t tmpfs -o size=64m tmpfs " + mount.path().string() + " 2>/dev/null";
  if (std::system(command.c_str()) != 0) GTEST_SKIP() << "no permission to mount a tmpfs";
  {
    Recorder::Options options;
    options.base_dir = mount / "recordings";
    auto recorder = Recorder::start(options).value();
    TempDir elsewhere;
    options.base_dir = elsewhere.path();
    auto other = Recorder::start(options).value();
    const auto track = video("camera");
    ASSERT_TRUE(recorder->add_tracks({&track, 1}));
    ASSERT_TRUE(other->add_tracks({&track, 1}));
    const auto ballast = mount / "ballast";
    test::write_file(ballast, std::string(30U << 20, 'x'));
    std::uint64_t sent = 0, accepted = 0;
    const auto send_until = [&](Outcome wanted) {
      for (int i = 0; i < 2'000'000; ++i) {
        const Outcome outcome = recorder->record("camera", std::nullopt,
                                                 test::vp8_picture(static_cast<std::uint32_t>(sent), 1100));
        ++sent;
        accepted += outcome == Outcome::accepted ? 1 : 0;
        EXPECT_EQ(other->record("camera", std::nullopt, test::rtp(1)), Outcome::accepted);
        if (outcome == wanted) return true;
        if (i % 200 == 0) std::this_thread::sleep_for(1ms);
      }
      return false;
    };
    ASSERT_TRUE(send_until(Outcome::disk_full));
    std::filesystem::remove(ballast);
    ASSERT_TRUE(send_until(Outcome::accepted)) << "goes on by itself";
    ASSERT_TRUE(send_until(Outcome::disk_full)) << "filled again";
    const std::string id = "camera";
    const auto ended = recorder->end_tracks({&id, 1});
    ASSERT_TRUE(ended) << ended.error().message;
    const auto stats = recorder->stats();
    EXPECT_EQ(stats.packets, accepted);
    EXPECT_EQ(stats.packets + stats.disk_full + stats.queue_full, sent);
    std::size_t torn = 1;
    const auto stored = records(read_file(ended->manifest.at("camera").location), &torn);
    EXPECT_EQ(torn, 0U);
    EXPECT_EQ(stored.size() + stats.lost_after_accept, accepted);
    TempDir out;
    ConvertOptions convert_options;
    convert_options.output_path = out.path();
    const auto converted = convert(recorder->folder().string(), convert_options);
    ASSERT_TRUE(converted) << converted.error().message;
    EXPECT_GT(std::filesystem::file_size(converted->files.begin()->second.file), stored.size() * 1000);
    ASSERT_TRUE(other->end_tracks({&id, 1}));
    EXPECT_EQ(other->stats().packets, sent) << "another recorder keeps running";
    EXPECT_EQ(other->stats().lost_after_accept, 0U);
  }
  (void)!std::system(("umount " + mount.path().string()).c_str());
}

}  // namespace
}  // namespace rtpx
