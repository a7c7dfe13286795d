// SPDX-License-Identifier: Apache-2.0
#include "host/chat_search.h"

#include "base/text.h"

#include <algorithm>
#include <cstddef>
#include <utility>

namespace thimble::host {

namespace {

constexpr std::size_t kMostSearchChars = 1'000;
constexpr std::size_t kMostWords = 32;
constexpr std::size_t kIndexedChars = 3;  // what the index is made of
constexpr std::size_t kExcerptChars = 160;
constexpr std::size_t kCharsBefore = 60;
constexpr char32_t kHitBegin = 0xE000;
constexpr char32_t kHitEnd = 0xE001;

// Letters of Europe's alphabets in lower case, for showing where a word stands. (What is found decides the index, which
// knows all letters.)
char32_t Lower(char32_t c) {
  if (c < 0x80) return c >= 'A' && c <= 'Z' ? c + 0x20 : c;
  const bool is_by_32 =
      (c >= 0xC0 && c <= 0xDE && c != 0xD7) || (c >= 0x391 && c <= 0x3A9) || (c >= 0x410 && c <= 0x42F);
  if (is_by_32) return c + 0x20;
  if (c >= 0x400 && c <= 0x40F) return c + 0x50;
  const bool is_even_capital = (c >= 0x100 && c <= 0x137) || (c >= 0x14A && c <= 0x177);
  return is_even_capital && c % 2 == 0 ? c + 1 : c;
}

std::u32string Characters(std::string_view text) {
  std::u32string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const DecodedChar next = DecodeUtf8(text);
    text.remove_prefix(static_cast<std::size_t>(next.num_bytes));
    // Marks of our own only.
    if (next.code_point != kHitBegin && next.code_point != kHitEnd) out.push_back(next.code_point);
  }
  return out;
}

std::u32string Lower(std::u32string text) {
  for (char32_t& c : text) c = Lower(c);
  return text;
}

bool IsBlank(char32_t c) { return c <= ' ' || c == 0x7F || c == 0x3000; }

// "%a\%b%": what LIKE finds "a%b" anywhere with.
std::string LikePattern(std::string_view word) {
  std::string pattern = "%";
  for (const char c : word) {
    if (c == '%' || c == '_' || c == '\\') pattern.push_back('\\');
    pattern.push_back(c);
  }
  return pattern + "%";
}

// Texts that all stand somewhere, as the index takes them.
std::string MatchExpression(const std::vector<std::string>& words) {
  std::string expression;
  for (const std::string& word : words) {
    expression += expression.empty() ? "\"" : " \"";
    for (const char c : word) expression += c == '"' ? std::string("\"\"") : std::string(1, c);
    expression += "\"";
  }
  return expression;
}

void AppendChars(std::string* out, std::u32string_view text) {
  for (const char32_t c : text) AppendUtf8(out, IsBlank(c) ? U' ' : c);
}

}  // namespace

OrFault<SearchWords> ReadSearch(std::string_view search) {
  const std::string clean = ReplaceInvalidUtf8(search.substr(0, 4 * kMostSearchChars + 1));
  const std::u32string characters = Characters(clean);
  if (characters.size() > kMostSearchChars)
    return StoreFault(400, Cat("a search may have ", kMostSearchChars, " characters"));
  SearchWords words;
  std::u32string_view rest = characters;
  while (!rest.empty()) {
    std::size_t size = 0;
    while (size < rest.size() && !IsBlank(rest[size])) ++size;
    std::string word;
    AppendChars(&word, rest.substr(0, size));
    if (size >= kIndexedChars) words.indexed.push_back(word);
    if (size > 0 && size < kIndexedChars) words.read.push_back(word);
    rest.remove_prefix(std::min(rest.size(), size + 1));
  }
  if (words.indexed.size() + words.read.size() > kMostWords)
    return StoreFault(400, Cat("a search may have ", kMostWords, " words"));
  return words;
}

SearchQuery MakeSearchQuery(const SearchWords& words) {
  SearchQuery query;
  if (!words.indexed.empty()) query.values.push_back(MatchExpression(words.indexed));
  for (const std::string& word : words.read) query.values.push_back(LikePattern(word));
  const auto where = [&](const char* index, const char* column) {
    std::string sql = "WHERE 1";
    std::size_t value = 1;
    if (!words.indexed.empty())
      sql += Cat(" AND seq IN (SELECT rowid FROM ", index, " WHERE ", index, " MATCH ?", value++, ")");
    for (; value <= query.values.size(); ++value) sql += Cat(" AND ", column, " LIKE ?", value, " ESCAPE '\\'");
    return sql;
  };
  query.sql = Cat("SELECT seq, min(message) AS message FROM (SELECT seq, 0 AS message FROM chats ",
                  where("title_search", "title"), " UNION ALL SELECT chat, max(seq) FROM messages ",
                  where("text_search", "text"), " GROUP BY chat) GROUP BY seq");
  return query;
}

std::string MakeExcerpt(std::string_view text, const SearchWords& words) {
  const std::u32string characters = Characters(text);
  const std::u32string lower = Lower(characters);
  std::size_t at = std::u32string::npos;
  std::size_t size = 0;
  for (const auto* list : {&words.indexed, &words.read}) {
    for (const std::string& word : *list) {
      const std::u32string wanted = Lower(Characters(word));
      const std::size_t found = lower.find(wanted);
      if (found < at) {
        at = found;
        size = wanted.size();
      }
    }
  }
  const std::u32string_view all = characters;
  const std::size_t hit = at == std::u32string::npos ? 0 : at;
  const std::size_t begin = hit - std::min(hit, kCharsBefore);
  const std::size_t end = std::min(all.size(), std::max(begin + kExcerptChars, hit + size));
  std::string out = begin > 0 ? "…" : "";
  AppendChars(&out, all.substr(begin, hit - begin));
  if (size > 0) AppendUtf8(&out, kHitBegin);
  AppendChars(&out, all.substr(hit, size));
  if (size > 0) AppendUtf8(&out, kHitEnd);
  AppendChars(&out, all.substr(hit + size, end - hit - size));
  if (end < all.size()) out += "…";
  return out;
}

}  // namespace thimble::host
