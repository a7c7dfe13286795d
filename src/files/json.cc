// SPDX-License-Identifier: Apache-2.0
// JSON in and out. nlohmann-json reads the grammar through its event interface, which reports errors by a call instead
// of an exception; values, numbers and printing are ours.
#include "files/json.h"

#include "base/check.h"
#include "base/text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <locale>
#include <sstream>
#include <unordered_map>

#include <nlohmann/json.hpp>

namespace thimble {

namespace {

constexpr int kMaxDepth = 256;
constexpr std::size_t kMaxReasonBytes = 200;  // nlohmann quotes the whole token it stopped in

// Passes nlohmann's events on to a JsonSink. The method names are nlohmann's, not ours.
class SaxAdapter {
 public:
  SaxAdapter(JsonSink* sink, std::string_view place) : sink_(sink), place_(place) {}

  // NOLINTBEGIN(readability-identifier-naming)
  bool null() { return sink_->Null(); }
  bool boolean(bool value) { return sink_->Bool(value); }
  // Called only for literals with a minus sign, so a zero was written "-0".
  bool number_integer(std::int64_t value) { return value == 0 ? sink_->Number("-0") : sink_->Number(Cat(value)); }
  bool number_unsigned(std::uint64_t value) { return sink_->Number(Cat(value)); }
  bool number_float(double /*value*/, const std::string& literal) {
    // The scanner writes the current locale's decimal mark in place of the point.
    std::string spelling = literal;
    for (char& c : spelling) {
      const bool is_plain = (c >= '0' && c <= '9') || c == '-' || c == '+' || c == 'e' || c == 'E';
      if (!is_plain) c = '.';
    }
    return sink_->Number(spelling);
  }
  bool string(std::string& value) { return sink_->String(std::move(value)); }
  bool binary(const std::vector<std::uint8_t>& /*value*/) { return false; }
  bool key(std::string& value) { return sink_->Key(std::move(value)); }
  bool start_object(std::size_t /*size*/) { return Enter() && sink_->BeginObject(); }
  bool start_array(std::size_t /*size*/) { return Enter() && sink_->BeginArray(); }
  bool end_object() {
    --depth_;
    return sink_->EndObject();
  }
  bool end_array() {
    --depth_;
    return sink_->EndArray();
  }
  bool parse_error(std::size_t /*position*/, const std::string& /*token*/,
                   const nlohmann::detail::exception& exception) {
    std::string_view reason = exception.what();  // "[json.exception.parse_error.101] parse error at line 1, ..."
    const std::size_t bracket = reason.find("] ");
    if (bracket != std::string_view::npos) reason.remove_prefix(bracket + 2);
    const bool is_long = reason.size() > kMaxReasonBytes;
    if (is_long) reason = reason.substr(0, kMaxReasonBytes);
    error_ =
        Error{Code::kCorrupt, Cat("[", place_, "] not valid JSON: ", EscapeControls(reason), is_long ? " ..." : "")};
    return false;
  }
  // NOLINTEND(readability-identifier-naming)

  // Why parsing ended early: malformed text, or the sink's wish.
  [[nodiscard]] Error error() const {
    return error_ ? *error_ : Error{Code::kInvalid, Cat("[", place_, "] stopped by the reader of the document")};
  }

 private:
  bool Enter() {
    if (++depth_ <= kMaxDepth) return true;
    error_ = Error{Code::kCorrupt, Cat("[", place_, "] JSON may nest ", kMaxDepth, " levels, found more")};
    return false;
  }

  JsonSink* sink_;
  std::string_view place_;
  int depth_ = 0;
  std::optional<Error> error_;
};

// Of repeated keys keeps the last value in the first place.
void DropRepeatedKeys(std::vector<Json::Member>* members) {
  std::unordered_map<std::string_view, std::size_t> first_of;
  first_of.reserve(members->size());
  bool has_repeats = false;
  for (std::size_t index = 0; index < members->size(); ++index) {
    const auto [entry, is_new] = first_of.try_emplace((*members)[index].first, index);
    if (is_new) continue;
    (*members)[entry->second].second = std::move((*members)[index].second);
    has_repeats = true;
  }
  if (!has_repeats) return;
  std::vector<Json::Member> kept;
  kept.reserve(first_of.size());
  std::vector<std::size_t> order;
  order.reserve(first_of.size());
  for (const auto& entry : first_of) order.push_back(entry.second);
  std::sort(order.begin(), order.end());
  for (const std::size_t index : order) kept.push_back(std::move((*members)[index]));
  *members = std::move(kept);
}

// Digits and decimal exponent of a finite number: value = 0.d1d2d3... * 10^point.
struct Decimal {
  bool is_negative = false;
  std::string digits;
  int point = 0;
};

Decimal ShortestDecimal(double value) {
  std::array<char, 32> buffer{};
  const auto end =
      std::to_chars(buffer.data(), buffer.data() + buffer.size(), value, std::chars_format::scientific).ptr;
  std::string_view text(buffer.data(), static_cast<std::size_t>(end - buffer.data()));
  Decimal decimal;
  decimal.is_negative = text.front() == '-';
  if (decimal.is_negative) text.remove_prefix(1);
  const std::size_t e = text.find('e');
  for (const char c : text.substr(0, e)) {
    if (c != '.') decimal.digits.push_back(c);
  }
  std::string_view exponent = text.substr(e + 1);
  if (exponent.front() == '+') exponent.remove_prefix(1);  // from_chars takes no plus sign
  std::from_chars(exponent.data(), exponent.data() + exponent.size(), decimal.point);
  ++decimal.point;
  return decimal;
}

// Python's repr of a finite float: plain digits for exponents from -4 to 15, otherwise 1.5e+16.
std::string PythonFloat(double value) {
  const Decimal decimal = ShortestDecimal(value);
  const auto num_digits = static_cast<int>(decimal.digits.size());
  const int exponent = decimal.point - 1;
  std::string out = decimal.is_negative ? "-" : "";
  if (exponent < -4 || exponent >= 16) {
    out.push_back(decimal.digits[0]);
    if (num_digits > 1) out.append(".").append(decimal.digits, 1);
    out.append(exponent < 0 ? "e-" : "e+");
    if (std::abs(exponent) < 10) out.push_back('0');
    return out + std::to_string(std::abs(exponent));
  }
  if (decimal.point <= 0)
    return out.append("0.").append(static_cast<std::size_t>(-decimal.point), '0') + decimal.digits;
  if (decimal.point >= num_digits) {
    return out.append(decimal.digits).append(static_cast<std::size_t>(decimal.point - num_digits), '0') + ".0";
  }
  const auto point = static_cast<std::size_t>(decimal.point);
  return out.append(decimal.digits, 0, point).append(".").append(decimal.digits, point);
}

bool IsIntegerLiteral(std::string_view literal) { return literal.find_first_of(".eE") == std::string_view::npos; }

// The literal's value, rounded to nearest; a number too small for a double is zero, one too large is infinite.
double ParseDouble(const std::string& literal) {
#if defined(__cpp_lib_to_chars)
  double value = 0;
  const auto parsed = std::from_chars(literal.data(), literal.data() + literal.size(), value);
  if (parsed.ec != std::errc::result_out_of_range) return value;
#endif
  // Libraries without from_chars for double, and the two ends of the range, which from_chars does not tell apart.
  std::istringstream stream(literal);
  stream.imbue(std::locale::classic());
  double fallback = 0;
  stream >> fallback;
  const bool is_overflow = stream.fail() && std::fabs(fallback) > 1;
  return is_overflow ? std::copysign(HUGE_VAL, fallback) : fallback;
}

void AppendQuoted(std::string* out, std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  out->push_back('"');
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    switch (c) {
      case '"':
        out->append("\\\"");
        break;
      case '\\':
        out->append("\\\\");
        break;
      case '\b':
        out->append("\\b");
        break;
      case '\f':
        out->append("\\f");
        break;
      case '\n':
        out->append("\\n");
        break;
      case '\r':
        out->append("\\r");
        break;
      case '\t':
        out->append("\\t");
        break;
      default:
        if (byte < 0x20) {
          out->append("\\u00");
          out->push_back(kHex[byte >> 4]);
          out->push_back(kHex[byte & 15u]);
        } else {
          out->push_back(c);
        }
    }
  }
  out->push_back('"');
}

void AppendString(std::string* out, std::string_view text) {
  if (IsValidUtf8(text)) {
    AppendQuoted(out, text);
  } else {
    AppendQuoted(out, ReplaceInvalidUtf8(text));
  }
}

class Printer {
 public:
  Printer(std::string* out, Json::Style style) : out_(out), style_(style) {}

  void Print(const Json& value) {
    switch (value.kind()) {
      case Json::Kind::kNull:
        out_->append("null");
        break;
      case Json::Kind::kBool:
        out_->append(value.bool_value() ? "true" : "false");
        break;
      case Json::Kind::kInteger:
      case Json::Kind::kFloat:
        PrintNumber(value);
        break;
      case Json::Kind::kString:
        AppendString(out_, value.text());
        break;
      case Json::Kind::kArray:
        PrintSequence('[', ']', value.items(), [this](const Json& item) { Print(item); });
        break;
      case Json::Kind::kObject:
        PrintSequence('{', '}', value.members(), [this](const Json::Member& member) {
          AppendString(out_, member.first);
          out_->append(style_ == Json::Style::kCompact ? ":" : ": ");
          Print(member.second);
        });
        break;
    }
  }

 private:
  void PrintNumber(const Json& value) {
    const std::string& literal = value.text();
    if (style_ != Json::Style::kPython) {
      out_->append(literal);
    } else if (value.kind() == Json::Kind::kInteger) {
      out_->append(literal == "-0" ? "0" : literal);
    } else {
      out_->append(PythonFloat(ParseDouble(literal)));
    }
  }

  template <typename Elements, typename PrintOne>
  void PrintSequence(char open, char close, const Elements& elements, const PrintOne& print_one) {
    out_->push_back(open);
    ++depth_;
    bool is_first = true;
    for (const auto& element : elements) {
      if (!is_first) out_->append(style_ == Json::Style::kPython ? ", " : ",");
      is_first = false;
      BreakLine();
      print_one(element);
    }
    --depth_;
    if (!elements.empty()) BreakLine();
    out_->push_back(close);
  }

  void BreakLine() {
    if (style_ == Json::Style::kPretty) out_->append("\n").append(2 * depth_, ' ');
  }

  std::string* out_;
  Json::Style style_;
  std::size_t depth_ = 0;
};

}  // namespace

// Builds a Json value from the events of a document.
class JsonBuilder : public JsonSink {
 public:
  bool Null() override { return Add(Json()) != nullptr; }
  bool Bool(bool value) override { return Add(Json::Bool(value)) != nullptr; }
  bool Number(std::string_view literal) override {
    Json number;
    number.kind_ = IsIntegerLiteral(literal) ? Json::Kind::kInteger : Json::Kind::kFloat;
    number.text_ = literal;
    return Add(std::move(number)) != nullptr;
  }
  bool String(std::string&& value) override { return Add(Json::String(std::move(value))) != nullptr; }
  bool Key(std::string&& key) override {
    key_ = std::move(key);
    return true;
  }
  bool BeginObject() override { return Open(Json::Object()); }
  bool EndObject() override {
    DropRepeatedKeys(&open_.back()->members_);
    open_.pop_back();
    return true;
  }
  bool BeginArray() override { return Open(Json::Array()); }
  bool EndArray() override {
    open_.pop_back();
    return true;
  }

  Json Take() { return std::move(root_); }

 private:
  // Where the value now lies. Stable while it is open: only the innermost open container grows.
  Json* Add(Json value) {
    if (open_.empty()) {
      root_ = std::move(value);
      return &root_;
    }
    Json* parent = open_.back();
    if (parent->kind_ == Json::Kind::kArray) return &parent->items_.emplace_back(std::move(value));
    return &parent->members_.emplace_back(std::move(key_), std::move(value)).second;
  }
  bool Open(Json container) {
    open_.push_back(Add(std::move(container)));
    return true;
  }

  Json root_;
  std::string key_;
  std::vector<Json*> open_;
};

Json Json::Bool(bool value) {
  Json json;
  json.kind_ = Kind::kBool;
  json.bool_ = value;
  return json;
}

Json Json::Integer(std::int64_t value) {
  Json json;
  json.kind_ = Kind::kInteger;
  json.text_ = std::to_string(value);
  return json;
}

Json Json::Float(double value) {
  if (!std::isfinite(value)) return Json();
  Json json;
  json.kind_ = Kind::kFloat;
  json.text_ = PythonFloat(value);
  return json;
}

Json Json::String(std::string value) {
  Json json;
  json.kind_ = Kind::kString;
  json.text_ = std::move(value);
  return json;
}

Json Json::Array(std::vector<Json> items) {
  Json json;
  json.kind_ = Kind::kArray;
  json.items_ = std::move(items);
  return json;
}

Json Json::Object(std::vector<Member> members) {
  Json json;
  json.kind_ = Kind::kObject;
  json.members_ = std::move(members);
  return json;
}

Result<Json> Json::Parse(std::string_view text, std::string_view place) {
  JsonBuilder builder;
  THIMBLE_RETURN_IF_ERROR(ParseJson(text, place, &builder));
  return builder.Take();
}

const Json* Json::Find(std::string_view key) const {
  for (const Member& member : members_) {
    if (member.first == key) return &member.second;
  }
  return nullptr;
}

void Json::Set(std::string_view key, Json value) {
  THIMBLE_CHECK(kind_ == Kind::kObject);
  for (Member& member : members_) {
    if (member.first == key) {
      member.second = std::move(value);
      return;
    }
  }
  members_.emplace_back(std::string(key), std::move(value));
}

std::optional<std::int64_t> Json::AsInt() const {
  if (kind_ == Kind::kInteger) {
    std::int64_t value = 0;
    const auto parsed = std::from_chars(text_.data(), text_.data() + text_.size(), value);
    if (parsed.ec != std::errc()) return std::nullopt;
    return value;
  }
  if (kind_ != Kind::kFloat) return std::nullopt;
  const double value = ParseDouble(text_);
  // -2^63 is a double, 2^63 - 1 is not: the upper bound is exclusive.
  if (!(value >= -0x1p63 && value < 0x1p63) || value != std::floor(value)) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<double> Json::AsDouble() const {
  if (!IsNumber()) return std::nullopt;
  const double value = ParseDouble(text_);
  if (!std::isfinite(value)) return std::nullopt;
  return value;
}

std::optional<bool> Json::AsBool() const {
  if (kind_ != Kind::kBool) return std::nullopt;
  return bool_;
}

std::optional<std::string> Json::AsString() const {
  if (kind_ != Kind::kString) return std::nullopt;
  return text_;
}

std::string Json::Dump(Style style) const {
  std::string out;
  Printer(&out, style).Print(*this);
  return out;
}

std::string JsonQuote(std::string_view text) {
  std::string out;
  out.reserve(text.size() + 2);
  AppendString(&out, text);
  return out;
}

Status ParseJson(std::string_view text, std::string_view place, JsonSink* sink) {
  SaxAdapter adapter(sink, place);
  if (!nlohmann::json::sax_parse(text.begin(), text.end(), &adapter)) return adapter.error();
  return Done{};
}

}  // namespace thimble
