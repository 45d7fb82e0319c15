// The file system that seals and opens: what is written comes back, at any offset, and nothing else does.
#include "sealed/sealed_files.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.hpp"

#include "support/captures.hpp"
#include "support/damage.hpp"
#include "support/fault_file_system.hpp"

namespace rtpx::sealed {
namespace {

using test::FaultFileSystem;
using test::read_file;
using test::TempDir;
using test::write_file;
using testing::HasSubstr;

std::string noise(std::size_t size, unsigned seed) {
  std::mt19937 random(seed);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

struct Sealed : testing::Test {
  TempDir dir;
  std::shared_ptr<const Identity> alice = Identity::generate(), bob = Identity::generate();
  SealedFiles writing{real_file_system(), {alice->recipient()}, {}};
  SealedFiles reading{real_file_system(), {}, {alice}};

  /// A file of these pieces, one block each where they are small.
  std::filesystem::path make(const std::string& name, const std::vector<std::string>& pieces, bool complete = true) {
    const auto path = dir / name;
    auto file = writing.open(path, OpenMode::create_new).value();
    for (const std::string& piece : pieces) EXPECT_TRUE(write_all(*file, as_bytes(piece)));
    if (complete) {
      EXPECT_TRUE(rtpx::complete(*file));
    }
    return path;
  }
  Result<std::string> open(const std::filesystem::path& path) { return read_whole_file(reading, path); }
  std::vector<Finding> findings(const std::filesystem::path& path) {
    return SealedFiles::findings_of(**reading.open(path, OpenMode::read));
  }
  /// Where the blocks of a healthy file lie, headers and all; the end block is the last.
  std::vector<std::pair<std::size_t, std::size_t>> blocks(const std::string& bytes) {
    std::vector<std::pair<std::size_t, std::size_t>> out;
    std::size_t at = *file_header_bytes(as_bytes(bytes).first(FileHeader::kFixedBytes));
    while (const auto header = parse_block_header(as_bytes(bytes).subspan(at))) {
      out.emplace_back(at, BlockHeader::kBytes + header->length);
      at += out.back().second;
    }
    return out;
  }
};

TEST_F(Sealed, WhatIsWrittenComesBack) {
  const std::string text = noise(300'000, 1);
  const auto path = make("a", {text});
  EXPECT_EQ(open(path).value(), text);
  EXPECT_EQ(read_file(path).find(text.substr(0, 16)), std::string::npos);
  EXPECT_TRUE(findings(path).empty());
}

TEST_F(Sealed, AnyStretchCanBeRead) {
  std::vector<std::string> pieces;
  std::string text;
  for (unsigned i = 0; i < 40; ++i) text += pieces.emplace_back(noise(1 + i * 977 % 70'000, i));
  const auto path = make("a", pieces);
  const auto file = reading.open(path, OpenMode::read).value();
  EXPECT_EQ(file->size().value(), text.size());
  std::mt19937 random(7);
  for (int i = 0; i < 300; ++i) {
    const std::size_t offset = random() % (text.size() + 100), length = random() % 200'000;
    std::vector<std::byte> to(length);
    const auto got = file->pread(to, offset);
    ASSERT_TRUE(got) << got.error().message;
    const std::string expected = offset < text.size() ? text.substr(offset, length) : "";
    ASSERT_EQ(std::string(as_text(Bytes(to).first(*got))), expected) << offset << " " << length;
  }
}

TEST_F(Sealed, AFileIsOpenedAgainToGrowWhileItsKeyIsKept) {
  const auto path = dir / "a";
  for (const char* piece : {"one ", "two ", "three"}) {
    auto file = writing.open(path, std::filesystem::exists(path) ? OpenMode::read_write : OpenMode::create_new).value();
    ASSERT_TRUE(write_all(*file, as_bytes(piece)));
  }
  EXPECT_EQ(open(path).value(), "one two three") << "it can be read while it grows";
  EXPECT_EQ(read_whole_file(writing, path).value(), "one two three") << "by its writer, without any identity";
  ASSERT_TRUE(rtpx::complete(*writing.open(path, OpenMode::read_write).value()));
  EXPECT_FALSE(read_whole_file(writing, path)) << "whose key is gone with the end";
  EXPECT_FALSE(write_all(*writing.open(path, OpenMode::read_write).value(), as_bytes("four")));
  EXPECT_EQ(open(path).value(), "one two three");
}

TEST_F(Sealed, OnlyRecipientsOpenIt) {
  SealedFiles both(real_file_system(), {alice->recipient(), bob->recipient()}, {});
  ASSERT_TRUE(write_file_atomically(both, dir / "both", as_bytes("for two")));
  const auto path = make("a", {"for one"});
  SealedFiles strangers(real_file_system(), {}, {Identity::generate()});
  SealedFiles nobody(real_file_system(), {}, {});
  SealedFiles bobs(real_file_system(), {}, {Identity::generate(), bob});
  EXPECT_EQ(read_whole_file(bobs, dir / "both").value(), "for two");
  for (SealedFiles* files : {&strangers, &nobody, &bobs}) {
    const auto refused = read_whole_file(*files, path);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, Errc::unsupported);
    EXPECT_THAT(refused.error().message, HasSubstr("is sealed for " + alice->recipient().text()));
  }
}

TEST_F(Sealed, CutShorterItEndsThereForGood) {
  const auto path = dir / "a";
  auto file = writing.open(path, OpenMode::create_new).value();
  ASSERT_TRUE(write_all(*file, as_bytes(noise(1000, 1))));
  ASSERT_TRUE(write_all(*file, as_bytes(noise(1000, 2))));
  ASSERT_TRUE(file->truncate(1500));
  EXPECT_EQ(open(path).value(), noise(1000, 1) + noise(1000, 2).substr(0, 500));
  EXPECT_FALSE(write_all(*file, as_bytes("more")));
}

TEST_F(Sealed, ABlockMovedRepeatedTakenAwayOrFromAnotherFileIsNamed) {
  std::vector<std::string> pieces;
  std::string text;
  for (unsigned i = 0; i < 8; ++i) text += pieces.emplace_back(noise(1000 + i, i));
  const auto path = make("a", pieces), other = make("b", pieces);
  const std::string healthy = read_file(path), foreign = read_file(other);
  const auto at = blocks(healthy);
  ASSERT_EQ(at.size(), 9U);
  const auto block = [&](const std::string& from, std::size_t i) { return from.substr(at[i].first, at[i].second); };
  const auto told = [&](const std::string& bytes) {
    write_file(path, bytes);
    std::string all;
    for (const Finding& finding : findings(path)) all += text_of(finding) + "\n";
    return all;
  };
  const auto swapped = healthy.substr(0, at[3].first) + block(healthy, 5) + block(healthy, 4) + block(healthy, 3) +
                       healthy.substr(at[6].first);
  EXPECT_THAT(told(swapped), HasSubstr("was moved"));
  EXPECT_EQ(open(path).value(), text) << "moved blocks are found where they are";
  EXPECT_THAT(told(healthy.substr(0, at[6].first) + block(healthy, 2) + healthy.substr(at[6].first)),
              HasSubstr("block 2 at byte " + std::to_string(at[6].first) + " is there a second time"));
  EXPECT_EQ(open(path).value(), text);
  EXPECT_THAT(told(healthy.substr(0, at[2].first) + healthy.substr(at[3].first)),
              HasSubstr("block 2 is missing at byte " + std::to_string(at[2].first)));
  EXPECT_FALSE(open(path));
  EXPECT_THAT(told(healthy.substr(0, at[2].first) + block(foreign, 2) + healthy.substr(at[3].first)),
              HasSubstr("block 2 at byte " + std::to_string(at[2].first) + " belongs to another file"));
  EXPECT_THAT(told(healthy + "more"), HasSubstr("behind the end"));
  EXPECT_THAT(told(healthy.substr(0, at[7].first + 100)), HasSubstr("torn block"));
  EXPECT_EQ(open(path).value(), text.substr(0, text.size() - pieces[7].size()));
}

TEST_F(Sealed, WhoHoldsNoKeyCannotForgeABlockOrAnEnd) {
  const auto path = make("a", {noise(1000, 1), noise(1000, 2)});
  const std::string healthy = read_file(path);
  const auto at = blocks(healthy);
  std::byte head[BlockHeader::kBytes];
  // The end, moved forward, with a right checksum.
  BlockHeader end = *parse_block_header(as_bytes(healthy).subspan(at[2].first));
  end.number = 1;
  end.offset = 1000;
  serialize(end, head);
  write_file(path, healthy.substr(0, at[1].first) + std::string(as_text(head)) + healthy.substr(at[2].first + at[2].second));
  EXPECT_EQ(open(path).value(), noise(1000, 1));
  EXPECT_FALSE(findings(path).empty()) << "the end is not what was sealed";
  // A block that claims to lie far away.
  BlockHeader far = *parse_block_header(as_bytes(healthy).subspan(at[1].first));
  far.number = 7;
  far.offset = 1ULL << 50;
  serialize(far, head);
  write_file(path, healthy.substr(0, at[1].first) + std::string(as_text(head)) +
                       healthy.substr(at[1].first + sizeof head, 1000));
  EXPECT_EQ(reading.open(path, OpenMode::read).value()->size().value(), 1000U);
  // Changed content, with a right checksum.
  std::string changed = healthy;
  changed[at[1].first + BlockHeader::kBytes] ^= 1;
  BlockHeader same = *parse_block_header(as_bytes(healthy).subspan(at[1].first));
  same.crc = crc32c(as_bytes(changed).subspan(at[1].first + BlockHeader::kBytes, 1000));
  serialize(same, head);
  changed.replace(at[1].first, sizeof head, as_text(head));
  write_file(path, changed);
  const auto opened = open(path);
  ASSERT_FALSE(opened);
  EXPECT_THAT(opened.error().message, HasSubstr("somebody has changed it"));
}

TEST_F(Sealed, ADamagedHeaderIsReadFromItsCopyAtTheEnd) {
  const auto path = make("a", {noise(5000, 1)});
  std::string bytes = read_file(path);
  std::fill_n(bytes.begin(), 512, '\0');
  write_file(path, bytes);
  EXPECT_EQ(open(path).value(), noise(5000, 1));
}

// Whatever happens to a file: what can be read is what was written there, or nothing.
TEST_F(Sealed, RandomDamageNeverYieldsOtherBytes) {
  std::vector<std::string> pieces;
  std::string text;
  for (unsigned i = 0; i < 30; ++i) text += pieces.emplace_back(noise(200 + i * 37 % 3000, i));
  const auto path = make("a", pieces);
  const std::string healthy = read_file(path);
  for (unsigned seed = 0; seed < test::seeds(); ++seed) {
    std::mt19937 random(seed);
    write_file(path, test::damage(healthy, random).bytes);
    SealedFiles fresh(real_file_system(), {}, {alice});
    const auto file = fresh.open(path, OpenMode::read);
    if (!file) continue;  // its header is gone
    if (!SealedFiles::is_sealed(**file)) continue;
    const std::uint64_t size = (*file)->size().value();
    ASSERT_LE(size, text.size()) << seed;
    std::vector<std::byte> piece(100);
    for (std::uint64_t at = 0; at < size; at += piece.size()) {
      const auto got = (*file)->pread(piece, at);
      if (got) {
        ASSERT_EQ(as_text(Bytes(piece).first(*got)), std::string_view(text).substr(at, *got)) << seed << " " << at;
      }
    }
    const auto read = read_whole_file(fresh, path);
    const auto damaged = SealedFiles::findings_of(**file);
    EXPECT_TRUE((read && *read == text) || !damaged.empty() || !read || size < text.size()) << seed;
  }
}

TEST(SealedDisk, AShortWriteIsABlockOrNothing) {
  const auto alice = Identity::generate();
  FaultFileSystem disk;
  SealedFiles writing(disk, {alice->recipient()}, {});
  SealedFiles reading(disk, {}, {alice});
  ASSERT_TRUE(disk.create_directory("/disk"));
  auto file = writing.open("/disk/a", OpenMode::create_new).value();
  ASSERT_TRUE(write_all(*file, as_bytes(noise(5000, 1))));
  disk.set_capacity(disk.used_bytes() + 3000);
  const auto full = write_all(*file, as_bytes(noise(5000, 2)));
  ASSERT_FALSE(full);
  EXPECT_EQ(full.error().code, Errc::no_space);
  EXPECT_EQ(file->size().value(), 5000U);
  EXPECT_EQ(read_whole_file(reading, "/disk/a").value(), noise(5000, 1));
  disk.set_capacity(1U << 30);
  ASSERT_TRUE(write_all(*file, as_bytes(noise(5000, 3))));
  EXPECT_EQ(read_whole_file(reading, "/disk/a").value(), noise(5000, 1) + noise(5000, 3));
}

}  // namespace
}  // namespace rtpx::sealed
