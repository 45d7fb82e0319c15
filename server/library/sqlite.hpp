#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "rtpx/result.hpp"

struct sqlite3;
struct sqlite3_stmt;

namespace rtpx::server {

/// A prepared statement. Parameters count from 1, columns from 0, as SQLite does. A step that fails answers
/// false, and SqliteDatabase::healthy() tells it where the database is to blame.
class SqliteStatement {
 public:
  SqliteStatement& bind(int parameter, std::string_view text);
  SqliteStatement& bind(int parameter, std::int64_t number);
  [[nodiscard]] bool step();  ///< true: there is a row
  void run();                 ///< steps to the end, and makes it ready for other parameters
  [[nodiscard]] std::string text(int column) const;
  [[nodiscard]] std::int64_t number(int column) const;

 private:
  friend class SqliteDatabase;
  struct Close {
    void operator()(sqlite3_stmt* statement) const;
  };
  SqliteStatement(sqlite3_stmt* statement, bool* healthy) : statement_(statement), healthy_(healthy) {}

  std::unique_ptr<sqlite3_stmt, Close> statement_;  // null: it could not be prepared
  bool* healthy_;
};

/// A database that one thread at a time uses, and no other process.
class SqliteDatabase {
 public:
  /// ":memory:" is a database without a file. Errors: io; malformed for a file that is damaged or none of
  /// SQLite's.
  [[nodiscard]] static Result<SqliteDatabase> open(const std::filesystem::path& file);

  /// Removes a database's files. None may be open.
  static void remove(const std::filesystem::path& file);

  void run(const char* sql);
  [[nodiscard]] SqliteStatement prepare(std::string_view sql);
  /// False once anything has failed: what it answered since is not to be relied on.
  [[nodiscard]] bool healthy() const { return *healthy_; }
  [[nodiscard]] std::string error() const;

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit SqliteDatabase(sqlite3* database) : database_(database) {}

  std::unique_ptr<sqlite3, Close> database_;
  std::unique_ptr<bool> healthy_ = std::make_unique<bool>(true);
};

}  // namespace rtpx::server
