// SPDX-License-Identifier: Apache-2.0
// Rows of the store of conversations as values, and the steps that several of its calls share.
#pragma once

#include "host/sqlite.h"
#include "service/chat_store.h"

#include <cstdint>
#include <string>
#include <vector>

namespace thimble::host {

// Columns of a chat "c", and the row that a query of them (first, in this order) stands at.
std::string ChatColumns();
service::ChatSummary ChatOfRow(const Statement& row);
std::string MessageColumns();
service::ChatMessage MessageOfRow(const Statement& row);

// Rows of chats and messages; 404 where there is none.
OrFault<std::int64_t> ChatRow(Database* database, const std::string& chat);
OrFault<std::int64_t> MessageRow(Database* database, std::int64_t chat, const std::string& message);
OrFault<service::ChatSummary> ReadSummary(Database* database, std::int64_t chat);

// A time that no other chat changed at, so that lists can be gone on with by it: `now`, or a little later.
OrFault<std::int64_t> FreeTime(Database* database, std::int64_t now);
OrFault<Done> Touch(Database* database, std::int64_t chat, std::int64_t now);

OrFault<std::int64_t> InsertChat(Database* database, const service::ChatSummary& chat);
// With its pictures, which must be here (404).
OrFault<std::int64_t> InsertMessage(Database* database, std::int64_t chat, const service::ChatMessage& message);
// Of a message: those that it names from now on.
OrFault<Done> SetPictures(Database* database, std::int64_t message, const Json& pictures);
// Pictures of the messages that `where` says (a condition on "m").
OrFault<std::vector<std::string>> PicturesOf(Database* database, const std::string& where);
// Notes those of them that no message names any more as leftovers.
OrFault<Done> DropPictures(Database* database, const std::vector<std::string>& pictures);

// Tokens that the conversation had with this reply, as "usage" in its facts says; 0: it does not.
std::int64_t TokensOf(const Json& facts);
std::int64_t NumberOf(service::MessageState state);

}  // namespace thimble::host
