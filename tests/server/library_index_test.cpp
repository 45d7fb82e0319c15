// The index of the library: what it finds, and that the folders alone are the truth.
#include "server/library/library_index.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"

namespace rtpx::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
namespace fs = std::filesystem;

class LibraryIndexTest : public testing::Test {
 protected:
  LibraryIndexTest() { fs::create_directories(base_); }
  ~LibraryIndexTest() override { fs::remove_all(base_); }

  void add(const std::string& id, const std::string& name, const std::vector<std::string>& labels = {},
           const std::map<std::string, std::string>& metadata = {}, std::size_t bytes = 0) const {
    fs::create_directories(base_ / id);
    const nlohmann::json info = {{"format", {{"major", 1}, {"minor", 0}}},
                                 {"name", name},
                                 {"created", "2026-11-" + id.substr(0, 2) + "T10:00:00.000000Z"},
                                 {"conversion", {{"state", "done"}}},
                                 {"labels", labels},
                                 {"metadata", metadata}};
    std::ofstream(base_ / id / "recording.json") << info;
    std::ofstream(base_ / id / "video.rtpx") << std::string(bytes, 'x');
  }

  static std::vector<std::string> ids_of(const LibraryPage& page) {
    std::vector<std::string> out;
    for (const LibraryRow& row : page.rows) out.push_back(row.id);
    return out;
  }
  static std::vector<std::string> find(LibraryIndex& index, const LibraryQuery& query) {
    const auto page = index.find(query);
    if (!page) return {page.error().message};
    return ids_of(*page);
  }
  static std::vector<std::string> search(LibraryIndex& index, const std::string& words) {
    return find(index, LibraryQuery{.words = words});
  }


  const fs::path base_ = fs::temp_directory_path() / ("rtpx-index-" + std::to_string(::getpid()));
  const fs::path file_ = base_ / LibraryIndex::kFileName;
  Library library_{base_};
};

TEST_F(LibraryIndexTest, FindsByTheBeginningsOfWordsWhateverTheirCaseAndAccents) {
  add("01-a", "Müller and Straße", {"daily stand-up"}, {{"room", "Zürich"}});
  add("02-b", "weekly", {"Team"}, {{"ticket", "RTC-1234"}});
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  EXPECT_THAT(search(index, "muller"), ElementsAre("01-a"));
  EXPECT_THAT(search(index, "MÜLL stand"), ElementsAre("01-a"));
  EXPECT_THAT(search(index, "zur"), ElementsAre("01-a"));
  EXPECT_THAT(search(index, "rtc-12"), ElementsAre("02-b"));
  EXPECT_THAT(search(index, "02-b"), ElementsAre("02-b"));
  EXPECT_THAT(search(index, "weekly muller"), IsEmpty());
  EXPECT_THAT(search(index, ""), ElementsAre("02-b", "01-a"));
}

TEST_F(LibraryIndexTest, WordsAreNothingButWords) {
  add("01-a", "one");
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  for (const char* words : {"\"", "one\" OR \"x", "NEAR(one", "text:one", "-", "*", "^one", "'; DROP TABLE recordings; --", "(((", "\xff\xfe"})
    (void)search(index, words);
  EXPECT_THAT(search(index, std::string("o\0ne", 4)), ElementsAre("01-a"));
  EXPECT_THAT(search(index, "one OR two"), IsEmpty());
  EXPECT_THAT(search(index, "--"), IsEmpty());
  EXPECT_THAT(search(index, "one"), ElementsAre("01-a"));
}

TEST_F(LibraryIndexTest, PagesHaveEveryRecordingOnceInEachOrder) {
  for (int i = 10; i < 30; ++i)
    add(std::to_string(i) + "-x", "name/" + std::to_string(i * 7 % 5) + " ä&=", {}, {}, static_cast<std::size_t>(i % 3));
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  using Order = LibraryQuery::Order;
  for (const Order order : {Order::created, Order::name, Order::bytes, Order::duration})
    for (const bool descending : {false, true}) {
      LibraryQuery query{.order = order, .descending = descending, .limit = 500};
      const auto all = find(index, query);
      ASSERT_EQ(all.size(), 20U);
      std::vector<std::string> paged;
      query.limit = 3;
      do {
        const auto page = index.find(query);
        ASSERT_TRUE(page) << page.error().message;
        EXPECT_EQ(page->total, 20U);
        for (const LibraryRow& row : page->rows) paged.push_back(row.id);
        query.after = page->next;
        ASSERT_LE(paged.size(), all.size());
      } while (!query.after.empty());
      EXPECT_EQ(paged, all);
    }
  EXPECT_FALSE(index.find({.after = "nonsense"}));
  EXPECT_FALSE(index.find({.after = "x/10-x"}));
}

TEST_F(LibraryIndexTest, FiltersByLabelsStateAndTime) {
  add("01-a", "a", {"red", "blue"});
  add("02-b", "b", {"red"});
  add("03-c", "c");
  ASSERT_TRUE(library_.set_conversion("03-c", {"failed", "because"}));
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  EXPECT_THAT(find(index, {.labels = {"red"}}), ElementsAre("02-b", "01-a"));
  EXPECT_THAT(find(index, {.labels = {"red", "blue"}}), ElementsAre("01-a"));
  EXPECT_THAT(find(index, {.states = {RecordingState::failed}}), ElementsAre("03-c"));
  EXPECT_THAT(find(index, {.from = parse_utc("2026-11-02T10:00:00Z"), .until = parse_utc("2026-11-03T10:00:00Z")}),
              ElementsAre("02-b"));
  EXPECT_THAT(index.labels(10), ElementsAre(Pair("red", 2U), Pair("blue", 1U)));
}

TEST_F(LibraryIndexTest, FollowsWhatComesGoesAndIsTouched) {
  add("01-a", "first");
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  EXPECT_THAT(search(index, ""), ElementsAre("01-a"));
  add("02-b", "second");  // by somebody else
  EXPECT_THAT(search(index, "second"), ElementsAre("02-b"));
  fs::rename(base_ / "02-b", base_ / "03-c");
  EXPECT_THAT(search(index, "second"), ElementsAre("03-c"));
  fs::remove_all(base_ / "03-c");
  EXPECT_THAT(search(index, "second"), IsEmpty());
  ASSERT_TRUE(library_.describe("01-a", [](Description& one) { one.name = "renamed"; }));
  index.touch("01-a");
  EXPECT_THAT(search(index, "renamed"), ElementsAre("01-a"));
  EXPECT_THAT(search(index, "first"), IsEmpty());
  fs::create_directory(base_ / "04-d");  // no recording yet
  EXPECT_THAT(search(index, ""), ElementsAre("01-a"));
  add("04-d", "later");
  EXPECT_THAT(search(index, ""), ElementsAre("04-d", "01-a"));
}

TEST_F(LibraryIndexTest, WhatChangedWhileNobodyLookedIsFoundAtTheNextStart) {
  add("01-a", "first");
  add("02-b", "second");
  { EXPECT_EQ(LibraryIndex(library_, [](const RecordingEntry& entry) { return entry.state; }).size(), 2U); }
  ASSERT_TRUE(library_.describe("01-a", [](Description& one) { one.name = "other"; }));
  fs::remove_all(base_ / "02-b");
  add("03-c", "third");
  LibraryIndex again(library_, [](const RecordingEntry& entry) { return entry.state; });
  EXPECT_THAT(search(again, ""), ElementsAre("03-c", "01-a"));
  EXPECT_THAT(search(again, "other"), ElementsAre("01-a"));
}

// Truncated, overwritten in the middle, no database at all, a folder in its place, of another version.
TEST_F(LibraryIndexTest, ADamagedFileIsMadeAnew) {
  for (int i = 10; i < 40; ++i) add(std::to_string(i % 28 + 1) + "-" + std::to_string(i), "recording number " + std::to_string(i));
  const auto is_whole = [&] {
    LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
    EXPECT_EQ(index.size(), 30U);
    EXPECT_THAT(search(index, "number 39"), testing::SizeIs(1));
  };
  is_whole();
  const auto size = fs::file_size(file_);
  ASSERT_GT(size, 8'192U);
  for (std::uintmax_t at = 0; at < size; at += 1'531) {
    std::fstream file(file_, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(at));
    file << std::string(700, '\x5a');
    file.close();
    is_whole();
  }
  fs::resize_file(file_, fs::file_size(file_) / 2);
  is_whole();
  std::ofstream(file_) << "this is no database";
  is_whole();
  fs::remove(file_);
  is_whole();
  fs::remove(file_);
  fs::create_directory(file_);
  std::ofstream(file_ / "in the way") << "x";
  is_whole();  // from memory
  fs::remove_all(file_);
  fs::create_symlink("/etc/passwd", file_);
  is_whole();
}

TEST_F(LibraryIndexTest, AFileThatIsSpoiledWhileItIsInUseIsMadeAnew) {
  for (int i = 10; i < 40; ++i) add(std::to_string(i % 28 + 1) + "-" + std::to_string(i), "recording");
  LibraryIndex index(library_, [](const RecordingEntry& entry) { return entry.state; });
  EXPECT_EQ(index.size(), 30U);
  for (const char* name : {".rtpx-index", ".rtpx-index-wal"}) std::ofstream(base_ / name) << std::string(10'000, '\x5a');
  add("01-new", "added");
  EXPECT_THAT(search(index, "added"), ElementsAre("01-new"));
  EXPECT_EQ(index.size(), 31U);
}

}  // namespace
}  // namespace rtpx::server
