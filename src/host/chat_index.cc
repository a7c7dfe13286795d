// SPDX-License-Identifier: Apache-2.0
#include "host/chat_index.h"

#include "base/text.h"

#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace thimble::host {

namespace {

struct IndexedTable {
  const char* index;
  const char* table;
  const char* column;
};
constexpr std::array<IndexedTable, 2> kIndexed = {
    {{"title_search", "chats", "title"}, {"text_search", "messages", "text"}}};

struct Totals {
  std::int64_t rows = 0;
  std::int64_t tokens = 0;
};

unsigned ValueOf(char digit) { return static_cast<unsigned>(digit <= '9' ? digit - '0' : digit - 'A' + 10); }

// The next number of SQLite's variable length out of hexadecimal digits: seven bits a byte, the most significant first.
bool TakeNumber(std::string_view* hex, std::int64_t* number) {
  constexpr int kMostBytes = 9;
  std::uint64_t value = 0;
  for (int i = 0; i < kMostBytes && hex->size() >= 2; ++i) {
    const unsigned byte = ValueOf((*hex)[0]) * 16 + ValueOf((*hex)[1]);
    hex->remove_prefix(2);
    value = i == kMostBytes - 1 ? (value << 8 | byte) : (value << 7 | (byte & 0x7f));
    if (i == kMostBytes - 1 || (byte & 0x80) == 0) {
      *number = static_cast<std::int64_t>(value);
      return true;
    }
  }
  return false;
}

// What FTS5 notes of its own: how many rows it has, and how many tokens. -1: it has noted nothing that can be read.
OrFault<Totals> NotedTotals(Database* database, const IndexedTable& indexed) {
  THIMBLE_ASSIGN_OR_RETURN(const std::string text,
                           database->Text(Cat("SELECT 'x' || hex(block) FROM ", indexed.index, "_data WHERE id = 1")));
  Totals totals;
  if (text.size() == 1) return totals;  // nothing was indexed so far
  std::string_view hex = std::string_view(text).substr(text.empty() ? 0 : 1);
  if (!TakeNumber(&hex, &totals.rows) || !TakeNumber(&hex, &totals.tokens)) return Totals{-1, -1};
  return totals;
}

// A token is three characters next to each other. What stands behind a zero character is not indexed, nor counted.
OrFault<Totals> TotalsOf(Database* database, const IndexedTable& indexed, bool with_tokens) {
  Totals totals;
  THIMBLE_ASSIGN_OR_RETURN(totals.rows, database->Number(Cat("SELECT count(*) FROM ", indexed.table)));
  if (with_tokens) {
    THIMBLE_ASSIGN_OR_RETURN(totals.tokens, database->Number(Cat("SELECT coalesce(sum(max(length(", indexed.column,
                                                                 ") - 2, 0)), 0) FROM ", indexed.table)));
  }
  return totals;
}

OrFault<bool> IsSound(Database* database, IndexCheck check) {
  for (const IndexedTable& indexed : kIndexed) {
    THIMBLE_ASSIGN_OR_RETURN(const Totals noted, NotedTotals(database, indexed));
    THIMBLE_ASSIGN_OR_RETURN(const Totals found, TotalsOf(database, indexed, check != IndexCheck::kRows));
    if (noted.rows != found.rows || (check != IndexCheck::kRows && noted.tokens != found.tokens)) return false;
    if (check != IndexCheck::kWords) continue;
    const auto compared = database->Execute(
        Cat("INSERT INTO ", indexed.index, " (", indexed.index, ", rank) VALUES ('integrity-check', 1)"));
    if (!compared.ok() && compared.error().code == kIndexDamaged) return false;
    THIMBLE_RETURN_IF_ERROR(compared);
  }
  return true;
}

}  // namespace

OrFault<bool> MendIndex(Database* database, IndexCheck check) {
  // First without keeping others from writing; what they do meanwhile may look like a fault.
  if (check != IndexCheck::kWords) {
    const auto is_sound = IsSound(database, check);
    if (is_sound.ok() && is_sound.value()) return false;
  }
  THIMBLE_ASSIGN_OR_RETURN(Transaction transaction, Transaction::Begin(database));
  const auto is_sound = IsSound(database, check);
  if (is_sound.ok() && is_sound.value()) return false;
  THIMBLE_RETURN_IF_ERROR(RebuildIndex(database));
  THIMBLE_RETURN_IF_ERROR(transaction.Commit());
  return true;
}

OrFault<Done> RebuildIndex(Database* database) {
  for (const IndexedTable& indexed : kIndexed) {
    THIMBLE_RETURN_IF_ERROR(
        database->Execute(Cat("INSERT INTO ", indexed.index, " (", indexed.index, ") VALUES ('rebuild')")));
  }
  return Done{};
}

}  // namespace thimble::host
