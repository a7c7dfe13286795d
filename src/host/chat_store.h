// SPDX-License-Identifier: Apache-2.0
// The store of conversations in THIMBLE_HOME: one for the page, `thimble chat` and `thimble chats`, which may have it
// open at the same time.
#pragma once

#include "base/result.h"
#include "service/chat_store.h"

#include <memory>
#include <string>

namespace thimble::host {

// Opens HOME/chats (host/chat_folder.h), made where there is none; replies that a process left behind when it ended
// become stopped messages, and a day's first opening makes a backup. kUnsupported: this build keeps no history, or a
// newer Thimble wrote the file; kCorrupt: it is damaged (the message names the newest backup); kExhausted: the disk is
// full; kSystem. The store may be used from any thread. Begin takes an empty chat too: whichever the message is in.
// List gives all pinned chats in front, in addition to `most`, where `before` is 0.
Result<std::unique_ptr<service::ChatStore>> OpenChatStore(const std::string& home);

// What the store says, as the command prints it.
Error ErrorOfStore(const service::Fault& fault);

// That this process has a chat open, for others to see as long as it lives.
class ChatMark {
 public:
  virtual ~ChatMark() = default;
};
// nullptr: another process has it open.
std::unique_ptr<ChatMark> MarkChatOpen(const std::string& home, const std::string& chat);

}  // namespace thimble::host
