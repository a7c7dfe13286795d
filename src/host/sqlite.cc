// SPDX-License-Identifier: Apache-2.0
#include "host/sqlite.h"

#include "base/text.h"

#include <sqlite3.h>

#include <cerrno>

namespace thimble::host {

namespace {

// What another process does to the file meanwhile is waited for.
constexpr int kBusyMilliseconds = 10'000;

bool IsDiskFull(sqlite3* handle, int code) {
  if ((code & 0xff) == SQLITE_FULL) return true;
  const int system = sqlite3_system_errno(handle);
  return (code & 0xff) == SQLITE_IOERR && (system == ENOSPC || system == EDQUOT);
}

std::string_view TextOf(sqlite3_value* value) {
  const unsigned char* text = sqlite3_value_text(value);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_value_bytes(value))};
}

using TextFunction = bool (*)(std::string_view, std::string_view);

void CallTextFunction(sqlite3_context* context, int /*count*/, sqlite3_value** values) {
  const auto function = reinterpret_cast<TextFunction>(sqlite3_user_data(context));
  sqlite3_result_int(context, function(TextOf(values[0]), TextOf(values[1])) ? 1 : 0);
}

}  // namespace

Fault StoreFault(int status, const std::string& message, std::string code) {
  Fault fault;
  fault.status = status;
  fault.code = std::move(code);
  fault.message = Cat("[chats] ", message);
  return fault;
}

Statement::~Statement() { sqlite3_finalize(statement_); }

// A value for which there is no memory shows when the statement runs: it is null, where nulls are refused.
void Statement::Bind(int index, std::int64_t value) { (void)sqlite3_bind_int64(statement_, index, value); }

void Statement::Bind(int index, std::string_view value) {
  // Copied, so that values need not outlive the call.
  const char* data = value.data() == nullptr ? "" : value.data();
  (void)sqlite3_bind_text64(statement_, index, data, value.size(), SQLITE_TRANSIENT, SQLITE_UTF8);
}

OrFault<bool> Statement::Step() {
  const int code = sqlite3_step(statement_);
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return database_->FaultOfLast();
}

std::int64_t Statement::Int(int column) const { return sqlite3_column_int64(statement_, column); }

std::string Statement::Text(int column) const {
  const unsigned char* text = sqlite3_column_text(statement_, column);
  if (text == nullptr) return "";
  return {reinterpret_cast<const char*>(text), static_cast<std::size_t>(sqlite3_column_bytes(statement_, column))};
}

OrFault<std::unique_ptr<Database>> Database::Open(const std::string& path, Use use,
                                                  std::function<std::string()> about_damage) {
  int flags = SQLITE_OPEN_NOMUTEX | (use == Use::kRead ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE);
  if (use == Use::kCreate) flags |= SQLITE_OPEN_CREATE;
  sqlite3* handle = nullptr;
  const int code = sqlite3_open_v2(path.c_str(), &handle, flags, nullptr);
  std::unique_ptr<Database> database(new Database(handle, std::move(about_damage)));
  if (handle == nullptr) return StoreFault(500, "no memory for the database");
  if (code != SQLITE_OK) return database->FaultOfLast();
  sqlite3_extended_result_codes(handle, 1);
  sqlite3_busy_timeout(handle, kBusyMilliseconds);
  // What stands in the file is data: it defines no functions and writes no tables of the library's own.
  sqlite3_db_config(handle, SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
  sqlite3_db_config(handle, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  return database;
}

Database::~Database() { sqlite3_close_v2(handle_); }

Fault Database::FaultOfLast() {
  const int code = sqlite3_extended_errcode(handle_);
  const int kind = code & 0xff;
  if (IsDiskFull(handle_, code))
    return StoreFault(507, "the disk is full: nothing was changed; make room and try again", "disk_full");
  if (code == SQLITE_CORRUPT_VTAB) {
    has_index_damage_ = true;
    return StoreFault(
        500, "the index for searching the chats is damaged; nothing was changed, and it is made anew: try again",
        kIndexDamaged);
  }
  if (kind == SQLITE_CORRUPT || kind == SQLITE_NOTADB) {
    return StoreFault(500,
                      Cat("the file of the chats is damaged (", sqlite3_errmsg(handle_), "); nothing was deleted",
                          about_damage_ ? about_damage_() : ""),
                      kDamaged);
  }
  if (kind == SQLITE_BUSY || kind == SQLITE_LOCKED)
    return StoreFault(500, "another program keeps the file of the chats busy; try again", "store_busy");
  return StoreFault(500, Cat("the file of the chats could not be used: ", sqlite3_errmsg(handle_), " (", code, ")"));
}

OrFault<Done> Database::AddFunction(const char* name, TextFunction function) {
  constexpr int kFlags = SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_DIRECTONLY;
  const int code = sqlite3_create_function_v2(handle_, name, 2, kFlags, reinterpret_cast<void*>(function),
                                              CallTextFunction, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return FaultOfLast();
  return Done{};
}

OrFault<Done> Database::Execute(const std::string& sql) {
  if (sqlite3_exec(handle_, sql.c_str(), nullptr, nullptr, nullptr) != SQLITE_OK) return FaultOfLast();
  return Done{};
}

OrFault<Statement> Database::Prepare(std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  if (sqlite3_prepare_v2(handle_, sql.data(), static_cast<int>(sql.size()), &statement, nullptr) != SQLITE_OK)
    return FaultOfLast();
  return Statement(this, statement);
}

OrFault<Done> Database::Finish(Statement* statement) {
  while (true) {
    THIMBLE_ASSIGN_OR_RETURN(const bool has_row, statement->Step());
    if (!has_row) return Done{};
  }
}

std::int64_t Database::last_row() const { return sqlite3_last_insert_rowid(handle_); }

std::int64_t Database::num_changed() const { return sqlite3_changes64(handle_); }

OrFault<Transaction> Transaction::Begin(Database* database) {
  THIMBLE_RETURN_IF_ERROR(database->Execute("BEGIN IMMEDIATE"));
  return Transaction(database);
}

Transaction::~Transaction() {
  if (database_ != nullptr) (void)database_->Execute("ROLLBACK");
}

OrFault<Done> Transaction::Commit() {
  THIMBLE_RETURN_IF_ERROR(database_->Execute("COMMIT"));
  database_ = nullptr;
  return Done{};
}

}  // namespace thimble::host
