#pragma once

#include <chrono>
#include <filesystem>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "server/library/folder_watch.hpp"
#include "server/library/library.hpp"
#include "server/library/sqlite.hpp"

namespace rtpx::server {

/// What is asked of the library. What is empty asks for nothing.
struct LibraryQuery {
  enum class Order : std::uint8_t { created, name, bytes, duration };

  std::string words;  ///< each begins a word of the name, a label, a value of the metadata, a participant or the id
  std::vector<std::string> labels;  ///< it has all of these
  std::vector<RecordingState> states;  ///< it is in one of these
  std::optional<UtcTime> from, until;  ///< recorded in this time, `until` not included
  Order order = Order::created;
  bool descending = true;
  std::size_t limit = 100;
  std::string after;  ///< LibraryPage::next of the page before
};

/// What the index knows of a recording; its folder may know better.
struct LibraryRow {
  std::string id, name;
  RecordingState state = RecordingState::waiting;
  std::uint64_t bytes = 0;
  UtcTime created{};
};

struct LibraryPage {
  std::vector<LibraryRow> rows;
  std::uint64_t total = 0;  ///< over all pages
  std::string next;         ///< empty: this is the last page
};

/// Finds recordings of a base folder by an SQLite database in it, `.rtpx-index`: a question costs what its
/// answer shows, however many recordings there are. The folders alone are the truth: the file may be deleted
/// or damaged at any time and is made anew from them; where it cannot be written, the index is in memory.
/// Follows what touch() tells and what comes into the base folder or leaves it. Thread-safe.
class LibraryIndex {
 public:
  using StateOf = std::function<RecordingState(const RecordingEntry& entry)>;

  LibraryIndex(const Library& library, StateOf state_of);

  /// A recording may be another than before: it is read again before the next answer.
  void touch(const std::string& id);
  /// Errors: invalid_argument for an `after` that is none of ours; io.
  [[nodiscard]] Result<LibraryPage> find(const LibraryQuery& query);
  /// Ids of those whose conversion or upload waits, runs or was never asked for.
  [[nodiscard]] std::vector<std::string> unfinished();
  /// All of them, oldest first.
  [[nodiscard]] std::vector<LibraryRow> oldest_first();
  /// The labels in use, the most frequent first, and how many recordings have each.
  [[nodiscard]] std::vector<std::pair<std::string, std::uint64_t>> labels(std::size_t most);
  /// How many recordings there are.
  [[nodiscard]] std::uint64_t size();

  static constexpr const char* kFileName = ".rtpx-index";

 private:
  using Clock = std::chrono::steady_clock;

  void open();
  void open_in_memory();
  void refresh();
  void read_all();
  void read(const std::string& id, const std::string& stamp);
  void forget(const std::string& id);
  [[nodiscard]] std::string stamp_of(const std::string& id) const;
  /// nullopt: there is no database, not even in memory.
  template <typename Ask>
  auto answer(const Ask& ask) -> std::optional<decltype(ask(std::declval<SqliteDatabase&>()))>;

  const Library& library_;
  StateOf state_of_;
  FolderWatch watch_;

  std::mutex touching_;
  std::set<std::string> touched_;
  bool all_touched_ = false;

  std::mutex mutex_;  // of what follows
  std::optional<SqliteDatabase> database_;
  Clock::time_point read_all_at_;
  std::map<std::string, Clock::time_point> coming_;  // folders that are no recordings yet, and since when
};

}  // namespace rtpx::server
