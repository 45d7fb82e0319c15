#include "base/recent_files.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <random>

#include "base/decoded_file.hpp"
#include "support/captures.hpp"
#include "support/growing_recording.hpp"

namespace rtpx {
namespace {

namespace fs = std::filesystem;
using test::TempDir;

std::shared_ptr<FileSystem> real_files() {
  return {std::shared_ptr<void>(), &real_file_system()};
}

std::string read(FileSystem& files, const fs::path& path, std::uint64_t offset, std::size_t bytes) {
  const auto file = files.open(path, OpenMode::read).value();
  std::string out(bytes, '\0');
  out.resize(file->pread(std::as_writable_bytes(std::span(out)), offset).value());
  return out;
}

void append(const fs::path& path, const std::string& text) {
  std::ofstream(path, std::ios::binary | std::ios::app) << text;
}

TEST(RecentFiles, AnswerWhatIsThereWhereverItIsRead) {
  const TempDir folder;
  std::mt19937 random(1);
  RecentFiles files(real_files(), std::make_shared<RecentBytes>(5'000));
  std::string all[2];
  for (int i = 0; i < 3'000; ++i) {
    const std::size_t which = random() % 2;
    const fs::path path = folder / std::to_string(which);
    std::string text(random() % 200, '\0');
    std::ranges::generate(text, [&] { return static_cast<char>(random()); });
    append(path, text);
    all[which] += text;
    const std::size_t offset = random() % 3 == 0 ? random() % (all[which].size() + 10)
                                                 : all[which].size() - std::min<std::size_t>(all[which].size(), random() % 400);
    const std::size_t bytes = random() % 3'000;
    ASSERT_EQ(read(files, path, offset, bytes),
              offset < all[which].size() ? all[which].substr(offset, bytes) : std::string())
        << i;
  }
}

TEST(RecentFiles, ReadTheEndOnce) {
  const TempDir folder;
  RecentFiles files(real_files(), std::make_shared<RecentBytes>(1U << 20));
  constexpr int kSteps = 50;
  const std::string text(10'000, 'x');
  const std::uint64_t before = test::bytes_read();
  for (int i = 1; i <= kSteps; ++i) {
    append(folder / "a", text);
    const std::uint64_t end = static_cast<std::uint64_t>(i) * text.size();
    for (int again = 0; again < 4; ++again)
      ASSERT_EQ(read(files, folder / "a", end - text.size(), 1U << 17).size(), text.size());
  }
  EXPECT_LT(test::bytes_read() - before, kSteps * text.size() * 11 / 10);
}

TEST(RecentFiles, AFileThatBecameShorterIsAnotherOne) {
  const TempDir folder;
  RecentFiles files(real_files(), std::make_shared<RecentBytes>(1'000));
  append(folder / "a", "what was there before");
  EXPECT_EQ(read(files, folder / "a", 0, 100), "what was there before");
  test::write_file(folder / "a", "what is now");
  EXPECT_EQ(read(files, folder / "a", 0, 100), "what is now");
}

TEST(RecentFiles, HolesAreNotSoughtAndNothingIsWritten) {
  const TempDir folder;
  RecentFiles files(real_files(), std::make_shared<RecentBytes>(1'000));
  append(folder / "a", "text");
  const auto file = files.open(folder / "a", OpenMode::read).value();
  EXPECT_FALSE(as_stored(*file));
  EXPECT_EQ(unit_end(*file, 5'000), 8'192U);
  EXPECT_FALSE(file->truncate(0));
  EXPECT_FALSE(files.open(folder / "a", OpenMode::append));
  EXPECT_FALSE(files.remove(folder / "a"));
  EXPECT_EQ(fs::file_size(folder / "a"), 4U);
}

}  // namespace
}  // namespace rtpx
