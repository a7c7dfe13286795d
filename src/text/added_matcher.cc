// SPDX-License-Identifier: Apache-2.0
#include "text/added_matcher.h"

#include "base/check.h"

#include <algorithm>
#include <tuple>

namespace thimble {
namespace {

unsigned char FirstByte(std::string_view text) { return static_cast<unsigned char>(text.front()); }

}  // namespace

void AddedMatcher::Add(std::string_view text, std::int32_t id) {
  THIMBLE_CHECK(!text.empty());
  entries_.push_back({std::string(text), id});
}

void AddedMatcher::Finish() {
  // Of equal texts the lowest id stands first and is found.
  std::sort(entries_.begin(), entries_.end(), [](const Entry& a, const Entry& b) {
    return std::tuple(FirstByte(a.text), b.text.size(), a.id) < std::tuple(FirstByte(b.text), a.text.size(), b.id);
  });
  first_of_.fill(0);
  for (const Entry& entry : entries_) ++first_of_[std::size_t{FirstByte(entry.text)} + 1];
  for (std::size_t byte = 0; byte < 256; ++byte) first_of_[byte + 1] += first_of_[byte];
  const bool begin_alike = !entries_.empty() && FirstByte(entries_.front().text) == FirstByte(entries_.back().text);
  only_first_byte_ = begin_alike ? FirstByte(entries_.front().text) : -1;
}

std::size_t AddedMatcher::SkipTo(std::string_view text, std::size_t from) const {
  if (only_first_byte_ >= 0) return std::min(text.find(static_cast<char>(only_first_byte_), from), text.size());
  while (from < text.size()) {
    const std::size_t byte = static_cast<unsigned char>(text[from]);
    if (first_of_[byte] != first_of_[byte + 1]) break;
    ++from;
  }
  return from;
}

AddedMatcher::Match AddedMatcher::FindNext(std::string_view text, std::size_t from) const {
  if (entries_.empty()) return {};
  for (std::size_t position = SkipTo(text, from); position < text.size(); position = SkipTo(text, position + 1)) {
    const std::string_view rest = text.substr(position);
    const std::size_t byte = FirstByte(rest);
    for (std::uint32_t index = first_of_[byte]; index < first_of_[byte + 1]; ++index) {
      const Entry& entry = entries_[index];
      if (rest.starts_with(entry.text)) return {position, entry.text.size(), entry.id};
    }
  }
  return {};
}

std::int32_t AddedMatcher::Find(std::string_view text) const {
  if (text.empty()) return -1;
  const std::size_t byte = FirstByte(text);
  for (std::uint32_t index = first_of_[byte]; index < first_of_[byte + 1]; ++index) {
    if (entries_[index].text == text) return entries_[index].id;
  }
  return -1;
}

}  // namespace thimble
