// SPDX-License-Identifier: Apache-2.0
// What the store of conversations does behind a change: takes what was deleted out of files and backups, keeps a backup
// a day, gives back pictures that nobody names.
#pragma once

#include "host/chat_folder.h"
#include "host/sqlite.h"

#include <cstdint>
#include <string>

namespace thimble::host {

// What is still to be taken out of files, noted in the transaction that deletes it: a process that dies in between
// leaves the note, and the next one does it.
enum class Leftover { kChat, kMessage, kPicture };
OrFault<Done> NoteLeftover(Database* database, Leftover kind, const std::string& id);
// Notes all pictures that no message names and that were added before `before` (milliseconds since 1970), and forgets
// them.
OrFault<Done> NoteLoosePictures(Database* database, std::int64_t before);
// Does what is noted: journals, picture files, index, log, backups. Not in a transaction. Where the index is large (it
// takes a second or more), only pictures and journals go at once, unless `at_once` or a chat's deletion asks for all.
OrFault<Done> ClearLeftovers(const ChatFolder& folder, Database* database, bool at_once);

// A backup of today where there is none and there are chats; the three newest stay. The file is checked before: a
// damaged one is a fault (kDamaged) and touches no backup. Does nothing where another process is at it. True: it made
// one.
OrFault<bool> BackUp(const ChatFolder& folder, Database* database, std::int64_t now);
// "2026-11-30" of a time in milliseconds since 1970, UTC.
std::string DayOf(std::int64_t milliseconds);

}  // namespace thimble::host
