// SPDX-License-Identifier: Apache-2.0
// thimble chats: the conversations that are kept.
#include "base/text.h"
#include "cli/kept_chat.h"
#include "cli/options.h"
#include "cli/terminal.h"
#include "host/chat_folder.h"
#include "host/chat_store.h"
#include "host/store.h"
#include "service/chat_form.h"
#include "sys/folder.h"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <ctime>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::cli {

namespace {

using service::ChatHit;
using service::ChatStore;

int FailWith(const service::Fault& fault) { return Fail(host::ErrorOfStore(fault)); }

// In this machine's time.
std::string TimeForPeople(std::int64_t milliseconds) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  if (localtime_r(&seconds, &parts) == nullptr) return "";
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%d %H:%M", &parts)};
}

// What a search found, without its marks.
std::string WithoutMarks(std::string text) {
  for (const std::string_view mark : {"\ue000", "\ue001"}) {
    for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at))
      text.erase(at, mark.size());
  }
  return text;
}

Json ListJson(const std::vector<ChatHit>& hits) {
  std::vector<Json> chats;
  for (const ChatHit& hit : hits) {
    const Json whole = service::ChatJson(hit.chat);
    Json chat = Json::Object();
    for (const char* key : {"id", "title", "model", "messages", "tokens", "pictures", "created", "updated"})
      chat.Set(key, *whole.Find(key));
    chats.push_back(std::move(chat));
  }
  return Json::Object({{"chats", Json::Array(std::move(chats))}});
}

void PrintHit(const ChatHit& hit) {
  std::string title = hit.chat.title.empty() ? "(without a title)" : hit.chat.title;
  std::replace_if(title.begin(), title.end(), [](char c) { return c == '\n' || c == '\t'; }, ' ');
  std::printf("%s  %s  %s (%lld messages%s%s)\n", hit.chat.id.c_str(), TimeForPeople(hit.chat.updated).c_str(),
              EscapeControls(title).c_str(), static_cast<long long>(hit.chat.num_messages),
              hit.chat.model.empty() ? "" : ", ", EscapeControls(hit.chat.model).c_str());
  if (!hit.message.empty()) std::printf("    %s\n", EscapeControls(WithoutMarks(hit.excerpt)).c_str());
}

int Show(const ChatsOptions& options, ChatStore* store) {
  std::vector<ChatHit> hits;
  if (store != nullptr) {
    auto found = AllChats(store, options.search);
    if (!found.ok()) return FailWith(found.error());
    hits = std::move(found).value();
  }
  if (options.json) return PrintJson(ListJson(hits));
  for (const ChatHit& hit : hits) PrintHit(hit);
  if (hits.empty()) Say(options.search.empty() ? "no chats yet; `thimble chat` begins one" : "no chat has these words");
  return kExitOk;
}

int Export(const ChatsOptions& options, ChatStore* store) {
  const auto chat = store->Find(options.export_id);
  if (!chat.ok()) return FailWith(chat.error());
  const auto messages = store->Messages(options.export_id);
  if (!messages.ok()) return FailWith(messages.error());
  if (options.format == "json" || (options.json && options.format.empty()))
    return PrintJson(service::ChatDocumentJson(chat.value(), messages.value()));
  const std::string text = service::ChatMarkdown(chat.value(), messages.value());
  return Write(IsTerminal(STDOUT_FILENO) ? EscapeControls(text) : text) ? kExitOk : kExitCorrupt;
}

int Delete(const std::string& id, ChatStore* store) {
  const auto chat = store->Find(id);
  if (!chat.ok()) return FailWith(chat.error());
  if (const auto deleted = store->Delete(id); !deleted.ok()) return FailWith(deleted.error());
  Say(Cat("deleted: ", EscapeControls(chat.value().title)));
  return kExitOk;
}

}  // namespace

int ListChats(const ChatsOptions& options) {
  // Where nothing was kept yet, nothing is made.
  const bool is_there = KindOfPath(host::ChatFolder{host::StoreHome() + "/chats"}.Database()) != PathKind::kNothing;
  std::unique_ptr<ChatStore> store;
  if (is_there) {
    auto opened = host::OpenChatStore(host::StoreHome());
    if (!opened.ok()) return Fail(opened.error());
    store = std::move(opened).value();
  }
  const std::string& id = options.remove.empty() ? options.export_id : options.remove;
  if (id.empty()) return Show(options, store.get());
  if (store == nullptr) return Fail(Error{Code::kNotFound, "[chats] there is no such chat"});
  return options.remove.empty() ? Export(options, store.get()) : Delete(id, store.get());
}

}  // namespace thimble::cli
