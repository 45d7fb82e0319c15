#include "rtpx/verify.hpp"

#include <gtest/gtest.h>

#include "base/crc32c.hpp"
#include "base/utc_time.hpp"
#include "support/captures.hpp"
#include "support/damage.hpp"
#include "support/made_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::Damaged;
using test::MadeRecording;
using test::TempDir;
using test::write_file;

VerifyReport checked(const fs::path& folder) {
  auto report = verify(folder);
  EXPECT_TRUE(report) << report.error().message;
  return report ? *report : VerifyReport();
}

/// What a report says of bytes [from, to) of a file: the worst of it.
Proof worst(const VerifyReport& report, const fs::path& file, std::uint64_t from, std::uint64_t to) {
  Proof out = Proof::proven;
  for (const VerifiedFile& verified : report.files) {
    if (verified.file != file) continue;
    for (const VerifiedRange& range : verified.ranges)
      if (range.offset < to && range.offset + range.length > from) out = std::max(out, range.proof);
  }
  return out;
}

TEST(Verify, AWholeRecordingIsProven) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 1, {.rtcp = true});
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 0);
  ASSERT_EQ(report.files.size(), 4U);
  for (const VerifiedFile& file : report.files) {
    ASSERT_EQ(file.ranges.size(), 1U);
    EXPECT_EQ(file.ranges[0].proof, Proof::proven);
    EXPECT_EQ(file.proven_bytes, fs::file_size(file.file));
    EXPECT_EQ(file.ranges[0].utc, parse_utc("2026-11-22T12:00:00Z"));
  }
  EXPECT_TRUE(report.notes.empty());
  EXPECT_EQ(checked(dir / "manifest.json").exit_code(), 0);
}

TEST(Verify, OneFlippedBitIsFoundWithTrackOffsetAndTime) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 2);
  std::string bytes = made.files.at("t1.rtpx").text();
  bytes[20000] ^= 4;
  write_file(dir / "t1.rtpx", bytes);
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  const VerifiedFile& file = report.files.at(1);
  EXPECT_EQ(file.track_id, "t1");
  ASSERT_EQ(file.ranges.size(), 3U);
  EXPECT_EQ(file.ranges[1].proof, Proof::damaged);
  EXPECT_EQ(file.ranges[1].offset, 16000U);
  EXPECT_EQ(file.ranges[1].length, 8000U);
  EXPECT_EQ(file.ranges[1].receive_time_ms, made.blocks.at("t1.rtpx")[2].first_time_ms);
  ASSERT_TRUE(file.ranges[1].utc);
  EXPECT_GT(*file.ranges[1].utc, *parse_utc("2026-11-22T12:00:00Z"));
  EXPECT_EQ(file.damaged_bytes, 8000U);
}

TEST(Verify, TheTailOfATrackThatWasNotEndedIsOnlyNoted) {
  const TempDir dir;
  MadeRecording made(dir.path(), 3, {.tracks = 1, .ended = false});
  write_file(dir / "t0.rtpx", made.files.at("t0.rtpx").text() + "more, not synced yet");
  VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_EQ(report.notes.size(), 1U);
  EXPECT_TRUE(report.files.at(0).ranges.back().tail);
  EXPECT_EQ(report.files.at(0).unproven_bytes, 20U);

  made.manifest.at("t0").ended_at = UtcTime{};  // the same, of a track that was ended
  write_file(dir / "manifest.json", serialize_manifest(made.manifest));
  EXPECT_EQ(checked(dir.path()).exit_code(), 1);
}

// What a crash left and was mended: no checksum says where the file ends, but the manifest says how many packets there are.
TEST(Verify, PacketsThatAreMissingFromATailAreCounted) {
  const TempDir dir;
  MadeRecording made(dir.path(), 3, {.tracks = 1, .ended = false});
  write_file(dir / "t0.rtpx", made.files.at("t0.rtpx").text() + "torn");
  ManifestTrack& track = made.manifest.at("t0");
  track.ended_at = UtcTime{};
  track.end_reason = "recovered";
  const std::uint64_t there = made.files.at("t0.rtpx").records();
  for (const std::uint64_t missing : {0, 2}) {
    track.packets = there + missing;
    write_file(dir / "manifest.json", serialize_manifest(made.manifest));
    const VerifyReport report = checked(dir.path());
    EXPECT_EQ(report.exit_code(), missing > 0 ? 1 : 0);
    ASSERT_EQ(report.problems.size(), missing > 0 ? 1U : 0U);
    if (missing > 0) EXPECT_TRUE(report.problems[0].contains("2 packets of " + std::to_string(there + 2))) << report.problems[0];
    ASSERT_EQ(report.notes.size(), 1U);
    EXPECT_TRUE(report.notes[0].contains("ended after a crash")) << report.notes[0];
  }
}

TEST(Verify, AnUnprovenStretchInTheMiddleIsNotATail) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 4, {.tracks = 1, .ended = false});
  std::string index = made.index_text;
  index[made.index_entry_ends[4] + 10] ^= 1;  // the fourth block's entry
  write_file(dir / "index.rtpxi", index);
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  ASSERT_EQ(report.files.at(0).ranges.size(), 3U);
  EXPECT_EQ(report.files[0].ranges[1].proof, Proof::unproven);
  EXPECT_EQ(report.files[0].ranges[1].offset, 24000U);
  EXPECT_FALSE(report.files[0].ranges[1].tail);
  EXPECT_EQ(report.problems.size(), 1U);
}

TEST(Verify, MissingBytesAreDamaged) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 5);
  write_file(dir / "t0.rtpx", made.files.at("t0.rtpx").text().substr(0, 30000));
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_EQ(report.files.at(0).ranges.back().proof, Proof::damaged);
  EXPECT_EQ(report.files[0].ranges.back().offset, 24000U);
  fs::remove(dir / "t1.rtpx");
  EXPECT_EQ(checked(dir.path()).problems.size(), 1U);
}

TEST(Verify, ATrackWithoutPacketsNeedsNoFile) {
  const TempDir dir;
  MadeRecording made(dir.path(), 5);
  ManifestTrack silent = made.manifest.at("t0");
  silent.location = "t9.rtpx";
  silent.packets = 0;
  made.manifest["t9"] = silent;
  write_file(dir / "manifest.json", serialize_manifest(made.manifest));
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 0);
  EXPECT_EQ(report.notes.size(), 1U);
  made.manifest["t9"].packets = 7;
  write_file(dir / "manifest.json", serialize_manifest(made.manifest));
  EXPECT_EQ(checked(dir.path()).exit_code(), 1);
}

TEST(Verify, WithoutManifestTheIndexNamesTheTracks) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 6);
  write_file(dir / "manifest.json", "{");
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_EQ(report.problems.size(), 1U);
  ASSERT_EQ(report.files.size(), 2U);
  EXPECT_EQ(report.files[1].track_id, "t1");
  EXPECT_EQ(report.files[1].unproven_bytes + report.files[1].damaged_bytes, 0U);
}

TEST(Verify, RecordingsWithoutChecksumsAreUnproven) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 7, {.tracks = 1, .index = false});
  VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  EXPECT_EQ(report.files.at(0).unproven_bytes, report.files[0].bytes);
  EXPECT_EQ(report.files[0].damaged_bytes, 0U);

  std::string bytes = made.files.at("t0.rtpx").text();
  bytes[made.files.at("t0.rtpx").offsets[50] + 9] = 'x';  // a size
  write_file(dir / "t0.rtpx", bytes);
  report = checked(dir.path());
  EXPECT_GT(report.files.at(0).damaged_bytes, 0U);
}

TEST(Verify, ANewerVersionIsRefused) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 8);
  write_file(dir / "recording.json", R"({"format":{"major":9,"minor":0}})");
  EXPECT_EQ(verify(dir.path()).error().code, Errc::unsupported);
}

TEST(Verify, NothingThereIsNotFound) {
  const TempDir dir;
  EXPECT_EQ(verify(dir.path()).error().code, Errc::not_found);
  EXPECT_EQ(verify(dir / "none").error().code, Errc::not_found);
}

TEST(Verify, CanBeCancelledAndTellsItsProgress) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 9);
  std::stop_source stop;
  std::uint64_t last = 0, total = 0;
  ASSERT_TRUE(verify(dir.path(),
                     {.progress = [&](std::uint64_t done, std::uint64_t all) { last = done, total = all; }}));
  EXPECT_EQ(last, total);
  stop.request_stop();
  EXPECT_EQ(verify(dir.path(), {.stop = stop.get_token()}).error().code, Errc::cancelled);
}

/// How often each byte sequence lies in a text, and where.
std::vector<std::uint64_t> places_of(const std::string& block, const std::string& text) {
  std::vector<std::uint64_t> places;
  for (auto at = text.find(block); at != std::string::npos; at = text.find(block, at + 1))
    places.push_back(at);
  return places;
}

/// A block is healthy when its bytes are there, wherever.
TEST(Verify, RandomDamageIsFoundAndNothingHealthyIsBlamed) {
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    const TempDir dir;
    std::mt19937 random(seed);
    const MadeRecording made(dir.path(), seed,
                             {.records = 150 + random() % 200, .block_bytes = 2000 + random() % 9000});
    std::map<std::string, std::string> now;
    for (const auto& [name, file] : made.files) {
      now[name] = random() % 3 == 0 ? file.text() : test::damage(file.text(), random).bytes;
      write_file(dir / name, now[name]);
    }
    const bool hit_index = random() % 2 == 0;
    const Damaged index =
        hit_index ? test::damage(made.index_text, random) : Damaged{made.index_text, {}, false};
    write_file(dir / "index.rtpxi", index.bytes);
    const bool hit_manifest = random() % 3 == 0;
    if (hit_manifest) write_file(dir / "manifest.json", test::damage(made.manifest_text, random).bytes);

    const auto left = parse_index(as_bytes(index.bytes));
    const auto has_entry = [&](const IndexBlock& block) {
      return left && std::ranges::any_of(left->files, [&](const auto& file) {
               return !file.second.name.empty() &&
                      std::ranges::find(file.second.blocks, block) != file.second.blocks.end();
             });
    };
    const auto report = verify(dir.path());
    ASSERT_TRUE(report) << "seed " << seed << ": " << report.error().message;
    bool any = false;
    for (const auto& [name, file] : made.files) {
      std::uint64_t healthy_bytes = 0, damaged_blocks = 0;
      for (const IndexBlock& block : made.blocks.at(name)) {
        const auto places = places_of(file.text().substr(block.offset, block.length), now[name]);
        const bool proven = std::ranges::any_of(places, [&](std::uint64_t at) {
          return worst(*report, dir / name, at, at + block.length) == Proof::proven;
        });
        EXPECT_TRUE(proven || places.empty() || !has_entry(block))
            << "seed " << seed << " " << name << " " << block.offset;
        const bool blamed = std::ranges::all_of(places, [&](std::uint64_t at) {
          return worst(*report, dir / name, at, at + block.length) == Proof::damaged;
        });
        EXPECT_TRUE(!blamed || places.empty())
            << "a healthy block is called damaged: seed " << seed << " " << name << " " << block.offset;
        (places.empty() ? damaged_blocks : healthy_bytes) += places.empty() ? 1 : block.length;
      }
      any = any || damaged_blocks > 0 || now[name] != file.text();
      const auto verified = std::ranges::find(report->files, dir / name, &VerifiedFile::file);
      if (verified == report->files.end()) continue;  // its name in the manifest was hit
      EXPECT_LE(verified->proven_bytes, healthy_bytes) << "seed " << seed << " " << name;
      if (damaged_blocks > 0 && !hit_index) {
        EXPECT_GT(verified->damaged_bytes, 0U) << "seed " << seed << " " << name;
      }
    }
    if (any || hit_index) {
      EXPECT_EQ(report->exit_code(), 1) << seed;
    }
  }
}

TEST(Verify, BlocksBehindInsertedOrMissingBytesAreStillProven) {
  for (const bool inserted : {true, false}) {
    const TempDir dir;
    const MadeRecording made(dir.path(), 11, {.tracks = 1});
    std::string bytes = made.files.at("t0.rtpx").text();
    inserted ? bytes.insert(20000, "these bytes do not belong here") : bytes.erase(20000, 30);
    write_file(dir / "t0.rtpx", bytes);
    const VerifyReport report = checked(dir.path());
    EXPECT_EQ(report.exit_code(), 1);
    const VerifiedFile& file = report.files.at(0);
    ASSERT_EQ(file.ranges.size(), 3U);
    EXPECT_EQ(file.ranges[1].proof, Proof::damaged);
    EXPECT_EQ(file.ranges[1].offset, 16000U);
    EXPECT_EQ(file.ranges[1].length, inserted ? 8030U : 7970U);
    EXPECT_EQ(file.ranges[2].proof, Proof::proven);
    EXPECT_EQ(file.ranges[2].offset + file.ranges[2].length, bytes.size());
  }
}

TEST(Verify, AWholeBlockThatIsGoneIsSaidToBeMissing) {
  const TempDir dir;
  const MadeRecording made(dir.path(), 12, {.tracks = 1});
  std::string bytes = made.files.at("t0.rtpx").text();
  bytes.erase(16000, 8000);
  write_file(dir / "t0.rtpx", bytes);
  const VerifyReport report = checked(dir.path());
  EXPECT_EQ(report.exit_code(), 1);
  const VerifiedFile& file = report.files.at(0);
  EXPECT_EQ(file.damaged_bytes, 8000U);
  EXPECT_EQ(file.proven_bytes, bytes.size());
  ASSERT_EQ(file.ranges.size(), 3U);
  EXPECT_EQ(file.ranges[1].offset, 16000U);
  EXPECT_EQ(file.ranges[1].reason, "8000 bytes are missing");
}

// A block that no entry is left of may lie where a damaged one before it should be.
TEST(Verify, ABlockWhoseEntryIsGoneIsNotBlamedForTheOneBefore) {
  for (const bool end_known : {true, false}) {
    const TempDir dir;
    const MadeRecording made(dir.path(), 13, {.tracks = 1});
    std::string bytes = made.files.at("t0.rtpx").text(), index = made.index_text;
    const std::size_t blocks = made.blocks.at("t0.rtpx").size();
    bytes.erase((blocks - 2) * 8000 + 100, 30);
    index[made.index_entry_ends[blocks] + 10] ^= 1;  // the last block's entry
    if (!end_known) index.resize(made.index_entry_ends[blocks]);
    write_file(dir / "t0.rtpx", bytes);
    write_file(dir / "index.rtpxi", index);
    const VerifyReport report = checked(dir.path());
    EXPECT_EQ(report.exit_code(), 1);
    EXPECT_EQ(report.files.at(0).damaged_bytes, 8000U);
    EXPECT_EQ(worst(report, dir / "t0.rtpx", (blocks - 1) * 8000 - 30, bytes.size()), Proof::unproven)
        << end_known;
  }
}

TEST(VerifyCaptures, UpstreamsRecordingsAreUnprovenAndADamagedOneIsSeen) {
  RTPX_NEEDS_CAPTURE(edge, "edge");
  const VerifyReport healthy = checked(edge / "ext1");
  EXPECT_EQ(healthy.exit_code(), 1);
  for (const VerifiedFile& file : healthy.files) {
    EXPECT_EQ(file.damaged_bytes, 0U);
    EXPECT_EQ(file.unproven_bytes, file.bytes);
  }
  const VerifyReport damaged = checked(edge / "corrupt_len");
  EXPECT_GT(damaged.files.at(0).damaged_bytes, 0U);
  const VerifyReport empty = checked(edge / "empty");
  EXPECT_EQ(empty.files.size(), 2U);
}

}  // namespace
}  // namespace rtpx
