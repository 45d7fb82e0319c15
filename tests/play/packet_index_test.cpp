// The packet index: what a recording tells is the same with and without one, whatever happens to either.
#include "packets/packet_index.hpp"

#include <gtest/gtest.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <thread>

#include "base/file_system.hpp"
#include "convert/synthetic_call.hpp"
#include "packets/index_key.hpp"
#include "play/playlist.hpp"
#include "play/presentation.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/packet_index.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/recording_lock.hpp"
#include "support/captures.hpp"
#include "support/damage.hpp"
#include "support/growing_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;

/// A key of this test's own.
class Keyed : public testing::Test {
 protected:
  Keyed() { use_key("mine"); }
  ~Keyed() override { ::unsetenv("RTPX_INDEX_KEY"); }
  void use_key(const std::string& name) const {
    ::setenv("RTPX_INDEX_KEY", (keys_ / (name + ".key")).c_str(), 1);
  }
  [[nodiscard]] const test::TempDir& keys() const { return keys_; }

 private:
  test::TempDir keys_;
};

void copy_recording(const fs::path& from, const fs::path& to) {
  fs::create_directories(to);
  for (const auto& entry : fs::directory_iterator(from))
    if (entry.is_regular_file()) test::write_file(to / entry.path().filename(), test::read_file(entry.path()));
}

/// All that can be known of a recording by playing it: playlists, notes, every segment's bytes.
std::string played(const fs::path& folder, const fs::path& scratch) {
  const auto presentation = Presentation::open(folder.string(), {.temporary = scratch});
  if (!presentation) return "refused: " + presentation.error().message;
  const auto view = (*presentation)->view();
  std::string all;
  for (const ConvertNote& note : view->notes) all += note.track_id + ": " + note.message + "\n";
  for (const std::string& left_out : view->left_out) all += left_out + "\n";
  for (const Program& program : view->programs) {
    all += dash_manifest(program, {});
    for (const Rendition& rendition : program.renditions) {
      all += media_playlist(program, rendition, {});
      for (const auto& [at_ns, packets] : (*presentation)->lost(rendition.id))
        all += std::to_string(at_ns) + " " + std::to_string(packets) + "\n";
      for (std::size_t i = 0; i < rendition.list.segments.size(); ++i) {
        MemorySink bytes;
        const auto stream = (*presentation)->segment(rendition.id, i, page_format(rendition.list.inits.front()));
        if (stream && (*stream)->all(bytes)) all += as_text(bytes.bytes());
      }
    }
  }
  return all;
}

/// All that a conversion makes and says of it.
std::string converted(const fs::path& folder) {
  const test::TempDir out;
  ConvertOptions options;
  options.output_path = out.path();
  options.format = Format::mkv;
  const auto result = convert(folder.string(), options);
  if (!result) return "refused: " + result.error().message;
  std::string all;
  for (const ConvertNote& note : result->notes) all += note.track_id + ": " + note.message + "\n";
  std::map<std::string, std::string> files;  // reports among them
  for (const auto& entry : fs::directory_iterator(out.path()))
    files[entry.path().filename()] = test::read_file(entry.path());
  for (auto& [name, bytes] : files) {
    for (std::size_t at; (at = bytes.find(out.path().string())) != std::string::npos;)
      bytes.erase(at, out.path().string().size());
    all += name + bytes;
  }
  return all;
}

bool has_index(const fs::path& folder) {
  const auto recording = find_recording(folder.string(), {}, nullptr);
  SpillFile spill(fs::temp_directory_path());
  return recording && read_packet_index(*recording, spill);
}

/// Without, and with, an index.
void tells_the_same(const fs::path& original) {
  const test::TempDir made, scratch;
  const fs::path folder = made / "call";
  copy_recording(original, folder);
  fs::remove(folder / kPacketIndexName);
  const std::string played_without = played(folder, scratch.path()), converted_without = converted(folder);
  ASSERT_GT(played_without.size() + converted_without.size(), 100U);
  const auto index = make_packet_index(folder.string(), {});
  ASSERT_TRUE(index) << index.error().message;
  ASSERT_TRUE(has_index(folder));
  EXPECT_TRUE(played(folder, scratch.path()) == played_without);
  EXPECT_TRUE(converted(folder) == converted_without);
}

class IndexOf : public Keyed, public testing::WithParamInterface<std::string> {};

TEST_P(IndexOf, TellsWhatTheScanTells) {
  RTPX_NEEDS_CAPTURE(folder, GetParam());
  tells_the_same(folder);
}

INSTANTIATE_TEST_SUITE_P(Captures, IndexOf,
                         testing::Values("browser/vp8_flexfec_lossy", "browser/vp8_opusred", "browser/vp8_simulcast3",
                                         "browser/h264_opus", "browser/vp8_opus_reschange", "browser/firefox_av1_opus",
                                         "browser/vp8_g722_absct", "edge/late_audio", "edge/ssrc_change_back",
                                         "field/c_codecswitch", "field/c_sim_h264"),
                         [](const auto& param_info) {
                           std::string name = param_info.param;
                           std::ranges::replace_if(name, [](char c) { return !std::isalnum(c); }, '_');
                           return name;
                         });

class Index : public Keyed {};

TEST_F(Index, TellsWhatTheScanTellsOfEveryCapture) {
  if (std::getenv("RTPX_SOAK") == nullptr) GTEST_SKIP() << "converts each four times: with RTPX_SOAK=1";
  const auto captures = test::captures();
  if (!captures) GTEST_SKIP();
  int recordings = 0;
  for (const auto& entry : fs::recursive_directory_iterator(*captures)) {
    if (entry.path().filename() != "manifest.json") continue;
    SCOPED_TRACE(entry.path());
    const test::TempDir copy;
    copy_recording(entry.path().parent_path(), copy / "call");
    if (!make_packet_index((copy / "call").string(), {})) continue;
    tells_the_same(entry.path().parent_path());
    ++recordings;
  }
  EXPECT_GT(recordings, 40);
}

TEST_F(Index, WithLossesRestartsAndRetransmissions) {
  const test::TempDir folder;
  const test::SyntheticCall call(folder.path(), 5,
                                 {.loss = 0.05,
                                  .duplicate = 0.02,
                                  .reorder = 0.05,
                                  .most_late_ms = 300,
                                  .source_changes = 3,
                                  .rtx = 0.5,
                                  .latest_rtx_ms = 200});
  tells_the_same(folder.path());
}

TEST_F(Index, OpensWithoutReadingTheRecords) {
  const test::TempDir folder, scratch;
  const test::SyntheticCall call(folder.path(), 5, {}, 120);
  std::uint64_t records = 0;
  for (const auto& entry : fs::directory_iterator(folder.path()))
    if (entry.path().extension() == ".rtpx") records += entry.file_size();
  ASSERT_GT(records, 500'000U);
  const auto read_by = [&](auto&& work) {
    const std::uint64_t before = test::bytes_read();
    work();
    return test::bytes_read() - before;
  };
  const auto open = [&] { ASSERT_TRUE(Presentation::open(folder.path().string(), {.temporary = scratch.path()})); };
  EXPECT_GT(read_by(open), 2 * records);
  ASSERT_TRUE(make_packet_index(folder.path().string(), {}));
  EXPECT_LT(read_by(open), records / 10);
}

/// A call with its index, and what it tells.
class DamagedIndex : public Keyed {
 protected:
  DamagedIndex()
      : call_(folder(), 7, {.loss = 0.03, .reorder = 0.02, .most_late_ms = 100, .source_changes = 1, .rtx = 0.5}, 4) {
    for (const auto& entry : fs::directory_iterator(folder()))
      files_[entry.path().filename()] = test::read_file(entry.path());
    truth_ = played(folder(), scratch_.path());
    EXPECT_TRUE(make_packet_index(folder().string(), {}));
    index_ = test::read_file(folder() / kPacketIndexName);
    EXPECT_TRUE(has_index(folder()));
  }
  [[nodiscard]] fs::path folder() const { return made_.path(); }
  [[nodiscard]] std::string now() const { return played(folder(), scratch_.path()); }
  /// Whether what is told is what the records tell.
  [[nodiscard]] bool is_true() const {
    const std::string with = now();
    const fs::path hidden = scratch_ / "index";
    if (fs::exists(folder() / kPacketIndexName)) fs::rename(folder() / kPacketIndexName, hidden);
    const std::string without = now();
    if (fs::exists(hidden)) fs::rename(hidden, folder() / kPacketIndexName);
    return with == without;
  }

  test::TempDir made_, scratch_;
  test::SyntheticCall call_;
  std::map<std::string, std::string> files_;
  std::string truth_, index_;
};

TEST_F(DamagedIndex, ChangesNothing) {
  ASSERT_EQ(now(), truth_);
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const std::string bytes = test::damage(index_, random).bytes;
    if (bytes == index_) continue;
    test::write_file(folder() / kPacketIndexName, bytes);
    ASSERT_FALSE(has_index(folder()));
    ASSERT_EQ(now(), truth_);
  }
}

TEST_F(DamagedIndex, OfOtherRecordsIsNone) {
  std::string records = "";
  for (const auto& [name, bytes] : files_)
    if (name.ends_with(".rtpx") && bytes.size() > files_[records].size()) records = name;
  unsigned told_otherwise = 0;
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    test::write_file(folder() / records, test::damage(files_[records], random).bytes);
    ASSERT_FALSE(has_index(folder()));
    ASSERT_TRUE(is_true());
    told_otherwise += now() != truth_ ? 1 : 0;
  }
  EXPECT_GT(told_otherwise, test::seeds() / 2);
}

// The same size and the old times do not hide a change.
TEST_F(DamagedIndex, KnowsRecordsThatWereRewrittenWithTheirOldTimes) {
  std::string name;
  for (const auto& [file, bytes] : files_)
    if (file.ends_with(".rtpx")) name = file;
  const fs::path file = folder() / name;
  struct stat before {};
  ASSERT_EQ(::stat(file.c_str(), &before), 0);
  std::string bytes = files_[name];
  for (std::size_t i = bytes.size() / 2; i < bytes.size() / 2 + 500; ++i) bytes[i] = 'x';
  {
    std::fstream over(file, std::ios::in | std::ios::out | std::ios::binary);
    over.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  const timespec times[2] = {before.st_atim, before.st_mtim};
  ASSERT_EQ(::utimensat(AT_FDCWD, file.c_str(), times, 0), 0);
  EXPECT_FALSE(has_index(folder()));
  EXPECT_TRUE(is_true());
}

// Whoever can compute a checksum cannot make an index: it needs the reader's key.
TEST_F(DamagedIndex, OfAnotherUserIsNone) {
  use_key("another");
  ASSERT_TRUE(make_packet_index(folder().string(), {}));
  ASSERT_TRUE(has_index(folder()));
  use_key("mine");
  EXPECT_FALSE(has_index(folder()));
  EXPECT_EQ(now(), truth_);
  use_key("nobody");
  EXPECT_FALSE(has_index(folder()));
  EXPECT_FALSE(fs::exists(index_key_file()));
}

TEST_F(DamagedIndex, KeyThatOthersCanReadIsNone) {
  ASSERT_EQ(::chmod(index_key_file().c_str(), 0644), 0);
  EXPECT_FALSE(has_index(folder()));
  EXPECT_EQ(make_packet_index(folder().string(), {}).error().code, Errc::denied);
  ASSERT_EQ(::chmod(index_key_file().c_str(), 0600), 0);
  EXPECT_TRUE(make_packet_index(folder().string(), {}));
}

TEST_F(DamagedIndex, OfACopyIsNone) {
  copy_recording(folder(), scratch_ / "copy");
  EXPECT_TRUE(fs::exists(scratch_ / "copy" / kPacketIndexName));
  EXPECT_FALSE(has_index(scratch_ / "copy"));
  EXPECT_EQ(played(scratch_ / "copy", scratch_.path()), truth_);
}

TEST_F(DamagedIndex, KnowsThatTheManifestSaysSomethingElse) {
  std::string manifest = files_["manifest.json"];
  const auto at = manifest.find("video/VP8");
  ASSERT_NE(at, manifest.npos);
  test::write_file(folder() / "manifest.json", manifest.replace(at, 9, "video/VP9"));
  EXPECT_FALSE(has_index(folder()));
  EXPECT_TRUE(is_true());
}

TEST_F(DamagedIndex, IsNotMadeOfARecordingUnderWay) {
  auto lock = RecordingLock::take(real_file_system(), folder(), "a test");
  ASSERT_TRUE(lock);
  EXPECT_EQ(make_packet_index(folder().string(), {}).error().code, Errc::already_exists);
  EXPECT_TRUE(has_index(folder()));
  lock->release();
}

// Whole, or none at all.
TEST_F(DamagedIndex, WhoMakesItMayBeKilled) {
  const auto began = std::chrono::steady_clock::now();
  ASSERT_TRUE(make_packet_index(folder().string(), {}));
  const auto takes = std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began);
  int made = 0, missing = 0;
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    SCOPED_TRACE(seed);
    std::mt19937 random(seed);
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) ::_exit(make_packet_index(folder().string(), {}) ? 0 : 1);
    std::this_thread::sleep_for(takes * (random() % 1'200) / 1'000);
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    const bool there = fs::exists(folder() / kPacketIndexName);
    ++(there ? made : missing);
    ASSERT_EQ(has_index(folder()), there);
    ASSERT_EQ(now(), truth_);
  }
  RecordProperty("made", made);
  RecordProperty("missing", missing);
  EXPECT_GT(missing, 0);
  EXPECT_TRUE(make_packet_index(folder().string(), {}));
  EXPECT_EQ(now(), truth_);
}

// What a sealed recording keeps to itself would lie open in an index.
TEST_F(DamagedIndex, IsNotMadeOfASealedRecording) {
  const auto identity = Identity::generate();
  const std::vector<Recipient> recipients{identity->recipient()};
  for (const auto& [name, bytes] : files_) {
    if (!name.ends_with(".rtpx") && !name.ends_with(".rtcpx")) continue;
    const auto sealed = sealed::seal_bytes(as_bytes(bytes), recipients);
    ASSERT_TRUE(sealed);
    test::write_file(folder() / name, *sealed);
  }
  const auto opened = Presentation::open(folder().string(), {.temporary = scratch_.path(), .identities = {identity}});
  ASSERT_TRUE(opened) << opened.error().message;
  EXPECT_EQ(make_packet_index(folder().string(), {}).error().code, Errc::unsupported);
  EXPECT_FALSE(fs::exists(folder() / kPacketIndexName));
  const auto recording = find_recording(folder().string(), {}, nullptr, Outside::refused, {identity});
  ASSERT_TRUE(recording);
  EXPECT_FALSE(indexed_state(*recording));
}

}  // namespace
}  // namespace rtpx
