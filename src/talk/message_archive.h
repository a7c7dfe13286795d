// SPDX-License-Identifier: Apache-2.0
// MessageArchive: messages that nobody reads any more, kept small. A chat may leave out thousands of them; as objects
// between those of each turn they would hold whole pages of the heap.
#pragma once

#include "files/json.h"
#include "text/chat.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

class MessageArchive {
 public:
  // `tokens`: what the message took when it was read last. Where memory runs out, Resize takes back what was begun.
  void Push(const Message& message, std::int64_t tokens);
  // Keeps the first `size` messages.
  void Resize(std::size_t size);
  void Clear() { Resize(0); }

  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] std::int64_t tokens(std::size_t index) const { return entries_[index].tokens; }
  [[nodiscard]] bool is_question(std::size_t index) const { return entries_[index].is_question; }
  [[nodiscard]] bool has_pictures(std::size_t index) const { return entries_[index].has_pictures; }
  [[nodiscard]] Message Get(std::size_t index) const;
  [[nodiscard]] Json ToJson(std::size_t index) const;

 private:
  struct Entry {
    std::size_t begin = 0;  // in text_
    std::int64_t tokens = 0;
    bool is_question = false;
    bool has_pictures = false;
    std::shared_ptr<const Message> whole;  // one that JSON would not bring back
  };
  [[nodiscard]] std::string_view Text(std::size_t index) const;

  std::string text_;  // their JSON, one behind the other
  std::vector<Entry> entries_;
};

}  // namespace thimble
