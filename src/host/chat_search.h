// SPDX-License-Identifier: Apache-2.0
// Searching conversations: which ones have all of some words in their title or in one of their messages.
#pragma once

#include "host/sqlite.h"
#include "service/chat_store.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble::host {

// The words of a search, without their order. The index tells which texts may have a word of three characters or more;
// for shorter ones (most words of Chinese and Japanese) all texts are read.
struct SearchWords {
  std::vector<std::string> indexed;
  std::vector<std::string> read;
  [[nodiscard]] bool empty() const { return indexed.empty() && read.empty(); }
};
// 400 for more than 32 words or 1,000 characters.
OrFault<SearchWords> ReadSearch(std::string_view search);

// A query of "seq", of chats, and "message", of the newest one that has all the words, 0: the title has them; at most
// one row a chat. Its values begin with ?1.
struct SearchQuery {
  std::string sql;
  std::vector<std::string> values;
};
SearchQuery MakeSearchQuery(const SearchWords& words);

// Whether `word` stands anywhere in `text`, in capitals or small letters.
bool HasWord(std::string_view text, std::string_view word);

// Some 160 characters of `text` around the first of the words, which stands between U+E000 and U+E001; line ends are
// blanks.
std::string MakeExcerpt(std::string_view text, const SearchWords& words);

}  // namespace thimble::host
