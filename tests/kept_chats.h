// SPDX-License-Identifier: Apache-2.0
// A store of conversations in a folder of its own, and what tests say to it.
#pragma once

#include "base/text.h"
#include "folder_test.h"
#include "host/sqlite_chat_store.h"
#include "service/chat_form.h"
#include "text_files.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {

using host::OrFault;
using host::SqliteChatStore;
using service::ChatHit;
using service::ChatMessage;
using service::ChatQuery;
using service::ChatSummary;
using service::MessageState;

inline constexpr std::int64_t kDay = 24 * 60 * 60 * 1000;

inline std::string Id(const std::string& name) { return name + std::string(service::kChatIdChars - name.size(), '0'); }

inline Json ParseJson(const std::string& text) { return Json::Parse(text, "test").value(); }

inline ChatMessage Said(const std::string& id, const std::string& parent, const std::string& role,
                        const std::string& text) {
  ChatMessage message;
  message.id = Id(id);
  message.parent = parent.empty() ? "" : Id(parent);
  message.role = role;
  message.text = text;
  return message;
}

class KeptChats : public FolderTest {
 protected:
  void SetUp() override {
    FolderTest::SetUp();
    Reopen();
  }

  void Reopen() {
    store_.reset();
    store_ = Open();
  }
  std::unique_ptr<SqliteChatStore> Open() {
    auto store = SqliteChatStore::Open(folder_, {[this] { return ++now_; }, 0});
    EXPECT_TRUE(store.ok()) << store.error().message;
    return store.ok() ? std::move(store).value() : nullptr;
  }

  void Make(const std::string& id, const std::string& title = "") {
    ChatSummary chat;
    chat.id = Id(id);
    chat.title = title;
    const auto made = store_->Create(chat);
    ASSERT_TRUE(made.ok()) << made.error().message;
  }
  void Say(const std::string& chat, const ChatMessage& message) {
    const auto added = store_->Add(Id(chat), message);
    ASSERT_TRUE(added.ok()) << added.error().message;
  }
  [[nodiscard]] int StatusOfAdd(const std::string& chat, const ChatMessage& message) {
    const auto added = store_->Add(Id(chat), message);
    return added.ok() ? 200 : added.error().status;
  }
  void Announce(const std::string& chat, const std::string& id, const std::string& parent) {
    ChatMessage message = Said(id, parent, "assistant", "");
    message.state = MessageState::kRunning;
    Say(chat, message);
  }
  [[nodiscard]] ChatMessage Last(const std::string& chat) {
    const auto messages = store_->Messages(Id(chat));
    EXPECT_TRUE(messages.ok() && !messages.value().empty());
    return messages.value().back();
  }
  // "title:excerpt" of each hit.
  [[nodiscard]] std::vector<std::string> Search(const std::string& words) {
    ChatQuery query;
    query.search = words;
    const auto hits = store_->List(query);
    EXPECT_TRUE(hits.ok());
    std::vector<std::string> found;
    for (const ChatHit& hit : hits.value()) found.push_back(Cat(hit.chat.title, ":", hit.excerpt));
    return found;
  }
  [[nodiscard]] std::vector<std::string> Titles(const ChatQuery& query) {
    const auto hits = store_->List(query);
    EXPECT_TRUE(hits.ok());
    std::vector<std::string> titles;
    for (const ChatHit& hit : hits.value()) titles.push_back(hit.chat.title);
    return titles;
  }
  // Names of the files of the store that hold `text`.
  [[nodiscard]] std::vector<std::string> FilesWith(const std::string& text) const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(folder_)) {
      if (entry.is_regular_file() && ReadTextFile(entry.path().string()).find(text) != std::string::npos)
        names.push_back(entry.path().filename().string());
    }
    return names;
  }
  [[nodiscard]] std::string File(const std::string& name) const { return Cat(folder_, "/chats/", name); }

  std::int64_t now_ = 1'764'478'920'000;  // 2025-11-30
  std::unique_ptr<SqliteChatStore> store_;
};

}  // namespace thimble::testing
