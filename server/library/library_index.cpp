#include "server/library/library_index.hpp"

#include <sys/stat.h>

#include <algorithm>
#include <charconv>

#include "server/http/target.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr const char* kSchemaVersion = "1";  // another one: the file is made anew
constexpr const char* kSchema = R"(
CREATE TABLE recordings(number INTEGER PRIMARY KEY, id TEXT UNIQUE NOT NULL, stamp TEXT NOT NULL,
  state INTEGER NOT NULL, unfinished INTEGER NOT NULL, name TEXT NOT NULL, created INTEGER NOT NULL,
  bytes INTEGER NOT NULL, duration INTEGER NOT NULL);
CREATE INDEX by_created ON recordings(created, id);
CREATE INDEX by_name ON recordings(name COLLATE NOCASE, id);
CREATE INDEX by_bytes ON recordings(bytes, id);
CREATE INDEX by_duration ON recordings(duration, id);
CREATE INDEX by_unfinished ON recordings(id) WHERE unfinished;
CREATE TABLE labels(number INTEGER NOT NULL, label TEXT NOT NULL);
CREATE INDEX by_label ON labels(label, number);
CREATE INDEX labels_of ON labels(number);
CREATE VIRTUAL TABLE words USING fts5(text, tokenize='unicode61 remove_diacritics 2', prefix='2 3');
PRAGMA user_version = 1;
)";

constexpr std::size_t kMostTouchedRows = 10'000;  // beyond, all are compared
constexpr std::size_t kMostComing = 100;
constexpr auto kComesFor = 10min;
constexpr auto kBetweenReadings = 60s;  // where the kernel does not tell what comes and goes
constexpr std::size_t kMostWords = 16;

/// The column, and how it is compared.
const char* column_of(LibraryQuery::Order order) {
  switch (order) {
    case LibraryQuery::Order::created:
      return "created";
    case LibraryQuery::Order::name:
      return "name COLLATE NOCASE";
    case LibraryQuery::Order::bytes:
      return "bytes";
    case LibraryQuery::Order::duration:
      return "duration";
  }
  return "created";
}

/// FTS5's expression: each word as a quoted prefix. Empty: nothing to look for.
std::string match_of(const std::string& words) {
  std::string out;
  std::size_t count = 0;
  for (std::size_t at = 0; at < words.size() && count < kMostWords; ++count) {
    const std::size_t from = words.find_first_not_of(" \t\r\n", at);
    if (from == words.npos) break;
    at = std::min(words.find_first_of(" \t\r\n", from), words.size());
    out += out.empty() ? "\"" : " \"";
    for (const char c : words.substr(from, at - from)) {
      if (c == '\0') continue;
      out += c;
      if (c == '"') out += c;
    }
    out += "\"*";
  }
  return out;
}

/// Whether the tokenizer finds anything to look for in it: of punctuation alone it makes no word.
bool has_a_word(const std::string& text) {
  return std::ranges::any_of(text, [](unsigned char c) { return c >= 0x80 || std::isalnum(c) != 0; });
}

std::string words_in(const RecordingEntry& entry) {
  std::string out = entry.id + "\n" + entry.info.name;
  const RecordingFacts& facts = entry.info.facts;
  for (const std::string& label : facts.labels) out += "\n" + label;
  for (const auto& [key, value] : facts.metadata) out += "\n" + value;
  for (const ParticipantInfo& one : facts.participants) out += "\n" + one.name;
  return out;
}

std::int64_t microseconds(UtcTime time) {
  return time.time_since_epoch().count();
}

bool is_unfinished(const RecordingEntry& entry) {
  const auto pending = [](const StepState& step) { return step.state == "waiting" || step.state == "running"; };
  return pending(entry.conversion) || pending(entry.upload) ||
         (entry.conversion.state.empty() && entry.outputs.empty());
}

LibraryRow row_of(const SqliteStatement& row) {
  return {row.text(0), row.text(1), static_cast<RecordingState>(row.number(2)),
          static_cast<std::uint64_t>(row.number(3)), UtcTime(UtcTime::duration(row.number(4)))};
}

constexpr const char* kRowColumns = "id, name, state, bytes, created";

/// WHERE of a query, and what its parameters are, in their order.
struct Condition {
  std::string sql = "1";
  std::vector<std::variant<std::string, std::int64_t>> values;

  void add(const std::string& part) { sql += " AND " + part; }
  void add(const std::string& part, std::variant<std::string, std::int64_t> value) {
    add(part);
    values.push_back(std::move(value));
  }
  void bind(SqliteStatement& statement) const {
    int parameter = 0;
    for (const auto& value : values)
      std::visit([&](const auto& one) { statement.bind(++parameter, one); }, value);
  }
};

Condition condition_of(const LibraryQuery& query) {
  Condition out;
  if (const std::string match = match_of(query.words); !match.empty()) {
    if (has_a_word(query.words))
      out.add("number IN (SELECT rowid FROM words WHERE words MATCH ?)", match);
    else
      out.add("0");
  }
  for (const std::string& label : query.labels)
    out.add("number IN (SELECT number FROM labels WHERE label = ?)", label);
  if (!query.states.empty()) {
    std::string list;
    for (const RecordingState state : query.states)
      list += (list.empty() ? "" : ",") + std::to_string(static_cast<int>(state));
    out.add("state IN (" + list + ")");
  }
  if (query.from) out.add("created >= ?", microseconds(*query.from));
  if (query.until) out.add("created < ?", microseconds(*query.until));
  return out;
}

/// Where a page ended: `<value>/<id>`, the value percent-encoded where it is a name.
struct PageEnd {
  std::variant<std::string, std::int64_t> value;
  std::string id;
};

Result<PageEnd> page_end(const LibraryQuery& query) {
  const auto slash = query.after.find('/');
  if (slash == query.after.npos || slash + 1 == query.after.size())
    return fail(Errc::invalid_argument, "\"after\" is not the \"next\" of an earlier answer.");
  PageEnd out;
  out.id = query.after.substr(slash + 1);
  const std::string value = query.after.substr(0, slash);
  if (query.order == LibraryQuery::Order::name) {
    const auto target = http::Target::parse("/?v=" + value);
    out.value = target ? target->parameter("v").value_or("") : std::string();
    return out;
  }
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc() || end != value.data() + value.size())
    return fail(Errc::invalid_argument, "\"after\" is not the \"next\" of an answer in this order.");
  out.value = number;
  return out;
}

}  // namespace

LibraryIndex::LibraryIndex(const Library& library, StateOf state_of)
    : library_(library), state_of_(std::move(state_of)), watch_(library.base_dir()) {}

void LibraryIndex::touch(const std::string& id) {
  const std::lock_guard lock(touching_);
  if (touched_.size() < kMostTouchedRows)
    touched_.insert(id);
  else
    all_touched_ = true;
}

void LibraryIndex::open() {
  const fs::path file = library_.base_dir() / kFileName;
  const auto usable = [](SqliteDatabase& database) {
    auto version = database.prepare("PRAGMA user_version");
    return version.step() && version.text(0) == kSchemaVersion;
  };
  for (int tries = 0; tries < 2; ++tries) {
    auto opened = SqliteDatabase::open(file);
    if (opened && usable(*opened)) {
      database_ = *std::move(opened);
      return;
    }
    opened = std::unexpected(Error{});  // closed before its file goes
    SqliteDatabase::remove(file);
    auto made = SqliteDatabase::open(file);
    if (!made) continue;
    made->run(kSchema);
    if (!made->healthy()) continue;
    database_ = *std::move(made);
    return;
  }
  log(LogLevel::warn, file.string() + " cannot be written; the recordings are listed from memory");
  open_in_memory();
}

void LibraryIndex::open_in_memory() {
  database_.reset();
  auto memory = SqliteDatabase::open(":memory:");
  if (!memory) return;
  memory->run(kSchema);
  database_ = *std::move(memory);
}

/// What a row was made of: it need not be read again while this stays. Empty: it is no recording.
std::string LibraryIndex::stamp_of(const std::string& id) const {
  std::string out;
  const fs::path folder = library_.base_dir() / id;
  bool any = false;
  for (const char* name : {"", "manifest.json", kRecordingFileName, "output/result.json"}) {
    struct stat info {};
    const fs::path path = *name == '\0' ? folder : folder / name;
    if (::lstat(path.c_str(), &info) != 0) {
      out += '-';
      continue;
    }
    if (*name == '\0' && !S_ISDIR(info.st_mode)) return {};
    any = any || (*name != '\0' && *name != 'o');
    out += std::to_string(info.st_ino) + '/' + std::to_string(info.st_size) + '/' +
           std::to_string(info.st_mtim.tv_sec) + '.' + std::to_string(info.st_mtim.tv_nsec) + ' ';
  }
  return any ? out : std::string();
}

void LibraryIndex::forget(const std::string& id) {
  database_->prepare("DELETE FROM words WHERE rowid = (SELECT number FROM recordings WHERE id = ?)").bind(1, id).run();
  database_->prepare("DELETE FROM labels WHERE number = (SELECT number FROM recordings WHERE id = ?)").bind(1, id).run();
  database_->prepare("DELETE FROM recordings WHERE id = ?").bind(1, id).run();
}

void LibraryIndex::read(const std::string& id, const std::string& stamp) {
  forget(id);
  const auto entry = stamp.empty() ? std::unexpected(Error{}) : library_.entry(id);
  if (!entry) return;
  database_
      ->prepare("INSERT INTO recordings(id, stamp, state, unfinished, name, created, bytes, duration) "
                "VALUES(?, ?, ?, ?, ?, ?, ?, ?)")
      .bind(1, id)
      .bind(2, stamp)
      .bind(3, static_cast<std::int64_t>(state_of_(*entry)))
      .bind(4, is_unfinished(*entry) ? 1 : 0)
      .bind(5, entry->info.name)
      .bind(6, microseconds(entry->recorded_at))
      .bind(7, static_cast<std::int64_t>(std::min<std::uint64_t>(entry->bytes, INT64_MAX)))
      .bind(8, entry->duration_ms)
      .run();
  auto at = database_->prepare("SELECT number FROM recordings WHERE id = ?");
  if (!at.bind(1, id).step()) return;
  const std::int64_t number = at.number(0);
  auto label = database_->prepare("INSERT INTO labels VALUES(?, ?)");
  for (const std::string& text : entry->info.facts.labels) label.bind(1, number).bind(2, text).run();
  database_->prepare("INSERT INTO words(rowid, text) VALUES(?, ?)").bind(1, number).bind(2, words_in(*entry)).run();
}

/// Compares with the folders; what changed without us is read again.
void LibraryIndex::read_all() {
  read_all_at_ = Clock::now();
  std::map<std::string, std::string> known;
  {
    auto rows = database_->prepare("SELECT id, stamp FROM recordings");
    while (rows.step()) known.emplace(rows.text(0), rows.text(1));
  }
  for (const std::string& id : library_.ids()) {
    const std::string stamp = stamp_of(id);
    const auto at = known.find(id);
    if (at == known.end() || at->second != stamp) read(id, stamp);
    if (at != known.end()) known.erase(at);
  }
  for (const auto& [id, stamp] : known) forget(id);
}

void LibraryIndex::refresh() {
  const auto now = Clock::now();
  const bool new_database = !database_;
  if (new_database) open();
  if (!database_) return;
  std::set<std::string> look;
  bool all = !watch_.news([&](const std::string& name) { look.insert(name); });
  {
    const std::lock_guard lock(touching_);
    look.merge(touched_);
    touched_.clear();
    all = std::exchange(all_touched_, false) || all;
  }
  all = all || new_database || (!watch_.works() && now - read_all_at_ > kBetweenReadings);
  for (const auto& [id, since] : coming_) look.insert(id);
  if (look.empty() && !all) return;
  database_->run("BEGIN");
  if (all) read_all();
  for (const std::string& id : look) {
    const std::string stamp = stamp_of(id);
    read(id, stamp);
    std::error_code error;
    if (!stamp.empty() || !fs::is_directory(fs::symlink_status(library_.base_dir() / id, error)))
      coming_.erase(id);
    else if (coming_.size() < kMostComing)
      coming_.emplace(id, now);
  }
  std::erase_if(coming_, [&](const auto& one) { return now - one.second > kComesFor; });
  database_->run("COMMIT");
}

/// Asks; where the database turns out to be damaged, once more of a new one, and at last of one in memory.
template <typename Ask>
auto LibraryIndex::answer(const Ask& ask) -> std::optional<decltype(ask(std::declval<SqliteDatabase&>()))> {
  const std::lock_guard lock(mutex_);
  for (int tries = 0;; ++tries) {
    refresh();
    if (database_ && database_->healthy()) {
      auto out = ask(*database_);
      if (database_->healthy()) return out;
    }
    if (tries == 2 || !database_) return {};
    log(LogLevel::warn, "the index of the recordings is made anew: " + database_->error());
    database_.reset();
    SqliteDatabase::remove(library_.base_dir() / kFileName);
    if (tries == 1) {
      open_in_memory();
      const std::lock_guard touching(touching_);
      all_touched_ = true;
    }
  }
}

Result<LibraryPage> LibraryIndex::find(const LibraryQuery& query) {
  const Condition condition = condition_of(query);
  Condition page = condition;
  const std::string column = column_of(query.order);
  if (!query.after.empty()) {
    auto end = page_end(query);
    if (!end) return std::unexpected(end.error());
    page.add("(" + column + ", id) " + (query.descending ? "<" : ">") + " (?, ?)", std::move(end->value));
    page.values.emplace_back(std::move(end->id));
  }
  const char* const direction = query.descending ? " DESC" : "";
  const std::string sql = std::string("SELECT ") + kRowColumns + ", duration FROM recordings WHERE " + page.sql +
                          " ORDER BY " + column + direction + ", id" + direction + " LIMIT " +
                          std::to_string(query.limit + 1);
  auto found = answer([&](SqliteDatabase& database) {
    LibraryPage out;
    auto count = database.prepare("SELECT count(*) FROM recordings WHERE " + condition.sql);
    condition.bind(count);
    if (count.step()) out.total = static_cast<std::uint64_t>(count.number(0));
    auto rows = database.prepare(sql);
    page.bind(rows);
    std::int64_t duration = 0;
    while (rows.step()) {
      if (out.rows.size() == query.limit) {
        const LibraryRow& last = out.rows.back();
        const std::string value = query.order == LibraryQuery::Order::name    ? http::percent_encoded(last.name)
                                  : query.order == LibraryQuery::Order::bytes ? std::to_string(last.bytes)
                                  : query.order == LibraryQuery::Order::duration
                                      ? std::to_string(duration)
                                      : std::to_string(microseconds(last.created));
        out.next = value + "/" + last.id;
        break;
      }
      out.rows.push_back(row_of(rows));
      duration = rows.number(5);
    }
    return out;
  });
  if (!found) return fail(Errc::io, "The recordings cannot be listed: their index can be made nowhere.");
  return *std::move(found);
}

std::vector<std::string> LibraryIndex::unfinished() {
  return answer([](SqliteDatabase& database) {
    std::vector<std::string> out;
    auto rows = database.prepare("SELECT id FROM recordings WHERE unfinished ORDER BY id DESC");
    while (rows.step()) out.push_back(rows.text(0));
    return out;
  }).value_or(std::vector<std::string>());
}

std::vector<LibraryRow> LibraryIndex::oldest_first() {
  return answer([](SqliteDatabase& database) {
    std::vector<LibraryRow> out;
    auto rows = database.prepare(std::string("SELECT ") + kRowColumns + " FROM recordings ORDER BY created, id");
    while (rows.step()) out.push_back(row_of(rows));
    return out;
  }).value_or(std::vector<LibraryRow>());
}

std::vector<std::pair<std::string, std::uint64_t>> LibraryIndex::labels(std::size_t most) {
  return answer([most](SqliteDatabase& database) {
    std::vector<std::pair<std::string, std::uint64_t>> out;
    auto rows = database.prepare(
        "SELECT label, count(DISTINCT number) AS count FROM labels GROUP BY label ORDER BY count DESC, label LIMIT ?");
    rows.bind(1, static_cast<std::int64_t>(most));
    while (rows.step()) out.emplace_back(rows.text(0), static_cast<std::uint64_t>(rows.number(1)));
    return out;
  }).value_or(std::vector<std::pair<std::string, std::uint64_t>>());
}

std::uint64_t LibraryIndex::size() {
  return answer([](SqliteDatabase& database) {
    auto count = database.prepare("SELECT count(*) FROM recordings");
    return count.step() ? static_cast<std::uint64_t>(count.number(0)) : 0;
  }).value_or(0);
}

}  // namespace rtpx::server
