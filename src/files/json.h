// SPDX-License-Identifier: Apache-2.0
// JSON as plain values: objects keep their key order, numbers keep their spelling. The core's only door to
// nlohmann-json.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble {

class Json {
 public:
  enum class Kind { kNull, kBool, kInteger, kFloat, kString, kArray, kObject };
  using Member = std::pair<std::string, Json>;

  Json() = default;  // null
  static Json Bool(bool value);
  static Json Integer(std::int64_t value);
  // Shortest decimal form that reads back as the same double, Python's repr. JSON has no infinities and no NaN: null.
  static Json Float(double value);
  static Json String(std::string value);
  static Json Array(std::vector<Json> items = {});
  static Json Object(std::vector<Member> members = {});

  // Parses exactly one JSON value. `place` names the document in error messages. Nesting is limited to 256. Of
  // repeated keys the last one counts, in the place of the first (as Python does).
  static Result<Json> Parse(std::string_view text, std::string_view place);

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool IsNull() const { return kind_ == Kind::kNull; }
  [[nodiscard]] bool IsString() const { return kind_ == Kind::kString; }
  [[nodiscard]] bool IsNumber() const { return kind_ == Kind::kInteger || kind_ == Kind::kFloat; }
  [[nodiscard]] bool IsArray() const { return kind_ == Kind::kArray; }
  [[nodiscard]] bool IsObject() const { return kind_ == Kind::kObject; }

  [[nodiscard]] bool bool_value() const { return bool_; }
  // The string's value; for numbers the literal as it stood in the text.
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::vector<Json>& items() const { return items_; }
  [[nodiscard]] std::vector<Json>& items() { return items_; }
  [[nodiscard]] const std::vector<Member>& members() const { return members_; }
  [[nodiscard]] std::vector<Member>& members() { return members_; }  // keys stay as they are
  // nullptr when this is no object or has no such key.
  [[nodiscard]] const Json* Find(std::string_view key) const;
  // Adds the key, or replaces its value in place. Must be an object.
  void Set(std::string_view key, Json value);

  // nullopt when the kind does not fit or the number is out of range. AsInt takes 3 and 3.0; AsDouble any number.
  [[nodiscard]] std::optional<std::int64_t> AsInt() const;
  [[nodiscard]] std::optional<double> AsDouble() const;
  [[nodiscard]] std::optional<bool> AsBool() const;
  [[nodiscard]] std::optional<std::string> AsString() const;

  enum class Style {
    kCompact,  // {"a":1,"b":[2,3]}
    kPython,   // {"a": 1, "b": [2, 3]}: Python's json.dumps, non-ASCII left as it is; 1e2 reads 100.0 as there
    kPretty,   // two spaces of indentation
  };
  [[nodiscard]] std::string Dump(Style style = Style::kCompact) const;

 private:
  friend class JsonBuilder;

  Kind kind_ = Kind::kNull;
  bool bool_ = false;
  std::string text_;
  std::vector<Json> items_;
  std::vector<Member> members_;
};

// `text` as a JSON string with quotes; invalid UTF-8 becomes U+FFFD.
std::string JsonQuote(std::string_view text);

// Receives a document piece by piece, for files too large to hold as values (tokenizer.json). Returning false stops.
class JsonSink {
 public:
  virtual ~JsonSink() = default;
  virtual bool Null() = 0;
  virtual bool Bool(bool value) = 0;
  virtual bool Number(std::string_view literal) = 0;
  virtual bool String(std::string&& value) = 0;
  virtual bool Key(std::string&& key) = 0;
  virtual bool BeginObject() = 0;
  virtual bool EndObject() = 0;
  virtual bool BeginArray() = 0;
  virtual bool EndArray() = 0;
};
// kInvalid "stopped" when the sink returned false, kCorrupt for malformed text.
Status ParseJson(std::string_view text, std::string_view place, JsonSink* sink);

}  // namespace thimble
