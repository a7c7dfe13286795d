// SPDX-License-Identifier: Apache-2.0
#include "grammar/pattern.h"

#include "base/text.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>
#include <utility>

namespace thimble {

namespace {

struct Range {
  char32_t low;
  char32_t high;
};
using Ranges = std::vector<Range>;

constexpr char32_t kLast = 0x10FFFF;
constexpr int kMaxGroups = 32;  // inside one another
constexpr std::int64_t kMaxWrittenOut = 8;
constexpr std::int64_t kUnrolled = 129;  // XGrammar writes so many repetitions out, and counts those behind them
// Characters from which a class costs twice and four times as much to look up, and from which anything at all.
constexpr int kMaxLoose = 24;  // each makes ways through all others
constexpr std::size_t kMaxRanges = 100;
constexpr std::int64_t kWide = 40;
constexpr std::int64_t kWidest = 1000;
constexpr std::int64_t kNarrow = 12;
constexpr std::int64_t kAmbiguous = 24;  // characters, repeats written out, where a text can be read in many ways

// What a string may hold without escapes, less the control characters behind ASCII and what is no character.
const Ranges& SafeSet() {
  static const Ranges kSafe = {{0x20, 0x21},   {0x23, 0x5B},     {0x5D, 0x7E},
                               {0xA0, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, kLast}};
  return kSafe;
}

// What names of properties are made of that no schema lists: with all characters their grammars would be far larger.
const Ranges& NameSet() {
  static const Ranges kNames = {{'-', '-'}, {'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
  return kNames;
}

void Normalise(Ranges* ranges) {
  std::sort(ranges->begin(), ranges->end(), [](const Range& a, const Range& b) { return a.low < b.low; });
  Ranges out;
  for (const Range& range : *ranges) {
    if (!out.empty() && range.low <= out.back().high + 1) {
      out.back().high = std::max(out.back().high, range.high);
    } else {
      out.push_back(range);
    }
  }
  *ranges = std::move(out);
}

Ranges Complement(Ranges ranges) {
  Normalise(&ranges);
  Ranges out;
  char32_t next = 0;
  for (const Range& range : ranges) {
    if (range.low > next) out.push_back({next, range.low - 1});
    next = range.high + 1;
  }
  if (next <= kLast) out.push_back({next, kLast});
  return out;
}

Ranges Intersection(const Ranges& a, const Ranges& b) {
  Ranges out;
  for (const Range& x : a) {
    for (const Range& y : b) {
      const char32_t low = std::max(x.low, y.low);
      const char32_t high = std::min(x.high, y.high);
      if (low <= high) out.push_back({low, high});
    }
  }
  return out;
}

// \d, \w, \s and their opposites; nullopt for other letters. The opposites leave out what some languages count to the
// class itself: digits and letters of other scripts, spaces that are not ECMAScript's.
std::optional<Ranges> ClassOf(char letter) {
  switch (letter) {
    case 'd':
      return Ranges{{'0', '9'}};
    case 'D':
      return Ranges{{0x20, '/'}, {':', 0x7E}, {0xA1, 0x65F}};
    case 'w':
      return Ranges{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}};
    case 'W':
      return Ranges{{0x20, '/'}, {':', '@'}, {'[', '^'}, {'`', '`'}, {'{', 0x7E}};
    case 's':
      return Ranges{{' ', ' '}};
    case 'S':
      return Ranges{{'!', 0x7E},      {0xA1, 0x167F},   {0x1681, 0x1FFF}, {0x2010, 0x2027}, {0x2030, 0x205E},
                    {0x2070, 0x2FFF}, {0x3001, 0xD7FF}, {0xE000, 0xFEFE}, {0xFF00, kLast}};
    default:
      return std::nullopt;
  }
}

void AppendCharacter(std::string* out, char32_t c) {
  const bool is_plain = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == ' ';
  if (is_plain) {
    out->push_back(static_cast<char>(c));
    return;
  }
  constexpr const char* kHex = "0123456789abcdef";
  std::string digits;
  for (; c != 0; c /= 16) digits.insert(digits.begin(), kHex[c % 16]);
  if (digits.size() <= 4) {
    out->append("\\u").append(4 - digits.size(), '0').append(digits);
  } else {
    out->append("\\u{").append(digits).append("}");
  }
}

void AppendRanges(std::string* out, const Ranges& set) {
  for (const Range& range : set) {
    AppendCharacter(out, range.low);
    if (range.high == range.low) continue;
    out->push_back('-');
    AppendCharacter(out, range.high);
  }
}

// A class by what it lacks.
std::string SpellMissing(Ranges set) {
  std::string out = "[^";
  AppendRanges(&out, Complement(std::move(set)));
  out.push_back(']');
  return out;
}

// A set as a character or a class; it must not be empty.
std::string Spell(Ranges set) {
  // Of sets with most scripts in them, what is missing: XGrammar makes far more of such classes.
  if (set.back().high == kLast) return SpellMissing(std::move(set));
  std::string out;
  if (set.size() == 1 && set[0].low == set[0].high) {
    AppendCharacter(&out, set[0].low);
    return out;
  }
  // '^' must not come first, spelled in whatever way.
  if (set[0].low == '^') {
    if (set.size() == 1) set = {{set[0].low + 1, set[0].high}, {'^', '^'}};
    std::rotate(set.begin(), set.begin() + 1, set.end());
    if (set[0].low == '^') std::rotate(set.begin(), set.begin() + 1, set.end());
  }
  out.push_back('[');
  AppendRanges(&out, set);
  out.push_back(']');
  return out;
}

const std::string& AnyCharacter() {
  static const std::string kAny = Spell(SafeSet());
  return kAny;
}

Error Unsupported(std::string what) { return Error{Code::kUnsupported, std::move(what)}; }
Error Invalid(std::string what) { return Error{Code::kInvalid, std::move(what)}; }

// Reads a pattern and writes its canonical form in one go.
class PatternReader {
 public:
  explicit PatternReader(std::string_view text) : text_(text) {}

  Result<std::string> Run() {
    if (text_.size() > kMaxPatternLength)
      return Unsupported("has " + std::to_string(text_.size()) + " characters, at most " +
                         std::to_string(kMaxPatternLength) + " are looked at");
    if (!IsValidUtf8(text_)) return Invalid("is not UTF-8");
    THIMBLE_ASSIGN_OR_RETURN(const Piece whole, Alternatives(0));
    if (at_ < text_.size()) return Invalid("has a ')' too many at " + std::to_string(at_));
    num_states_ = whole.states;
    return whole.text;
  }

  [[nodiscard]] std::int64_t num_states() const { return num_states_; }

 private:
  struct Piece {
    std::string text;
    bool is_unbounded = false;  // holds a repeat without a bound
    std::int64_t size = 0;      // characters, repeats written out
    Ranges set = {};            // where it is one character of these
    Ranges first = {};          // what it begins with
    Ranges open = {};           // what may still belong to it where it could have ended
    bool may_be_empty = false;
    std::int64_t states = 0;  // that XGrammar makes of its classes and looks up in the vocabulary, the wide ones twice
  };

  // Appends `next` to `all`.
  static void Join(Piece next, Piece* all) {
    all->text += next.text;
    all->is_unbounded = all->is_unbounded || next.is_unbounded;
    all->size += next.size;
    all->states += next.states;
    if (all->may_be_empty) Add(next.first, &all->first);
    if (!next.may_be_empty) all->open.clear();
    Add(next.open, &all->open);
    all->may_be_empty = all->may_be_empty && next.may_be_empty;
  }
  static void Add(const Ranges& more, Ranges* to) {
    to->insert(to->end(), more.begin(), more.end());
    Normalise(to);
  }

  [[nodiscard]] bool Has(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  Result<Piece> Alternatives(int depth) {
    Piece all;
    while (true) {
      THIMBLE_ASSIGN_OR_RETURN(const Piece one, Sequence(depth));
      all.text += one.text;
      all.is_unbounded = all.is_unbounded || one.is_unbounded;
      all.size += one.size;
      all.states += one.states;
      Add(one.first, &all.first);
      Add(one.open, &all.open);
      all.may_be_empty = all.may_be_empty || one.may_be_empty;
      if (!Has("|")) return all;
      all.text += '|';
      ++at_;
    }
  }

  // At depth 0, what is not anchored becomes free on that side.
  Result<Piece> Sequence(int depth) {
    Piece all;
    all.may_be_empty = true;
    const bool is_top = depth == 0;
    const bool has_begin = is_top && Has("^");
    if (has_begin) ++at_;
    bool has_end = false;
    while (at_ < text_.size() && !Has("|") && !(Has(")") && !is_top)) {
      if (Has(")")) return Invalid("has a ')' too many at " + std::to_string(at_));
      if (is_top && Has("$") && (at_ + 1 == text_.size() || text_[at_ + 1] == '|')) {
        has_end = true;
        ++at_;
        break;
      }
      THIMBLE_ASSIGN_OR_RETURN(Piece one, Repeated(depth));
      const bool is_ambiguous = !Intersection(all.open, one.first).empty();
      num_loose_ += (is_ambiguous ? 1 : 0) + (one.may_be_empty ? 1 : 0);
      if (num_loose_ > kMaxLoose)
        return Unsupported(
            Cat("has more than ", kMaxLoose, " parts that may be missing or begin where the one before them goes on"));
      Join(std::move(one), &all);
      if (all.states > kMaxPatternStates)
        return Unsupported(
            Cat("has more than ", kMaxPatternStates, " states to look up: classes, one behind the other"));
      if (all.size > kMaxRepeats)
        return Unsupported("repeats more than " + std::to_string(kMaxRepeats) + " characters");
    }
    if (!is_top) return all;
    if (all.text.empty() && !has_begin && !has_end) {
      all.text = AnyCharacter() + "*";
      return all;
    }
    // What is free on a side is a part like any other, in each branch.
    num_loose_ += (has_begin ? 0 : 1) + (has_end ? 0 : 1);
    all.states += (has_begin ? 0 : 4) + (has_end ? 0 : 4);
    if (num_loose_ > kMaxLoose)
      return Unsupported(Cat("has more than ", kMaxLoose / 2, " branches that are not held by ^ and $"));
    if (!has_begin) all.text = AnyCharacter() + "*" + all.text;
    if (!has_end) all.text += AnyCharacter() + "*";
    return all;
  }

  Result<Piece> Repeated(int depth) {
    THIMBLE_ASSIGN_OR_RETURN(Piece piece, Atom(depth));
    if (at_ >= text_.size()) return piece;
    std::int64_t low = 0;
    std::int64_t high = -1;
    const char c = text_[at_];
    if (c == '*' || c == '+' || c == '?') {
      low = c == '+' ? 1 : 0;
      high = c == '?' ? 1 : -1;
      ++at_;
    } else if (c == '{') {
      THIMBLE_RETURN_IF_ERROR(Count(&low, &high));
    } else {
      return piece;
    }
    if (Has("?")) ++at_;  // as few as possible: the same strings
    if (Has("*") || Has("+") || Has("?") || Has("{")) return Invalid("repeats a repeat at " + std::to_string(at_));
    if (high == -1 && piece.is_unbounded) return Unsupported("has a repeat without a bound inside another");
    Piece out;
    out.size = piece.size * std::max<std::int64_t>({low, high, 1});
    if (out.size > kMaxRepeats) return Unsupported("repeats more than " + std::to_string(kMaxRepeats) + " characters");
    out.is_unbounded = piece.is_unbounded || high == -1;
    THIMBLE_RETURN_IF_ERROR(CountStates(piece, low, high, depth, &out));
    // What repeats often and is written by what it lacks is counted by XGrammar, which else makes a state of each.
    const bool is_counted = std::max(low, high) > kMaxWrittenOut && !piece.set.empty();
    out.text = is_counted ? SpellMissing(piece.set) : piece.text;
    if (c != '{') {
      out.text += c;
    } else {
      out.text += Cat("{", low, low == high ? "" : ",", low == high || high < 0 ? "" : std::to_string(high), "}");
    }
    return out;
  }

  // What a repeat costs, and what it begins and ends with.
  Status CountStates(const Piece& piece, std::int64_t low, std::int64_t high, int depth, Piece* out) {
    const std::int64_t num_written = high < 0 ? low + 1 : std::min(high, kUnrolled);
    // XGrammar counts a class that something follows which is not in it.
    const bool ends = at_ == text_.size() || Has("$") || Has("|");
    const bool is_counted = !piece.set.empty() && depth == 0 && (ends || !IsAt(piece.set));
    // A longer group is a rule of its own, which is looked up once.
    out->states = piece.states * (is_counted || piece.size > 1 ? 1 : num_written);
    out->first = piece.first;
    out->open = piece.open;
    if (low != high) Add(piece.first, &out->open);
    out->may_be_empty = piece.may_be_empty || low == 0;
    // Where one repetition may end, or go on with what the next begins with, there are many ways to read a text.
    const bool is_repeated = high < 0 || high > 1;
    const bool is_ambiguous = is_repeated && !Intersection(piece.open, piece.first).empty();
    if (is_ambiguous && piece.size * (high < 0 ? kAmbiguous : high) > kAmbiguous)
      return Unsupported("has a repeat inside another that can begin where it goes on: too many ways to read a text");
    if (out->states > kMaxPatternStates)
      return Unsupported(Cat("repeats what is no single class too often: it makes ", out->states, " states, at most ",
                             kMaxPatternStates, " are looked up"));
    return Done{};
  }

  // Whether a character that the pattern spells here is one of the set; true for what is no plain character.
  [[nodiscard]] bool IsAt(const Ranges& set) const {
    const char c = text_[at_];
    const std::string_view spelled = c == '\\' ? text_.substr(at_ + 1, 1) : text_.substr(at_, 1);
    const bool is_plain =
        !spelled.empty() && (c == '\\' ? std::string_view("-./+*?()[]{}|^$").find(spelled) != spelled.npos
                                       : std::string_view(".()[]{}*+?|^$").find(spelled) == spelled.npos);
    const auto code = static_cast<char32_t>(is_plain ? static_cast<unsigned char>(spelled[0]) : 0);
    if (!is_plain || code >= 0x80) return true;
    return std::any_of(set.begin(), set.end(),
                       [&](const Range& range) { return code >= range.low && code <= range.high; });
  }

  Status Count(std::int64_t* low, std::int64_t* high) {
    ++at_;
    const auto number = [&]() -> std::int64_t {
      if (at_ >= text_.size() || text_[at_] < '0' || text_[at_] > '9') return -1;
      std::int64_t value = 0;
      for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_)
        value = std::min<std::int64_t>(value * 10 + (text_[at_] - '0'), 1'000'000);
      return value;
    };
    *low = number();
    if (*low < 0) return Invalid("has a '{' without a number at " + std::to_string(at_));
    *high = *low;
    if (Has(",")) {
      ++at_;
      *high = number();
    }
    if (!Has("}")) return Invalid("has a '{' without '}' at " + std::to_string(at_));
    ++at_;
    if (*high >= 0 && *high < *low) return Invalid("repeats from a larger number to a smaller one");
    if (std::max(*low, *high) > kMaxRepeats)
      return Unsupported("repeats more than " + std::to_string(kMaxRepeats) + " times");
    return Done{};
  }

  Result<Piece> Atom(int depth) {
    const char c = text_[at_];
    switch (c) {
      case '(':
        return Group(depth);
      case '[':
        return Class();
      case '.':
        ++at_;
        return PieceOf(Complement({{'\n', '\n'}, {'\r', '\r'}, {0x2028, 0x2029}}));
      case '\\':
        return EscapedAtom();
      case '^':
      case '$':
        return Unsupported(Cat("has '", c, "' inside, not at an end"));
      case '*':
      case '+':
      case '?':
      case '{':
        return Invalid(Cat("has '", c, "' with nothing to repeat"));
      default: {
        const DecodedChar decoded = DecodeUtf8(text_.substr(at_));
        at_ += static_cast<std::size_t>(decoded.num_bytes);
        return PieceOf({{decoded.code_point, decoded.code_point}});
      }
    }
  }

  Result<Piece> PieceOf(const Ranges& wanted) {
    Ranges set = Intersection(wanted, SafeSet());
    if (set.empty()) return Unsupported("asks for a character that JSON writes escaped");
    Normalise(&set);
    if (set.size() > kMaxRanges)
      return Unsupported(Cat("has a class of ", set.size(), " ranges, at most ", kMaxRanges, " are looked at"));
    std::int64_t num_characters = 0;
    for (const Range& range : set) num_characters += range.high - range.low + 1;
    Piece piece{Spell(set), false, 1, set, set};
    piece.states = num_characters > kWidest ? 4 : num_characters > kWide ? 2 : num_characters > kNarrow ? 1 : 0;
    return piece;
  }

  Result<Piece> Group(int depth) {
    if (depth >= kMaxGroups) return Unsupported("has groups more than " + std::to_string(kMaxGroups) + " deep");
    ++at_;
    if (Has("?:")) {
      at_ += 2;
    } else if (Has("?<") && !Has("?<=") && !Has("?<!")) {
      const std::size_t close = text_.find('>', at_);
      if (close == std::string_view::npos) return Invalid("has a group's name without its end");
      at_ = close + 1;
    } else if (Has("?")) {
      return Unsupported("looks ahead or back, or changes how letters are compared");
    }
    THIMBLE_ASSIGN_OR_RETURN(Piece inside, Alternatives(depth + 1));
    if (!Has(")")) return Invalid("has a '(' without ')'");
    ++at_;
    inside.text = Cat("(", inside.text, ")");
    inside.set.clear();
    return inside;
  }

  // One escape behind '\': a class's letter, or a character.
  struct Escape {
    std::optional<Ranges> set;
    char32_t character = 0;
  };
  Result<Escape> ReadEscape(bool in_class) {
    ++at_;
    if (at_ >= text_.size()) return Invalid("ends with '\\'");
    const char c = text_[at_++];
    if (auto set = ClassOf(c)) return Escape{std::move(set)};
    switch (c) {
      case 't':
        return Escape{{}, '\t'};
      case 'n':
        return Escape{{}, '\n'};
      case 'r':
        return Escape{{}, '\r'};
      case 'f':
        return Escape{{}, '\f'};
      case 'v':
        return Escape{{}, '\v'};
      case '0':
        return Escape{{}, 0};
      case 'x':
        return ReadHex(2);
      case 'u':
        return ReadHex(Has("{") ? 0 : 4);
      default:
        break;
    }
    const bool is_name = (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
    if (is_name && !(c == 'b' && in_class)) return Unsupported(Cat("has \\", c));
    if (c == 'b') return Escape{{}, '\b'};
    --at_;
    const DecodedChar decoded = DecodeUtf8(text_.substr(at_));
    at_ += static_cast<std::size_t>(decoded.num_bytes);
    return Escape{{}, decoded.code_point};
  }

  // So many hexadecimal digits; 0: in braces.
  Result<Escape> ReadHex(int count) {
    const bool has_braces = count == 0;
    if (has_braces) ++at_;
    char32_t value = 0;
    int digits = 0;
    for (; at_ < text_.size() && digits < (has_braces ? 6 : count); ++at_, ++digits) {
      const char c = text_[at_];
      const int digit = c >= '0' && c <= '9'   ? c - '0'
                        : c >= 'a' && c <= 'f' ? c - 'a' + 10
                        : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                               : -1;
      if (digit < 0) break;
      value = value * 16 + static_cast<char32_t>(digit);
    }
    if (digits == 0 || (!has_braces && digits < count)) return Invalid("has an escape without its digits");
    if (has_braces && !Has("}")) return Invalid("has '\\u{' without '}'");
    if (has_braces) ++at_;
    if (value > kLast) return Invalid("asks for a character behind the last one");
    return Escape{{}, value};
  }

  Result<Piece> EscapedAtom() {
    THIMBLE_ASSIGN_OR_RETURN(const Escape escape, ReadEscape(false));
    return PieceOf(escape.set.has_value() ? *escape.set : Ranges{{escape.character, escape.character}});
  }

  Result<Piece> Class() {
    ++at_;
    const bool is_negated = Has("^");
    if (is_negated) ++at_;
    Ranges set;
    bool has_opposite = false;  // \D, \W, \S: left smaller than they are, so that "not these" would be too much
    while (true) {
      if (at_ >= text_.size()) return Invalid("has a '[' without ']'");
      if (Has("]")) break;
      THIMBLE_ASSIGN_OR_RETURN(const Escape first, ClassItem(&has_opposite));
      if (first.set.has_value()) {
        set.insert(set.end(), first.set->begin(), first.set->end());
        continue;
      }
      char32_t last = first.character;
      if (Has("-") && at_ + 1 < text_.size() && text_[at_ + 1] != ']') {
        ++at_;
        THIMBLE_ASSIGN_OR_RETURN(const Escape second, ClassItem(&has_opposite));
        if (second.set.has_value() || second.character < last)
          return Invalid("has a range from a later to an earlier character");
        last = second.character;
      }
      set.push_back({first.character, last});
    }
    ++at_;
    if (!is_negated) return PieceOf(set);
    if (has_opposite) return Unsupported("has \\D, \\W or \\S in a class that begins with '^'");
    return PieceOf(Complement(WithOtherScripts(std::move(set))));
  }

  // A class for its complement: with all that some language counts to it.
  Ranges WithOtherScripts(Ranges set) const {
    if (negated_digits_) set.push_back({0x660, kLast});
    if (negated_words_) set.push_back({0x80, kLast});
    if (negated_spaces_) {
      const Ranges more = Complement(*ClassOf('S'));
      set.insert(set.end(), more.begin(), more.end());
    }
    return set;
  }

  Result<Escape> ClassItem(bool* has_opposite) {
    if (!Has("\\")) {
      const DecodedChar decoded = DecodeUtf8(text_.substr(at_));
      at_ += static_cast<std::size_t>(decoded.num_bytes);
      return Escape{{}, decoded.code_point};
    }
    const char letter = at_ + 1 < text_.size() ? text_[at_ + 1] : '\0';
    *has_opposite = *has_opposite || letter == 'D' || letter == 'W' || letter == 'S';
    negated_digits_ = negated_digits_ || letter == 'd';
    negated_words_ = negated_words_ || letter == 'w';
    negated_spaces_ = negated_spaces_ || letter == 's';
    return ReadEscape(true);
  }

  std::string_view text_;
  std::int64_t num_states_ = 0;  // of the whole
  int num_loose_ = 0;            // parts that may be missing, or begin where the one before goes on
  std::size_t at_ = 0;
  // A class so far, or one before it, held \d, \w, \s.
  bool negated_digits_ = false;
  bool negated_words_ = false;
  bool negated_spaces_ = false;
};

struct NameNode {
  bool is_end = false;
  std::map<char32_t, NameNode> next;
};

// The strings that may follow where the names in `node` begin alike, none of which they become.
std::string OthersFrom(const NameNode& node) {
  Ranges taken;
  for (const auto& [c, child] : node.next) taken.push_back({c, c});
  Ranges free = Intersection(Complement(taken), NameSet());
  Normalise(&free);
  std::string out = Cat("(", Spell(std::move(free)), Spell(NameSet()), "*");
  for (const auto& [c, child] : node.next) {
    out.push_back('|');
    AppendCharacter(&out, c);
    out += OthersFrom(child);
  }
  out.push_back(')');
  if (!node.is_end) out.push_back('?');
  return out;
}

bool IsNameCharacter(char32_t c) {
  return std::any_of(NameSet().begin(), NameSet().end(),
                     [&](const Range& range) { return c >= range.low && c <= range.high; });
}

}  // namespace

Result<std::string> WholePattern(std::string_view pattern, std::int64_t* states) {
  PatternReader reader(pattern);
  auto whole = reader.Run();
  if (states != nullptr) *states = reader.num_states();
  return whole;
}

std::string OtherNamesPattern(const std::vector<std::string>& names) {
  NameNode root;
  for (const std::string& name : names) {
    NameNode* node = &root;
    bool is_known = true;
    // A name that these patterns cannot spell needs not be kept out; its first characters do no harm.
    for (std::string_view rest = name; !rest.empty() && is_known;) {
      const DecodedChar decoded = DecodeUtf8(rest);
      rest.remove_prefix(static_cast<std::size_t>(decoded.num_bytes));
      is_known = IsNameCharacter(decoded.code_point);
      if (is_known) node = &node->next[decoded.code_point];
    }
    node->is_end = node->is_end || is_known;
  }
  return OthersFrom(root);
}

namespace {

#define THIMBLE_DATE                                                                               \
  "[12][0-9]{3}\\u002d((0[13578]|1[02])\\u002d(0[1-9]|[12][0-9]|3[01])|(0[469]|11)\\u002d(0[1-9]|" \
  "[12][0-9]|30)|02\\u002d(0[1-9]|1[0-9]|2[0-8]))"
#define THIMBLE_TIME                                                                                              \
  "([01][0-9]|2[0-3])\\u003a[0-5][0-9]\\u003a[0-5][0-9](\\u002e[0-9]{1,6})?(Z|[\\u002b\\u002d]([01][0-9]|2[0-3])" \
  "\\u003a[0-5][0-9])"
#define THIMBLE_LABEL "[A-Za-z0-9]+(\\u002d[A-Za-z0-9]+)*"
#define THIMBLE_BYTE "(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
#define THIMBLE_GROUP "[0-9A-Fa-f]{1,4}"

struct Format {
  std::string_view name;
  const char* pattern;
};

constexpr std::array<Format, 10> kFormats = {{
    {"date", THIMBLE_DATE},
    {"time", THIMBLE_TIME},
    {"date-time", THIMBLE_DATE "T" THIMBLE_TIME},
    {"duration",
     "P([0-9]{1,9}W|[0-9]{1,9}Y([0-9]{1,9}M([0-9]{1,9}D)?)?|[0-9]{1,9}M([0-9]{1,9}D)?|[0-9]{1,9}D|"
     "([0-9]{1,9}D)?T([0-9]{1,9}H([0-9]{1,9}M([0-9]{1,9}S)?)?|[0-9]{1,9}M([0-9]{1,9}S)?|[0-9]{1,9}S))"},
    {"uuid", "[0-9A-Fa-f]{8}(\\u002d[0-9A-Fa-f]{4}){3}\\u002d[0-9A-Fa-f]{12}"},
    {"email", "[A-Za-z0-9_\\u002b\\u002d]+(\\u002e[A-Za-z0-9_\\u002b\\u002d]+)*\\u0040" THIMBLE_LABEL
              "(\\u002e" THIMBLE_LABEL ")+"},
    {"hostname", THIMBLE_LABEL "(\\u002e" THIMBLE_LABEL ")*"},
    {"ipv4", THIMBLE_BYTE "(\\u002e" THIMBLE_BYTE "){3}"},
    {"ipv6", "((" THIMBLE_GROUP "\\u003a){7}" THIMBLE_GROUP "|(" THIMBLE_GROUP "\\u003a){1,6}\\u003a" THIMBLE_GROUP
             "|(" THIMBLE_GROUP "\\u003a){1,7}\\u003a|\\u003a(\\u003a" THIMBLE_GROUP "){1,7}|\\u003a\\u003a)"},
    {"uri",
     "[A-Za-z][A-Za-z0-9]*\\u003a(\\u002f\\u002f" THIMBLE_LABEL "(\\u002e" THIMBLE_LABEL ")*(\\u003a[1-9][0-9]{0,3})?)?"
     "([A-Za-z0-9_\\u007e\\u002d\\u002e\\u002f\\u0040\\u002c\\u002b]|\\u0025[0-9A-F]{2})+"
     "(\\u003f[A-Za-z0-9_\\u007e\\u002d\\u002e\\u002f\\u003d\\u0026\\u002b]*)?(\\u0023[A-Za-z0-9_\\u002d]*)?"},
}};

}  // namespace

const char* FormatPattern(std::string_view format) {
  const auto found =
      std::find_if(kFormats.begin(), kFormats.end(), [&](const Format& entry) { return entry.name == format; });
  return found == kFormats.end() ? nullptr : found->pattern;
}

}  // namespace thimble
