#include "server/library/sqlite.hpp"

#include <sqlite3.h>

namespace rtpx::server {

void SqliteStatement::Close::operator()(sqlite3_stmt* statement) const {
  sqlite3_finalize(statement);
}

SqliteStatement& SqliteStatement::bind(int parameter, std::string_view text) {
  if (statement_ && sqlite3_bind_text64(statement_.get(), parameter, text.data(), text.size(), SQLITE_TRANSIENT,
                                        SQLITE_UTF8) != SQLITE_OK)
    *healthy_ = false;
  return *this;
}

SqliteStatement& SqliteStatement::bind(int parameter, std::int64_t number) {
  if (statement_ && sqlite3_bind_int64(statement_.get(), parameter, number) != SQLITE_OK) *healthy_ = false;
  return *this;
}

bool SqliteStatement::step() {
  if (!statement_) return false;
  const int result = sqlite3_step(statement_.get());
  // SQLITE_ERROR is what a question may bring about that makes no sense (of FTS5's): it has no answer.
  if (result != SQLITE_ROW && result != SQLITE_DONE && (result & 0xFF) != SQLITE_ERROR) *healthy_ = false;
  return result == SQLITE_ROW;
}

void SqliteStatement::run() {
  while (step()) {
  }
  if (statement_) sqlite3_reset(statement_.get());
}

std::string SqliteStatement::text(int column) const {
  const void* const data = sqlite3_column_text(statement_.get(), column);
  const int size = sqlite3_column_bytes(statement_.get(), column);
  return data == nullptr ? std::string() : std::string(static_cast<const char*>(data), static_cast<std::size_t>(size));
}

std::int64_t SqliteStatement::number(int column) const {
  return sqlite3_column_int64(statement_.get(), column);
}

void SqliteDatabase::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

Result<SqliteDatabase> SqliteDatabase::open(const std::filesystem::path& file) {
  sqlite3* raw = nullptr;
  const int opened = sqlite3_open_v2(
      file.c_str(), &raw,
      SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_NOFOLLOW, nullptr);
  SqliteDatabase out(raw);
  if (opened != SQLITE_OK) return fail(Errc::io, "Cannot open " + file.string() + ": " + out.error() + ".");
  sqlite3_db_config(raw, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(raw, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  // One process: no locks, and no shared memory for the log. A loss of power may lose the last changes.
  out.run("PRAGMA locking_mode=EXCLUSIVE; PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL; PRAGMA temp_store=MEMORY;");
  auto check = out.prepare("PRAGMA quick_check(1)");
  const bool whole = check.step() && check.text(0) == "ok";
  if (!whole || !out.healthy()) return fail(Errc::malformed, file.string() + " is damaged.");
  return out;
}

void SqliteDatabase::remove(const std::filesystem::path& file) {
  std::error_code error;
  for (const char* suffix : {"", "-wal", "-shm", "-journal"}) std::filesystem::remove(file.string() + suffix, error);
}

void SqliteDatabase::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) != SQLITE_OK) *healthy_ = false;
}

SqliteStatement SqliteDatabase::prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(database_.get(), sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    *healthy_ = false;
  return {statement, healthy_.get()};
}

std::string SqliteDatabase::error() const {
  return database_ ? sqlite3_errmsg(database_.get()) : "out of memory";
}

}  // namespace rtpx::server
