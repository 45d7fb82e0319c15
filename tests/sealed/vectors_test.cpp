// Files that do not change, made by a writer in Python: what was sealed once is opened for ever. And a reader in Python
// opens what this one seals.
#include <gtest/gtest.h>

#include <random>

#include "base/crc32c.hpp"
#include "rtpx/sealed.hpp"
#include "sealed/sealing_file.hpp"
#include "support/captures.hpp"
#include "support/child.hpp"
#include "support/places.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using namespace sealed;
using test::read_file;

const fs::path& vectors() {
  static const fs::path folder = test::source_dir() / "tests/data/sealed";
  return folder;
}

TEST(SealedVectors, AreOpened) {
  const auto identity = Identity::load(vectors() / "alice.identity");
  ASSERT_TRUE(identity) << identity.error().message;
  EXPECT_EQ((*identity)->recipient(), Recipient::parse(read_file(vectors() / "alice.pub")));
  const test::TempDir dir;
  for (const char* name : {"one", "several", "growing", "cut", "seals", "aes"}) {
    const std::string file = std::string(name) + ".sealed";
    const auto opened = open_sealed(vectors() / file, dir / name, {*identity});
    ASSERT_TRUE(opened) << name << ": " << opened.error().message;
    EXPECT_TRUE(opened->whole()) << name;
    EXPECT_EQ(read_file(dir / name / file), read_file(vectors() / (std::string(name) + ".plain"))) << name;
  }
}

void write_sealed(const fs::path& path, const std::string& content, std::span<const Recipient> recipients,
                  Cipher cipher) {
  auto raw = real_file_system().open(path, OpenMode::create_new);
  auto sealing = begin_sealing(recipients, cipher);
  ASSERT_TRUE(raw && sealing);
  SealingFile file(std::move(*raw), path, *sealing, [] {});
  ASSERT_TRUE(write_all(file, as_bytes(content)));
  ASSERT_TRUE(file.complete());
}

TEST(SealedVectors, ABlockThatWasChangedOpensWithNoCipher) {
  const test::TempDir dir;
  const auto identity = Identity::generate();
  const Recipient recipients[] = {identity->recipient()};
  for (const Cipher cipher : {Cipher::xchacha20_poly1305, Cipher::aes_256_gcm}) {
    write_sealed(dir / "file", std::string(5000, 'p'), recipients, cipher);
    std::string bytes = read_file(dir / "file");
    const std::size_t block = FileHeader().bytes() + FileHeader::kFewestPlaces * FileHeader::kPlaceBytes;
    auto header = parse_block_header(as_bytes(bytes).subspan(block));
    ASSERT_TRUE(header);
    char& changed = bytes[block + BlockHeader::kBytes + 4000];
    changed = static_cast<char>(changed ^ 1);
    header->crc = crc32c(as_bytes(bytes).subspan(block + BlockHeader::kBytes, 5000));  // which anybody can make right
    serialize(*header, std::as_writable_bytes(std::span(bytes)).data() + block);
    test::write_file(dir / "file", bytes);
    const auto opened = open_sealed(dir / "file", dir / "plain", {identity});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_FALSE(opened->whole());
    EXPECT_EQ(read_file(dir / "plain" / "file"), std::string(5000, '\0'));
    fs::remove(dir / "file");
    fs::remove_all(dir / "plain");
  }
}

// Packets come as the recorder has gathered them: pieces of any length, which no block and no cipher begins with.
TEST(SealedVectors, PiecesOfAnyLengthMakeOneStretch) {
  const test::TempDir dir;
  const auto identity = Identity::generate();
  const Recipient recipients[] = {identity->recipient()};
  std::mt19937 random(6);
  std::string content(700'000, '\0');
  for (char& c : content) c = static_cast<char>(random());
  for (const Cipher cipher : {Cipher::xchacha20_poly1305, Cipher::aes_256_gcm}) {
    auto raw = real_file_system().open(dir / "file", OpenMode::create_new);
    auto sealing = begin_sealing(recipients, cipher);
    ASSERT_TRUE(raw && sealing);
    SealingFile file(std::move(*raw), dir / "file", *sealing, [] {});
    std::vector<Bytes> parts;
    constexpr std::size_t kLengths[] = {0, 1, 15, 17, 95, 97, 1113, 12'287, 12'289, 40'000, 70'000};
    for (Bytes left = as_bytes(content); !left.empty();) {
      parts.push_back(left.first(std::min(kLengths[random() % std::size(kLengths)], left.size())));
      left = left.subspan(parts.back().size());
    }
    std::uint64_t written = 0;
    ASSERT_TRUE(write_all(file, parts, written));
    EXPECT_EQ(written, content.size());
    ASSERT_TRUE(file.complete());
    const auto opened = open_sealed(dir / "file", dir / "plain", {identity});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_TRUE(opened->whole());
    EXPECT_TRUE(read_file(dir / "plain" / "file") == content);
    fs::remove(dir / "file");
    fs::remove_all(dir / "plain");
  }
}

TEST(SealedVectors, AnotherReaderOpensWhatIsSealedHere) {
  const test::TempDir dir;
  const auto identity = Identity::generate();
  const Recipient recipients[] = {Identity::generate()->recipient(), identity->recipient()};
  test::write_file(dir / "identity", identity->text().value());
  std::mt19937 random(5);
  for (const std::size_t size : {1U, 65'535U, 65'536U, 65'537U, 200'000U}) {
    std::string content(size, '\0');
    for (char& c : content) c = static_cast<char>(random());
    for (const Cipher cipher : {Cipher::xchacha20_poly1305, Cipher::aes_256_gcm}) {
      write_sealed(dir / "file", content, recipients, cipher);
      EXPECT_EQ(read_file(dir / "file").substr(12, 2), std::string({'\0', static_cast<char>(cipher)}));
      const auto read = test::run_program({"python3", test::source_dir() / "tests/sealed/unseal.py", dir / "identity", dir / "file"});
      ASSERT_EQ(read.status, 0) << read.err;
      EXPECT_EQ(read.err, "") << "it is complete";
      EXPECT_TRUE(read.out == content) << size;
      fs::remove(dir / "file");
    }
  }
}

}  // namespace
}  // namespace rtpx
