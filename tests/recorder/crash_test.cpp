// A small recording stopped at every step of its disk, with unsynced data lost in the worst way and in
// others.

#include <gtest/gtest.h>

#include <algorithm>
#include <mutex>
#include <thread>

#include "base/crc32c.hpp"
#include "recorder/started.hpp"
#include "rtpx/recover.hpp"
#include "rtpx/verify.hpp"
#include "storage/index.hpp"
#include "storage/recording_file.hpp"
#include "support/fault_file_system.hpp"
#include "support/sealing.hpp"

namespace rtpx {
namespace {

using namespace std::chrono_literals;
using test::FaultFileSystem;
using test::read_file;
using test::records;
using test::rtp;
using test::TempDir;
using test::text;
using test::video;

/// What the recording answered before the disk stopped: the promises that must hold afterwards.
struct Promised {
  bool started = false, added = false;
  std::map<std::string, std::vector<std::string>>
      ended;                                             ///< packets of tracks that end_tracks() answered for
  std::map<std::string, std::vector<std::string>> sent;  ///< all accepted
  std::filesystem::path folder;
};

Promised small_recording(FaultFileSystem& disk) {
  Promised out;
  Recorder::Options options;
  options.base_dir = "/disk/recordings";
  options.file_system = &disk;
  options.recipients = test::sealing_recipients();
  options.flush_interval = 4ms;
  options.sync_interval = 10ms;
  options.end_timeout = 2s;
  options.max_restarts = 0;
  auto started = Recorder::start(options);
  if (!started) return out;
  out.started = true;
  Recorder& recorder = **started;
  out.folder = recorder.folder();
  const std::vector tracks{video("camera"), video("microphone")};
  if (!recorder.add_tracks(tracks)) return out;
  out.added = true;
  for (std::uint32_t i = 0; i < 120; ++i) {
    for (const char* id : {"camera", "microphone"}) {
      const auto packet = rtp(i, 900);
      if (recorder.record(id, std::nullopt, packet) == Outcome::accepted)
        out.sent[id].push_back(text(packet));
    }
    (void)recorder.record_rtcp("camera", rtp(i, 28));
    if (i % 40 == 0) std::this_thread::sleep_for(6ms);
    if (i == 80) {
      const std::string id = "microphone";
      if (recorder.end_tracks({&id, 1})) out.ended[id] = out.sent[id];
    }
  }
  const std::string id = "camera";
  if (recorder.end_tracks({&id, 1})) out.ended[id] = out.sent[id];
  return out;
}

// docs/crash-safety.md numbers what must hold.
void expect_invariants(const Promised& promised, const std::filesystem::path& root, const std::string& state,
                       bool lost_in_part) {
  SCOPED_TRACE(state);
  if (!promised.started) return;
  ASSERT_TRUE(std::filesystem::exists(root / promised.folder.filename())) << "start() answered: the folder is there";
  const test::PlainCopy plain(root / promised.folder.filename());
  const auto& folder = plain.folder();
  const auto manifest = read_manifest(folder);
  ASSERT_TRUE(manifest) << "the manifest is whole: " << manifest.error().message;
  if (promised.added) {
    EXPECT_TRUE(manifest->contains("camera"));
  }
  ASSERT_TRUE(read_recording_info(real_file_system(), folder));

  for (const auto& [id, sent] : promised.sent) {
    const auto file = folder / (id + ".rtpx");
    ASSERT_TRUE(std::filesystem::exists(file)) << id;
    const auto stored = records(read_file(file));
    for (std::size_t i = 0; i < std::min(stored.size(), sent.size()); ++i) {
      if (lost_in_part) break;  // pages of what was not synced are missing
      EXPECT_TRUE(stored[i].packet == sent[i]) << id << " " << i;
    }
    if (promised.ended.contains(id)) {
      ASSERT_EQ(stored.size(), promised.ended.at(id).size()) << id << " was ended: all of it is there";
      for (std::size_t i = 0; i < sent.size(); ++i)
        ASSERT_TRUE(stored[i].packet == sent[i]) << id << " " << i;
      EXPECT_TRUE(manifest->at(id).ended_at) << id;
    }
  }
  // Whatever the index vouches for is there and right.
  const std::string index_bytes = read_file(folder / kIndexFileName);
  ASSERT_FALSE(index_bytes.empty());
  const auto index = parse_index(as_bytes(index_bytes));
  ASSERT_TRUE(index);
  for (const auto& [number, file] : index->files) {
    if (file.name.empty()) continue;
    const std::string bytes = read_file(folder / file.name);
    for (const IndexBlock& block : file.blocks) {
      ASSERT_LE(block.offset + block.length, bytes.size()) << file.name;
      EXPECT_EQ(crc32c(as_bytes(bytes).subspan(block.offset, block.length)), block.crc) << file.name;
    }
  }
}

/// Recovery mends what is left, takes nothing of what was promised, and has nothing to do a second time.
void expect_recovers(const Promised& promised, const std::filesystem::path& root, const std::string& state,
                     bool lost_in_part) {
  SCOPED_TRACE(state + ", recovered");
  if (!promised.started) return;
  const auto folder = root / promised.folder.filename();
  const auto recovered = recover(folder, {.identities = test::sealing_identities()});
  ASSERT_TRUE(recovered) << recovered.error().message;
  expect_invariants(promised, root, state, lost_in_part);
  const Manifest manifest = read_manifest(test::PlainCopy(folder).folder()).value();
  for (const auto& [id, track] : manifest) EXPECT_TRUE(track.ended_at) << id;
  const auto verified = verify(folder, {.identities = test::sealing_identities()});
  ASSERT_TRUE(verified) << verified.error().message;
  for (const VerifiedFile& file : verified->files) EXPECT_EQ(file.damaged_bytes, 0U) << file.file;
  EXPECT_FALSE(recover(folder, {.identities = test::sealing_identities()})->changed()) << "a second time";
}

TEST(Crash, AtEveryStepOfTheDiskThePromisesHoldAlsoAfterRecovery) {
  std::uint64_t steps = 0;
  {
    FaultFileSystem disk;
    const Promised whole = small_recording(disk);
    ASSERT_EQ(whole.ended.size(), 2U);
    steps = disk.changing_calls();
  }
  ASSERT_GT(steps, 30U);
  // Threads make the number of steps vary: going a little beyond covers the longest.
  for (std::uint64_t step = 1; step <= steps + 10; ++step) {
    FaultFileSystem disk;
    disk.crash_at(step);
    const Promised promised = small_recording(disk);
    for (int lost = 0; lost < 4; ++lost) {  // the worst case, then random survivors
      TempDir root;
      disk.survivors("/disk/recordings", root.path(),
                     lost == 0 ? std::nullopt
                               : std::optional<unsigned>(static_cast<unsigned>(step) * 10U +
                                                         static_cast<unsigned>(lost)));
      expect_invariants(promised, root.path(),
                        "step " + std::to_string(step) + ", survivors " + std::to_string(lost), lost != 0);
      if (lost < 2)
        expect_recovers(promised, root.path(),
                        "step " + std::to_string(step) + ", survivors " + std::to_string(lost), lost != 0);
      if (HasFatalFailure()) return;
    }
    TempDir root;
    disk.contents("/disk/recordings", root.path());  // a process crash: nothing written is lost
    expect_invariants(promised, root.path(), "step " + std::to_string(step) + ", process crash", false);
    expect_recovers(promised, root.path(), "step " + std::to_string(step) + ", process crash", false);
    if (HasFatalFailure()) return;
  }
}

}  // namespace
}  // namespace rtpx
