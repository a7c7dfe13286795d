// SPDX-License-Identifier: Apache-2.0
// The door to SQLite: a database file, statements and transactions, with faults in place of codes.
#pragma once

#include "service/or_fault.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct sqlite3;
struct sqlite3_stmt;

namespace thimble::host {

using service::Fault;
using service::OrFault;

inline constexpr const char* kDamaged = "store_damaged";  // Fault::code of a file that is no database any more

inline constexpr const char* kIndexDamaged = "index_damaged";  // of the index for searching, which can be made anew

// A fault of the store's: "[chats] ...".
Fault StoreFault(int status, const std::string& message, std::string code = "");

class Database;

// One statement with its values; rows are read from the last Step on.
class Statement {
 public:
  Statement(Database* database, sqlite3_stmt* statement) : database_(database), statement_(statement) {}
  ~Statement();
  Statement(Statement&& other) noexcept
      : database_(other.database_), statement_(std::exchange(other.statement_, nullptr)) {}
  Statement& operator=(Statement&& other) noexcept {
    std::swap(database_, other.database_);
    std::swap(statement_, other.statement_);
    return *this;
  }

  // True: there is a row.
  OrFault<bool> Step();
  [[nodiscard]] std::int64_t Int(int column) const;  // 0 for null
  [[nodiscard]] std::string Text(int column) const;  // empty for null

 private:
  friend class Database;
  void Bind(int index, std::int64_t value);
  void Bind(int index, std::string_view value);

  Database* database_;
  sqlite3_stmt* statement_;
};

// One connection; one thread at a time.
class Database {
 public:
  enum class Use { kRead, kWrite, kCreate };
  // Faults are 507 where the disk is full, else 500 (kDamaged among them). `about_damage`: what to add to the sentence
  // that says that the file is damaged.
  static OrFault<std::unique_ptr<Database>> Open(const std::string& path, Use use,
                                                 std::function<std::string()> about_damage);
  ~Database();
  Database(const Database&) = delete;
  Database& operator=(const Database&) = delete;

  // Statements of ours may ask this of two texts from now on; no schema may.
  OrFault<Done> AddFunction(const char* name, bool (*function)(std::string_view, std::string_view));
  // Several statements without values and rows.
  OrFault<Done> Execute(const std::string& sql);
  // A statement whose ?1, ?2, ... are these integers and texts.
  template <typename... Values>
  OrFault<Statement> Query(std::string_view sql, const Values&... values) {
    THIMBLE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    [[maybe_unused]] int index = 0;
    (Bind(&statement, ++index, values), ...);
    return statement;
  }
  OrFault<Statement> QueryTexts(std::string_view sql, const std::vector<std::string>& values) {
    THIMBLE_ASSIGN_OR_RETURN(Statement statement, Prepare(sql));
    for (std::size_t i = 0; i < values.size(); ++i) statement.Bind(static_cast<int>(i) + 1, values[i]);
    return statement;
  }
  // The same, run to its end.
  template <typename... Values>
  OrFault<Done> Run(std::string_view sql, const Values&... values) {
    THIMBLE_ASSIGN_OR_RETURN(Statement statement, Query(sql, values...));
    return Finish(&statement);
  }
  // The first column of the first row; 0 where there is none.
  template <typename... Values>
  OrFault<std::int64_t> Number(std::string_view sql, const Values&... values) {
    THIMBLE_ASSIGN_OR_RETURN(Statement statement, Query(sql, values...));
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, statement.Step());
    return has_row ? statement.Int(0) : 0;
  }
  template <typename... Values>
  OrFault<std::string> Text(std::string_view sql, const Values&... values) {
    THIMBLE_ASSIGN_OR_RETURN(Statement statement, Query(sql, values...));
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, statement.Step());
    return has_row ? statement.Text(0) : std::string();
  }
  [[nodiscard]] std::int64_t last_row() const;
  [[nodiscard]] std::int64_t num_changed() const;  // rows, by the last statement

  // Whether a statement found the index for searching damaged since this was asked last.
  bool TakeIndexDamage() { return std::exchange(has_index_damage_, false); }

  // Of the last call that failed.
  Fault FaultOfLast();

 private:
  Database(sqlite3* handle, std::function<std::string()> about_damage)
      : handle_(handle), about_damage_(std::move(about_damage)) {}
  OrFault<Statement> Prepare(std::string_view sql);
  static OrFault<Done> Finish(Statement* statement);
  static void Bind(Statement* statement, int index, std::string_view value) { statement->Bind(index, value); }
  static void Bind(Statement* statement, int index, std::int64_t value) { statement->Bind(index, value); }

  sqlite3* handle_;
  std::function<std::string()> about_damage_;
  bool has_index_damage_ = false;
};

// Writes that come together or not at all: rolled back unless committed.
class Transaction {
 public:
  // Waits for other writers.
  static OrFault<Transaction> Begin(Database* database);
  ~Transaction();
  Transaction(Transaction&& other) noexcept : database_(std::exchange(other.database_, nullptr)) {}
  Transaction& operator=(Transaction&&) = delete;
  OrFault<Done> Commit();

 private:
  explicit Transaction(Database* database) : database_(database) {}
  Database* database_;
};

}  // namespace thimble::host
