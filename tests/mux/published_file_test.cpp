#include "mux/published_file.hpp"

#include <gtest/gtest.h>

#include <string>

#include "support/fault_file_system.hpp"

namespace rtpx {
namespace {

using test::FaultFileSystem;

constexpr const char* kPath = "/out/a.file";

Bytes bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

/// 0, 1, 2, … with a period that no block size divides.
std::string counting(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i % 251);
  return text;
}

struct Out {
  FaultFileSystem files;
  std::unique_ptr<PublishedFile> file;
  Out() {
    EXPECT_TRUE(files.create_directories("/out"));
    file = *PublishedFile::create(kPath, files);
  }
};

TEST(PublishedFileBuffer, PiecesOfAnySizeMakeTheWhole) {
  const std::string whole = counting(5 * PublishedFile::kBuffer + 4321);
  for (const std::size_t piece : {std::size_t{1'000}, PublishedFile::kBlock - 1, PublishedFile::kBlock,
                                  PublishedFile::kBuffer + 1, whole.size()}) {
    Out out;
    for (std::size_t at = 0; at < whole.size(); at += piece) {
      ASSERT_TRUE(out.file->append(bytes_of(whole.substr(at, piece))));
      EXPECT_LE(out.file->room(), PublishedFile::kBuffer);
    }
    EXPECT_EQ(out.file->position(), whole.size());
    ASSERT_TRUE(out.file->publish());
    EXPECT_TRUE(out.files.content(kPath) == whole) << piece;
  }
}

TEST(PublishedFileBuffer, APatchReachesWhatIsWrittenAndWhatIsNot) {
  constexpr std::size_t kSize = 3 * PublishedFile::kBuffer;
  for (const std::size_t at : {std::size_t{0}, PublishedFile::kBlock - 3, kSize - PublishedFile::kBuffer - 3,
                               kSize - PublishedFile::kBlock - 3, kSize - 7}) {
    Out out;
    std::string whole = counting(kSize);
    ASSERT_TRUE(out.file->append(bytes_of(whole)));
    ASSERT_TRUE(out.file->patch(at, bytes_of("PATCHED")));
    whole.replace(at, 7, "PATCHED");
    ASSERT_TRUE(out.file->publish());
    EXPECT_TRUE(out.files.content(kPath) == whole) << at;
  }
}

TEST(PublishedFileBuffer, WholeBlocksMakeRoomAndTheRestStays) {
  Out out;
  ASSERT_TRUE(out.file->append(bytes_of(counting(PublishedFile::kBlock + 100))));
  ASSERT_TRUE(out.file->write_blocks());
  EXPECT_EQ(out.file->room(), PublishedFile::kBuffer - 100);
}

TEST(PublishedFileBuffer, SpaceTakenAheadIsGivenBack) {
  constexpr std::size_t kSize = 6U << 20;
  for (const std::uint64_t capacity : {std::uint64_t{200} << 20, std::uint64_t{kSize} + 1000}) {
    Out out;  // the second disk has no room for taking much ahead, and just enough for the file
    out.files.set_capacity(capacity);
    ASSERT_TRUE(out.file->append(bytes_of(counting(kSize))));
    ASSERT_TRUE(out.file->publish());
    EXPECT_EQ(out.files.used_bytes(), kSize);
  }
}

}  // namespace
}  // namespace rtpx
