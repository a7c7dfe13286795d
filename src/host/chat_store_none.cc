// SPDX-License-Identifier: Apache-2.0
// The store of conversations, in builds without a database.
#include "host/chat_store.h"

namespace thimble::host {

Result<std::unique_ptr<service::ChatStore>> OpenChatStore(const std::string& /*home*/) {
  return Error{Code::kUnsupported,
               "[chats] this build keeps no history: run scripts/setup, which installs SQLite, and build again"};
}

std::unique_ptr<ChatMark> MarkChatOpen(const std::string& /*home*/, const std::string& /*chat*/) {
  return std::make_unique<ChatMark>();
}

}  // namespace thimble::host
