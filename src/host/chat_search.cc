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

bool IsIn(char32_t c, char32_t first, char32_t last) { return c >= first && c <= last; }

// Letters in small, of the alphabets that have such: Latin, Greek, Cyrillic, Armenian, and the wide ones of East Asia.
char32_t Lower(char32_t c) {
  if (c < 0x80) return IsIn(c, 'A', 'Z') ? c + 0x20 : c;
  if ((IsIn(c, 0xC0, 0xDE) && c != 0xD7) || IsIn(c, 0x391, 0x3AB) || IsIn(c, 0x410, 0x42F) || IsIn(c, 0xFF21, 0xFF3A))
    return c + 0x20;
  if (IsIn(c, 0x400, 0x40F)) return c + 0x50;
  if (IsIn(c, 0x531, 0x556)) return c + 0x30;
  if (IsIn(c, 0x388, 0x38A)) return c + 0x25;
  switch (c) {
    case 0x130:
      return 'i';
    case 0x178:
      return 0xFF;
    case 0x386:
      return 0x3AC;
    case 0x38C:
      return 0x3CC;
    case 0x38E:
    case 0x38F:
      return c + 0x3F;
    case 0x1E9E:
      return 0xDF;
    case 0x4C0:
      return 0x4CF;
    default:
      break;
  }
  // Pairs, the capital first: at even places, and at odd ones.
  const bool is_even_pair = IsIn(c, 0x100, 0x137) || IsIn(c, 0x14A, 0x177) || IsIn(c, 0x1DE, 0x1EF) ||
                            IsIn(c, 0x1F8, 0x21F) || IsIn(c, 0x222, 0x233) || IsIn(c, 0x460, 0x481) ||
                            IsIn(c, 0x48A, 0x4BF) || IsIn(c, 0x4D0, 0x52F) || IsIn(c, 0x1E00, 0x1E95) ||
                            IsIn(c, 0x1EA0, 0x1EFF);
  const bool is_odd_pair =
      IsIn(c, 0x139, 0x148) || IsIn(c, 0x179, 0x17E) || IsIn(c, 0x1CD, 0x1DC) || IsIn(c, 0x4C1, 0x4CE);
  if (is_even_pair && c % 2 == 0) return c + 1;
  return is_odd_pair && c % 2 == 1 ? c + 1 : c;
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

// Threes of neighbouring characters that stand in a text that has all the words.
std::string MatchExpression(const std::vector<std::string>& words) {
  constexpr std::size_t kMostThrees = 60;  // what has so many is looked at closely anyway
  std::string expression;
  std::size_t count = 0;
  for (const std::string& word : words) {
    const std::u32string characters = Characters(word);
    for (std::size_t i = 0; i + kIndexedChars <= characters.size() && count < kMostThrees; ++i, ++count) {
      expression += expression.empty() ? "\"" : " \"";
      for (const char32_t c : characters.substr(i, kIndexedChars)) {
        if (c == U'"') expression += '"';
        AppendUtf8(&expression, c);
      }
      expression += '"';
    }
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
  const std::size_t first_word = query.values.size() + 1;
  for (const auto* list : {&words.indexed, &words.read})
    query.values.insert(query.values.end(), list->begin(), list->end());
  const auto where = [&](const char* index, const char* column) {
    std::string sql = "WHERE 1";
    if (!words.indexed.empty()) sql += Cat(" AND seq IN (SELECT rowid FROM ", index, " WHERE ", index, " MATCH ?1)");
    for (std::size_t value = first_word; value <= query.values.size(); ++value)
      sql += Cat(" AND has_word(", column, ", ?", value, ")");
    return sql;
  };
  query.sql = Cat("SELECT seq, min(message) AS message FROM (SELECT seq, 0 AS message FROM chats ",
                  where("title_search", "title"), " UNION ALL SELECT chat, max(seq) FROM messages ",
                  where("text_search", "text"), " GROUP BY chat) GROUP BY seq");
  return query;
}

bool HasWord(std::string_view text, std::string_view word) {
  const std::u32string wanted = Lower(Characters(word));
  if (wanted.empty()) return true;
  // ASCII, which most texts are made of, byte by byte.
  const auto next = [](std::string_view* rest) {
    const auto byte = static_cast<unsigned char>(rest->front());
    const DecodedChar decoded = byte < 0x80 ? DecodedChar{byte, 1, true} : DecodeUtf8(*rest);
    rest->remove_prefix(static_cast<std::size_t>(decoded.num_bytes));
    return Lower(decoded.code_point);
  };
  while (!text.empty()) {
    if (next(&text) != wanted[0]) continue;
    std::string_view rest = text;
    std::size_t same = 1;
    while (same < wanted.size() && !rest.empty() && next(&rest) == wanted[same]) ++same;
    if (same == wanted.size()) return true;
  }
  return false;
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
