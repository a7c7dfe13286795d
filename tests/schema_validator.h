// SPDX-License-Identifier: Apache-2.0
// A validator of JSON schemas for tests, written from the specification (2020-12) and sharing nothing with src/grammar:
// it says whether a value is valid by a schema as the client wrote it.
#pragma once

#include "base/text.h"
#include "files/json.h"

#include <algorithm>
#include <cmath>
#include <regex>
#include <set>
#include <string>
#include <string_view>

namespace thimble {

class SchemaValidator {
 public:
  explicit SchemaValidator(const Json& root) : root_(root) {}
  // Why `value` is not valid; empty: it is.
  std::string Fault(const Json& value) const { return Check(root_, value); }

 private:
  static std::wstring Wide(std::string_view text) {
    std::wstring out;
    while (!text.empty()) {
      const DecodedChar c = DecodeUtf8(text);
      out.push_back(static_cast<wchar_t>(c.code_point));
      text.remove_prefix(static_cast<std::size_t>(c.num_bytes));
    }
    return out;
  }
  static bool Matches(const std::string& pattern, const std::string& text) {
    return std::regex_search(Wide(text), std::wregex(Wide(pattern), std::regex::ECMAScript));
  }
  static bool Equal(const Json& a, const Json& b) {
    if (a.IsNumber() && b.IsNumber()) return *a.AsDouble() == *b.AsDouble();
    if (a.kind() != b.kind()) return false;
    if (a.IsArray()) {
      if (a.items().size() != b.items().size()) return false;
      for (std::size_t i = 0; i < a.items().size(); ++i) {
        if (!Equal(a.items()[i], b.items()[i])) return false;
      }
      return true;
    }
    if (a.IsObject()) {
      if (a.members().size() != b.members().size()) return false;
      for (const auto& [key, value] : a.members()) {
        if (b.Find(key) == nullptr || !Equal(value, *b.Find(key))) return false;
      }
      return true;
    }
    return a.AsBool() == b.AsBool() && a.text() == b.text();
  }
  static bool IsWhole(const Json& value) {
    return value.IsNumber() && std::floor(*value.AsDouble()) == *value.AsDouble();
  }
  static bool Is(const Json& value, const std::string& type) {
    if (type == "null") return value.IsNull();
    if (type == "boolean") return value.AsBool().has_value();
    if (type == "integer") return IsWhole(value);
    if (type == "number") return value.IsNumber();
    if (type == "string") return value.IsString();
    if (type == "array") return value.IsArray();
    return type == "object" && value.IsObject();
  }

  const Json& Target(const std::string& reference) const {
    const Json* here = &root_;
    std::size_t at = 1;
    while (at < reference.size()) {
      const std::size_t end = std::min(reference.find('/', at + 1), reference.size());
      const std::string step = reference.substr(at + 1, end - at - 1);
      here = here->IsArray() ? &here->items().at(static_cast<std::size_t>(std::stoi(step))) : here->Find(step);
      at = end;
    }
    return *here;
  }

  std::string Check(const Json& schema, const Json& value) const {
    if (schema.AsBool().has_value()) return *schema.AsBool() ? "" : "false";
    std::string fault = CheckAny(schema, value);
    if (fault.empty()) fault = CheckChoices(schema, value);
    if (fault.empty() && value.IsString()) fault = CheckString(schema, value.text());
    if (fault.empty() && value.IsNumber()) fault = CheckNumber(schema, *value.AsDouble());
    if (fault.empty() && value.IsArray()) fault = CheckArray(schema, value);
    if (fault.empty() && value.IsObject()) fault = CheckObject(schema, value);
    return fault;
  }
  std::string CheckAny(const Json& schema, const Json& value) const {
    if (const Json* type = schema.Find("type")) {
      bool holds = type->IsString() && Is(value, type->text());
      for (const Json& one : type->items()) holds = holds || Is(value, one.text());
      if (!holds) return "type";
    }
    if (const Json* one = schema.Find("const"); one != nullptr && !Equal(*one, value)) return "const";
    if (const Json* list = schema.Find("enum")) {
      const auto& items = list->items();
      if (std::none_of(items.begin(), items.end(), [&](const Json& one) { return Equal(one, value); })) return "enum";
    }
    if (const Json* reference = schema.Find("$ref")) return Check(Target(reference->text()), value);
    return "";
  }
  std::string CheckChoices(const Json& schema, const Json& value) const {
    if (const Json* all = schema.Find("allOf")) {
      for (const Json& one : all->items()) {
        if (std::string fault = Check(one, value); !fault.empty()) return "allOf: " + fault;
      }
    }
    for (const char* word : {"anyOf", "oneOf"}) {
      const Json* list = schema.Find(word);
      if (list == nullptr) continue;
      const auto count = std::count_if(list->items().begin(), list->items().end(),
                                       [&](const Json& one) { return Check(one, value).empty(); });
      if (count == 0 || (std::string_view(word) == "oneOf" && count != 1)) return word;
    }
    return "";
  }
  std::string CheckString(const Json& schema, const std::string& text) const {
    const auto length = static_cast<std::int64_t>(Wide(text).size());
    if (const Json* least = schema.Find("minLength"); least != nullptr && length < *least->AsInt()) return "minLength";
    if (const Json* most = schema.Find("maxLength"); most != nullptr && length > *most->AsInt()) return "maxLength";
    if (const Json* pattern = schema.Find("pattern"); pattern != nullptr && !Matches(pattern->text(), text))
      return "pattern";
    const Json* format = schema.Find("format");
    return format == nullptr || HasFormat(format->text(), text) ? "" : "format";
  }
  static bool IsDate(const std::string& text) {
    if (!Matches("^\\d{4}-\\d\\d-\\d\\d$", text)) return false;
    const int year = std::stoi(text.substr(0, 4));
    const int month = std::stoi(text.substr(5, 2));
    const int day = std::stoi(text.substr(8, 2));
    const bool is_leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
    constexpr int kDays[] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    if (month < 1 || month > 12) return false;
    return day >= 1 && day <= kDays[month - 1] + (month == 2 && is_leap ? 1 : 0);
  }
  static bool IsTime(const std::string& text) {
    return Matches("^([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d(\\.\\d+)?(Z|[+-]([01]\\d|2[0-3]):[0-5]\\d)$", text);
  }
  static bool IsIpv6(const std::string& text) {
    const std::size_t gap = text.find("::");
    const auto groups = [](const std::string& part) {
      return part.empty() ? 0 : static_cast<int>(std::count(part.begin(), part.end(), ':')) + 1;
    };
    if (!Matches("^[0-9a-fA-F:]+$", text) || Matches("[0-9a-fA-F]{5}", text) || Matches(":::", text)) return false;
    if (gap == std::string::npos) return groups(text) == 8 && text.front() != ':' && text.back() != ':';
    if (text.find("::", gap + 1) != std::string::npos) return false;
    const std::string before = text.substr(0, gap);
    const std::string behind = text.substr(gap + 2);
    if (before.starts_with(':') || behind.ends_with(':')) return false;
    return groups(before) + groups(behind) <= 7;
  }
  static bool HasFormat(const std::string& format, const std::string& text) {
    if (format == "date") return IsDate(text);
    if (format == "time") return IsTime(text);
    if (format == "date-time")
      return text.size() > 11 && text[10] == 'T' && IsDate(text.substr(0, 10)) && IsTime(text.substr(11));
    if (format == "duration")
      return Matches("^P(?!$)(\\d+W|(\\d+Y)?(\\d+M)?(\\d+D)?(T(?=\\d)(\\d+H)?(\\d+M)?(\\d+S)?)?)$", text);
    if (format == "uuid") return Matches("^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$", text);
    if (format == "ipv4") return Matches("^((25[0-5]|2[0-4]\\d|1\\d\\d|[1-9]?\\d)(\\.(?!$)|$)){4}$", text);
    if (format == "ipv6") return IsIpv6(text);
    if (format == "hostname")
      return Matches("^[A-Za-z0-9-]+(\\.[A-Za-z0-9-]+)*$", text) && !Matches("(^|\\.)-|-(\\.|$)", text);
    if (format == "email")
      return text.find('@') != std::string::npos && text.find('@') <= 64 &&
             HasFormat("hostname", text.substr(text.find('@') + 1));
    if (format == "uri") return Matches("^[A-Za-z][A-Za-z0-9+.-]*:[^\\s\"<>\\\\^`{|}]+$", text);
    return true;
  }
  std::string CheckNumber(const Json& schema, double value) const {
    const auto bound = [&](const char* word) {
      return schema.Find(word) == nullptr ? value : *schema.Find(word)->AsDouble();
    };
    if (value < bound("minimum")) return "minimum";
    if (value > bound("maximum")) return "maximum";
    if (schema.Find("exclusiveMinimum") != nullptr && value <= bound("exclusiveMinimum")) return "exclusiveMinimum";
    if (schema.Find("exclusiveMaximum") != nullptr && value >= bound("exclusiveMaximum")) return "exclusiveMaximum";
    const Json* step = schema.Find("multipleOf");
    // Beyond 2^53 doubles cannot tell.
    if (step != nullptr && std::abs(value) < 9e15 && std::fmod(value, *step->AsDouble()) != 0) return "multipleOf";
    return "";
  }
  std::string CheckArray(const Json& schema, const Json& value) const {
    const auto count = static_cast<std::int64_t>(value.items().size());
    if (const Json* least = schema.Find("minItems"); least != nullptr && count < *least->AsInt()) return "minItems";
    if (const Json* most = schema.Find("maxItems"); most != nullptr && count > *most->AsInt()) return "maxItems";
    const Json* first = schema.Find("prefixItems");
    const Json* rest = schema.Find("items");
    if (rest == nullptr) rest = schema.Find("unevaluatedItems");
    const std::size_t num_first = first == nullptr ? 0 : first->items().size();
    for (std::size_t i = 0; i < value.items().size(); ++i) {
      const Json* schema_of_item = i < num_first ? &first->items()[i] : rest;
      if (schema_of_item == nullptr) continue;
      if (std::string fault = Check(*schema_of_item, value.items()[i]); !fault.empty()) return "items: " + fault;
    }
    return "";
  }
  // The names that `schema` and what stands in its allOf, $ref, anyOf and oneOf (as far as it holds) know.
  void Evaluated(const Json& schema, const Json& value, std::set<std::string>* names) const {
    if (const Json* listed = schema.Find("properties")) {
      for (const auto& [name, one] : listed->members()) names->insert(name);
    }
    if (const Json* reference = schema.Find("$ref")) Evaluated(Target(reference->text()), value, names);
    for (const char* word : {"allOf", "anyOf", "oneOf"}) {
      if (schema.Find(word) == nullptr) continue;
      for (const Json& one : schema.Find(word)->items()) {
        if (Check(one, value).empty()) Evaluated(one, value, names);
      }
    }
  }
  std::string CheckObject(const Json& schema, const Json& value) const {
    const auto count = static_cast<std::int64_t>(value.members().size());
    if (const Json* least = schema.Find("minProperties"); least != nullptr && count < *least->AsInt())
      return "minProperties";
    if (const Json* most = schema.Find("maxProperties"); most != nullptr && count > *most->AsInt())
      return "maxProperties";
    if (const Json* required = schema.Find("required")) {
      for (const Json& name : required->items()) {
        if (value.Find(name.text()) == nullptr) return "required: " + name.text();
      }
    }
    std::set<std::string> evaluated;
    Evaluated(schema, value, &evaluated);
    for (const auto& [name, member] : value.members()) {
      bool is_known = false;
      const Json* listed = schema.Find("properties");
      if (const Json* own = listed == nullptr ? nullptr : listed->Find(name)) {
        is_known = true;
        if (std::string fault = Check(*own, member); !fault.empty()) return name + ": " + fault;
      }
      if (const Json* patterns = schema.Find("patternProperties")) {
        for (const auto& [pattern, one] : patterns->members()) {
          if (!Matches(pattern, name)) continue;
          is_known = true;
          if (std::string fault = Check(one, member); !fault.empty()) return name + ": " + fault;
        }
      }
      const Json* additional = schema.Find("additionalProperties");
      if (!is_known && additional != nullptr) {
        if (std::string fault = Check(*additional, member); !fault.empty()) return name + " (additional): " + fault;
      }
      const Json* unevaluated = schema.Find("unevaluatedProperties");
      if (unevaluated != nullptr && !unevaluated->AsBool().value_or(true) && !evaluated.contains(name))
        return name + " (unevaluated)";
      const Json* names = schema.Find("propertyNames");
      if (names != nullptr && !Check(*names, Json::String(name)).empty()) return name + " (propertyNames)";
    }
    return "";
  }

  const Json& root_;
};

}  // namespace thimble
