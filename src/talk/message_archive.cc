// SPDX-License-Identifier: Apache-2.0
#include "talk/message_archive.h"

#include "talk/window.h"

#include <optional>
#include <utility>

namespace thimble {

namespace {

Json JsonOf(const Message& message) { return MessagesToJson({message}).items().front(); }

// The message that its JSON says; nullopt where that is none: arguments nested too deeply.
std::optional<Message> Parse(std::string_view text) {
  auto json = Json::Parse(text, "message");
  if (!json.ok()) return std::nullopt;
  std::vector<Json> list;
  list.push_back(std::move(json).value());
  auto chat = ParseChat(Json::Array(std::move(list)), ArgumentStrings::kKeep);
  if (!chat.ok() || chat.value().messages.size() != 1) return std::nullopt;
  return std::move(chat).value().messages.front();
}

}  // namespace

void MessageArchive::Push(const Message& message, std::int64_t tokens) {
  Entry entry{text_.size(), tokens, IsQuestion(message), NumPictures({&message, 1}) > 0, nullptr};
  const std::string text = JsonOf(message).Dump(Json::Style::kCompact);
  const std::optional<Message> back = Parse(text);
  const bool is_same = back.has_value() && JsonOf(*back).Dump(Json::Style::kCompact) == text;
  if (!is_same) entry.whole = std::make_shared<const Message>(message);
  entries_.push_back(std::move(entry));
  if (is_same) text_ += text;
}

void MessageArchive::Resize(std::size_t size) {
  if (size >= entries_.size()) return;
  text_.resize(entries_[size].begin);
  entries_.resize(size);
}

std::string_view MessageArchive::Text(std::size_t index) const {
  const std::size_t end = index + 1 < entries_.size() ? entries_[index + 1].begin : text_.size();
  return std::string_view(text_).substr(entries_[index].begin, end - entries_[index].begin);
}

Message MessageArchive::Get(std::size_t index) const {
  return entries_[index].whole != nullptr ? *entries_[index].whole : Parse(Text(index)).value();
}

Json MessageArchive::ToJson(std::size_t index) const {
  return entries_[index].whole != nullptr ? JsonOf(*entries_[index].whole)
                                          : Json::Parse(Text(index), "message").value();
}

}  // namespace thimble
