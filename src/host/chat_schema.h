// SPDX-License-Identifier: Apache-2.0
// The tables of the store of conversations, their version, and how a file of an older version becomes one of today's.
#pragma once

#include "host/chat_folder.h"
#include "host/sqlite.h"

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace thimble::host {

inline constexpr int kChatSchema = 1;

// How to fill today's tables from a file of version `from`, which is attached as "old".
struct ChatMigration {
  int from = 0;
  std::vector<std::string> copies;  // statements
  // Pairs of queries that must give the same number: of the old file, of the new one.
  std::vector<std::pair<std::string, std::string>> same;
};

// Opens the database of `folder`, made where there is none. One that a newer version wrote, or that is no store, is
// refused by name; an older one is copied, compared, and kept beside the new one as "chats.sqlite.vN". Errors name
// paths.
Result<std::unique_ptr<Database>> OpenChatDatabase(const ChatFolder& folder, std::span<const ChatMigration> migrations);
// A store's file that stands elsewhere, as a backup does; the fault of another version is 409.
OrFault<std::unique_ptr<Database>> OpenChatCopy(const std::string& path);

// Takes what was deleted out of the index for searching, and out of the write-ahead log.
OrFault<Done> Purge(Database* database);
// Title and text of a row come into the index, and go out of it: before the row changes or goes.
OrFault<Done> IndexTitle(Database* database, std::int64_t chat);
OrFault<Done> UnindexTitle(Database* database, std::int64_t chat);
OrFault<Done> IndexText(Database* database, std::int64_t message);
OrFault<Done> UnindexText(Database* database, std::int64_t message);
// A chat with all that belongs to it; messages with those that follow them. True: there was one.
OrFault<bool> RemoveChat(Database* database, const std::string& chat);
OrFault<bool> RemoveMessage(Database* database, const std::string& message);

// Of the fault, as the command prints it.
Error ErrorOfFault(const Fault& fault);

}  // namespace thimble::host
