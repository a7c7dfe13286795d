// SPDX-License-Identifier: Apache-2.0
// Normal form C over the generated tables: decompose, order the marks, compose (Unicode Standard Annex 15).
#include "text/unicode.h"

#include "base/text.h"

#include <algorithm>
#include <cstddef>
#include <iterator>
#include <utility>
#include <vector>

namespace thimble {
namespace {

namespace tables = unicode_tables;

// Hangul syllables are composed by arithmetic (The Unicode Standard, section 3.12).
constexpr char32_t kSyllableBase = 0xAC00;
constexpr char32_t kLeadBase = 0x1100;
constexpr char32_t kVowelBase = 0x1161;
constexpr char32_t kTailBase = 0x11A7;
constexpr char32_t kNumLeads = 19;
constexpr char32_t kNumVowels = 21;
constexpr char32_t kNumTails = 28;  // the first one stands for "no final consonant"
constexpr char32_t kNumSyllables = kNumLeads * kNumVowels * kNumTails;

// A decomposed character, its combining class, and where it stood among its neighbours.
struct Unit {
  char32_t code_point;
  int combining_class;
  std::size_t order;
};

// Whether the character may change together with what stands before it. One that may not starts a new segment.
bool IsUnsettled(char32_t code_point) { return (unicode_internal::TableBits(code_point) & tables::kNfcUnsettled) != 0; }

void AppendDecomposed(char32_t code_point, std::vector<Unit>* units) {
  if (code_point >= kSyllableBase && code_point < kSyllableBase + kNumSyllables) {
    const char32_t index = code_point - kSyllableBase;
    units->push_back({kLeadBase + index / (kNumVowels * kNumTails), 0, units->size()});
    units->push_back({kVowelBase + index / kNumTails % kNumVowels, 0, units->size()});
    if (index % kNumTails != 0) units->push_back({kTailBase + index % kNumTails, 0, units->size()});
    return;
  }
  const auto* row = std::lower_bound(std::begin(tables::kDecompositions), std::end(tables::kDecompositions), code_point,
                                     [](const tables::Decomposition& d, char32_t c) { return d.code_point < c; });
  if (row == std::end(tables::kDecompositions) || row->code_point != code_point) {
    units->push_back({code_point, CombiningClass(code_point), units->size()});
    return;
  }
  // The tables hold one step; the deepest chain has four.
  AppendDecomposed(row->first, units);
  if (row->second != 0) AppendDecomposed(row->second, units);
}

// The character that NFC makes of two, or 0.
char32_t Compose(char32_t first, char32_t second) {
  if (first >= kLeadBase && first < kLeadBase + kNumLeads && second >= kVowelBase && second < kVowelBase + kNumVowels) {
    return kSyllableBase + ((first - kLeadBase) * kNumVowels + (second - kVowelBase)) * kNumTails;
  }
  if (first >= kSyllableBase && first < kSyllableBase + kNumSyllables && (first - kSyllableBase) % kNumTails == 0 &&
      second > kTailBase && second < kTailBase + kNumTails) {
    return first + (second - kTailBase);
  }
  const auto is_before = [first, second](std::uint16_t row_index, int) {
    const tables::Decomposition& row = tables::kDecompositions[row_index];
    return row.first != first ? row.first < first : row.second < second;
  };
  const auto* index =
      std::lower_bound(std::begin(tables::kCompositions), std::end(tables::kCompositions), 0, is_before);
  if (index == std::end(tables::kCompositions)) return 0;
  const tables::Decomposition& row = tables::kDecompositions[*index];
  return row.first == first && row.second == second ? static_cast<char32_t>(row.code_point) : 0;
}

// Marks between two starters are put in the order of their classes; equal classes keep their order.
void OrderMarks(std::vector<Unit>* units) {
  auto begin = units->begin();
  while (begin != units->end()) {
    if (begin->combining_class == 0) {
      ++begin;
      continue;
    }
    const auto end = std::find_if(begin, units->end(), [](const Unit& unit) { return unit.combining_class == 0; });
    std::sort(begin, end, [](const Unit& a, const Unit& b) {
      return std::pair(a.combining_class, a.order) < std::pair(b.combining_class, b.order);
    });
    begin = end;
  }
}

// Composes in place: each mark joins the last starter unless one of its own class or a higher one stands between.
void ComposeUnits(std::vector<Unit>* units) {
  std::size_t num_kept = 0;
  std::size_t starter = units->size();  // index of the last starter among the kept; size(): none yet
  int last_class = -1;                  // of the kept unit behind the starter; -1: none, the next is adjacent
  for (const Unit unit : *units) {
    if (starter < num_kept && last_class < unit.combining_class) {
      const char32_t composite = Compose((*units)[starter].code_point, unit.code_point);
      if (composite != 0) {
        (*units)[starter].code_point = composite;
        continue;
      }
    }
    if (unit.combining_class == 0) {
      starter = num_kept;
      last_class = -1;
    } else {
      last_class = unit.combining_class;
    }
    (*units)[num_kept++] = unit;
  }
  units->resize(num_kept);
}

// Offset of the first character that may not be in normal form, or text.size().
std::size_t FindUnsettled(std::string_view text) {
  std::size_t position = 0;
  while (position < text.size()) {
    // Below U+0300 (lead byte CC) nothing is unsettled.
    if (static_cast<unsigned char>(text[position]) < 0xCC) {
      ++position;
      continue;
    }
    const DecodedChar decoded = DecodeUtf8(text.substr(position));
    if (IsUnsettled(decoded.code_point)) return position;
    position += static_cast<std::size_t>(decoded.num_bytes);
  }
  return position;
}

}  // namespace

int CombiningClass(char32_t code_point) {
  const auto* range =
      std::lower_bound(std::begin(tables::kCombiningRanges), std::end(tables::kCombiningRanges), code_point,
                       [](const tables::CombiningRange& r, char32_t c) { return r.last < c; });
  if (range == std::end(tables::kCombiningRanges) || code_point < range->first) return 0;
  return range->combining_class;
}

std::string_view NormalizeNfc(std::string_view text, std::string* storage) {
  std::size_t unsettled = FindUnsettled(text);
  if (unsettled == text.size()) return text;

  storage->clear();
  storage->reserve(text.size());
  std::vector<Unit> units;
  std::size_t position = 0;
  while (position < text.size()) {
    // The segment to rewrite: the settled character before the unsettled one, and all unsettled ones that follow.
    std::size_t segment = unsettled;
    if (segment > position) {
      do {
        --segment;
      } while (segment > position && (static_cast<unsigned char>(text[segment]) & 0xC0u) == 0x80u);
    }
    storage->append(text.substr(position, segment - position));
    position = segment;
    units.clear();
    while (position < text.size()) {
      const DecodedChar decoded = DecodeUtf8(text.substr(position));
      if (position > unsettled && !IsUnsettled(decoded.code_point)) break;
      AppendDecomposed(decoded.code_point, &units);
      position += static_cast<std::size_t>(decoded.num_bytes);
    }
    OrderMarks(&units);
    ComposeUnits(&units);
    for (const Unit& unit : units) AppendUtf8(storage, unit.code_point);
    unsettled = position + FindUnsettled(text.substr(position));
    if (unsettled == text.size()) {
      storage->append(text.substr(position));
      break;
    }
  }
  return *storage;
}

}  // namespace thimble
