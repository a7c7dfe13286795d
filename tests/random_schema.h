// SPDX-License-Identifier: Apache-2.0
// Schemas drawn from every keyword that src/grammar enforces, for tests; the same seed draws the same.
#pragma once

#include "files/json.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace thimble {

class RandomSchema {
 public:
  explicit RandomSchema(std::uint32_t seed) : random_(seed) {}

  Json Draw() {
    definitions_.clear();
    Json schema = Any(0);
    if (!schema.IsObject()) schema = Json::Object();
    if (!definitions_.empty()) schema.Set("$defs", Json::Object(definitions_));
    if (Chance(4)) schema.Set("$schema", Json::String("https://json-schema.org/draft/2020-12/schema"));
    return schema;
  }

 private:
  static constexpr int kDeepest = 3;
  std::uint32_t Below(std::uint32_t most) { return static_cast<std::uint32_t>(random_()) % most; }
  bool Chance(std::uint32_t of) { return Below(of) == 0; }
  template <typename T, std::size_t kSize>
  T Pick(const T (&list)[kSize]) {
    return list[Below(kSize)];
  }
  static Json Text(std::string text) { return Json::String(std::move(text)); }
  static Json Typed(const char* type) { return Json::Object({{"type", Text(type)}}); }
  Json Count(std::uint32_t low, std::uint32_t most) { return Json::Integer(low + Below(most - low + 1)); }

  Json Any(int depth) {
    Json schema = Plain(depth);
    if (Chance(6)) schema.Set("title", Text("A title"));
    if (Chance(8)) schema.Set("description", Text("What \"it\" is"));
    if (Chance(12)) schema.Set("default", Json::Integer(1));
    if (Chance(12)) schema.Set("x-unknown", Json::Bool(true));
    return schema;
  }
  Json Plain(int depth) {
    const bool is_flat = depth >= kDeepest;
    switch (Below(is_flat ? 8 : 17)) {
      case 0:
      case 1:
        return String();
      case 2:
        return Integer();
      case 3:
        return Number();
      case 4:
        return Typed(Chance(2) ? "boolean" : "null");
      case 5:
        return Values();
      case 6:
        return Types();
      case 7:
        return Chance(3) ? Json::Object() : Json::Object({{"const", Value()}});
      case 8:
      case 9:
        return Array(depth);
      case 10:
      case 11:
      case 12:
        return Object(depth);
      case 13:
        return Names(depth);
      case 14:
        return Choice(depth);
      case 15:
        return All(depth);
      default:
        return Reference(depth);
    }
  }

  Json String() {
    Json schema = Typed("string");
    constexpr const char* kPatterns[] = {"^[a-z]{2,5}$",
                                         "^\\d{3}-\\d{4}$",
                                         "abc",
                                         "^(yes|no)$",
                                         "^[^x]+$",
                                         "^a|b$",
                                         "^\\w+@\\w+\\.(com|org)$",
                                         "^.{0,4}$",
                                         "^[\\d.]+$",
                                         "^\\S+$",
                                         "^\\W\\D?$",
                                         "^(?:[A-F0-9]{2}:){3}$",
                                         "^[^\\s\\d]{1,9}$",
                                         "\\u00e9+",
                                         "^$"};
    constexpr const char* kFormats[] = {"date",     "time", "date-time", "duration", "uuid",   "email",
                                        "hostname", "ipv4", "ipv6",      "uri",      "made-up"};
    switch (Below(5)) {
      case 0:
        schema.Set("pattern", Text(Pick(kPatterns)));
        break;
      case 1:
        schema.Set("format", Text(Pick(kFormats)));
        break;
      case 2:
        if (Chance(2)) schema.Set("minLength", Count(0, 4));
        if (Chance(2)) schema.Set("maxLength", Count(4, 12));
        break;
      default:
        break;
    }
    return schema;
  }
  Json Integer() {
    Json schema = Typed("integer");
    const std::int64_t low = static_cast<std::int64_t>(Below(3000)) - 1500;
    const std::int64_t high = low + 5 + Below(2000);
    const bool has_low = Chance(2);
    const bool has_high = has_low ? Chance(2) : Chance(4);
    if (has_low)
      schema.Set(Chance(3) ? "exclusiveMinimum" : "minimum",
                 Chance(6) ? Json::Float(static_cast<double>(low) + 0.5) : Json::Integer(low));
    if (has_high) schema.Set(Chance(3) ? "exclusiveMaximum" : "maximum", Json::Integer(high));
    if (has_low && has_high && Chance(2)) schema.Set("multipleOf", Json::Integer(1 + Below(4)));
    return schema;
  }
  Json Number() {
    Json schema = Typed("number");
    const double low = (static_cast<double>(Below(40000)) - 20000) / (Chance(2) ? 1000 : 7);
    const double high = low + 0.01 + static_cast<double>(Below(10000)) / 130;
    if (Chance(2)) schema.Set(Chance(3) ? "exclusiveMinimum" : "minimum", Json::Float(low));
    if (Chance(2)) schema.Set(Chance(3) ? "exclusiveMaximum" : "maximum", Json::Float(high));
    if (schema.members().size() == 1 && Chance(6)) {
      schema =
          Json::Object({{"type", Text("number")}, {"minimum", Json::Integer(-40)}, {"maximum", Json::Float(90.5)}});
      schema.Set("multipleOf", Json::Integer(1 + Below(12)));
    }
    return schema;
  }
  Json Value() {
    switch (Below(8)) {
      case 0:
        return Json();
      case 1:
        return Json::Bool(Chance(2));
      case 2:
        return Json::Integer(static_cast<std::int64_t>(Below(2000000)) - 1000000);
      case 3:
        return Json::Float(static_cast<double>(Below(1000)) / 64);
      case 4:
        return Json::Array({Json::Integer(1), Text("b")});
      case 5:
        return Json::Object({{"k", Json::Integer(1)}, {"l/\"", Json()}});
      default: {
        constexpr const char* kTexts[] = {"red", "green", "a\"b\\c/d\n", "\u00fc\u4e2d", "", "[^\"\\\r\n]", "ok"};
        return Text(Pick(kTexts));
      }
    }
  }
  Json Values() {
    std::vector<Json> values;
    for (std::uint32_t i = 0; i <= Below(4); ++i) values.push_back(Value());
    values.push_back(Text("last"));
    Json schema = Json::Object({{"enum", Json::Array(std::move(values))}});
    if (Chance(3)) schema.Set("type", Text("string"));
    return schema;
  }
  Json Types() {
    Json schema = Chance(2) ? String() : Integer();
    schema.Set("type", Json::Array({*schema.Find("type"), Text("null"), Text("boolean")}));
    return schema;
  }
  Json Array(int depth) {
    Json schema = Typed("array");
    const std::uint32_t num_first = Chance(3) ? 1 + Below(3) : 0;
    std::vector<Json> first;
    for (std::uint32_t i = 0; i < num_first; ++i) first.push_back(Any(depth + 1));
    if (num_first > 0) schema.Set("prefixItems", Json::Array(std::move(first)));
    const bool is_closed = num_first > 0 && Chance(2);
    if (is_closed) schema.Set("items", Json::Bool(false));
    if (!is_closed && !Chance(4))
      schema.Set(Chance(6) ? "unevaluatedItems" : "items",
                 schema.Find("items") != nullptr ? Json::Bool(false) : Json(Any(depth + 1)));
    if (schema.Find("unevaluatedItems") != nullptr)
      schema.Set("unevaluatedItems", Json::Bool(num_first == 0 || Chance(2)));
    const bool is_full =
        is_closed || (schema.Find("unevaluatedItems") != nullptr && !*schema.Find("unevaluatedItems")->AsBool());
    if (Chance(2)) schema.Set("minItems", is_full ? Count(0, num_first) : Count(0, 3));
    if (Chance(2)) schema.Set("maxItems", Count(3, 6));
    if (Chance(8)) schema.Set("uniqueItems", Json::Bool(false));
    return schema;
  }
  std::string Name(std::uint32_t i) {
    constexpr const char* kNames[] = {"id", "name", "na", "\u00e9t\u00e9", "a/b", "x y", "quote\"d"};
    return kNames[i % 7];
  }
  Json Object(int depth) {
    Json schema = Json::Object();
    if (!Chance(5)) schema.Set("type", Text("object"));
    std::vector<Json::Member> properties;
    std::vector<Json> required;
    const std::uint32_t count = Below(5);
    const std::uint32_t from = Below(7);
    for (std::uint32_t i = 0; i < count; ++i) {
      properties.emplace_back(Name(from + i), Any(depth + 1));
      if (Chance(2)) required.push_back(Text(Name(from + i)));
    }
    const bool is_free = Chance(3);
    if (is_free && Chance(4)) required.push_back(Text("unlisted"));
    const auto num_required = static_cast<std::uint32_t>(required.size());
    schema.Set("properties", Json::Object(std::move(properties)));
    if (num_required > 0 || Chance(3)) schema.Set("required", Json::Array(std::move(required)));
    if (!is_free) {
      schema.Set(Chance(6) ? "unevaluatedProperties" : "additionalProperties", Json::Bool(false));
    } else if (!Chance(4)) {
      schema.Set("additionalProperties", Chance(2) ? Json::Bool(true) : Any(depth + 1));
    }
    if (Chance(4)) schema.Set("minProperties", Json::Integer(is_free ? Below(2) : Below(count + 1)));
    if (Chance(4)) schema.Set("maxProperties", Json::Integer(std::max(num_required, count) + Below(2)));
    return schema;
  }
  // Objects whose names are free.
  Json Names(int depth) {
    Json schema = Typed("object");
    if (Chance(2)) {
      schema.Set("patternProperties", Json::Object({{Chance(2) ? "^x-" : "^[a-z]{1,3}$", Any(depth + 1)}}));
      if (Chance(2)) schema.Set("additionalProperties", Json::Bool(false));
    } else {
      Json names = Chance(2) ? Json::Object({{"pattern", Text("^[a-z]+$")}})
                             : Json::Object({{"enum", Json::Array({Text("a"), Text("b")})}});
      if (Chance(3)) names = Json::Object({{"maxLength", Json::Integer(3)}, {"minLength", Json::Integer(1)}});
      schema.Set("propertyNames", std::move(names));
      if (Chance(2)) schema.Set("additionalProperties", Any(depth + 1));
    }
    if (Chance(4)) schema.Set("minProperties", Json::Integer(Below(2)));
    if (Chance(4)) schema.Set("maxProperties", Count(1, 3));
    return schema;
  }
  Json Choice(int depth) {
    if (Chance(3)) {
      // Told apart by a constant, or by types.
      std::vector<Json> branches;
      for (const char* kind : {"cat", "dog", "owl"}) {
        Json branch = Typed("object");
        branch.Set("properties",
                   Json::Object({{"kind", Json::Object({{"const", Text(kind)}})}, {"value", Any(depth + 1)}}));
        branch.Set("required", Json::Array({Text("kind")}));
        branches.push_back(std::move(branch));
      }
      if (Chance(2)) branches.push_back(Integer());
      return Json::Object({{"oneOf", Json::Array(std::move(branches))}});
    }
    std::vector<Json> branches;
    for (std::uint32_t i = 0; i < 2 + Below(2); ++i) branches.push_back(Any(depth + 1));
    Json schema = Json::Object({{"anyOf", Json::Array(std::move(branches))}});
    if (Chance(4)) {
      // What holds in every branch.
      schema = Json::Object({{"type", Text("object")},
                             {"properties", Json::Object({{"p", Integer()}, {"q", String()}})},
                             {"anyOf", Json::Array({Json::Object({{"required", Json::Array({Text("p")})}}),
                                                    Json::Object({{"required", Json::Array({Text("q")})}})})}});
      if (Chance(2)) schema.Set("additionalProperties", Json::Bool(false));
    }
    return schema;
  }
  Json All(int depth) {
    const auto part = [&](const char* name) {
      Json schema = Typed("object");
      schema.Set("properties",
                 Json::Object({{name, Any(depth + 1)},
                               {"common", Json::Object({{"type", Json::Array({Text("integer"), Text("string")})}})}}));
      if (Chance(2)) schema.Set("required", Json::Array({Text(name)}));
      return schema;
    };
    std::vector<Json> parts = {part("left"), part("right")};
    if (Chance(3)) parts.push_back(Json::Object({{"properties", Json::Object({{"common", Typed("integer")}})}}));
    Json schema = Json::Object({{"allOf", Json::Array(std::move(parts))}});
    if (Chance(3)) schema.Set("unevaluatedProperties", Json::Bool(false));
    if (Chance(4)) schema.Set("maxProperties", Json::Integer(4));
    return schema;
  }
  Json Reference(int depth) {
    const std::string name = "part" + std::to_string(definitions_.size());
    if (definitions_.empty() || Chance(2)) {
      definitions_.emplace_back(name, Json());
      const std::size_t index = definitions_.size() - 1;
      Json target = Any(depth + 1);
      if (Chance(3)) {
        // A tree.
        target = Json::Object(
            {{"type", Text("object")},
             {"properties",
              Json::Object({{"value", String()}, {"next", Json::Object({{"$ref", Text("#/$defs/" + name)}})}})},
             {"additionalProperties", Json::Bool(false)}});
      }
      definitions_[index].second = std::move(target);
      return Json::Object({{"$ref", Text("#/$defs/" + name)}});
    }
    return Json::Object(
        {{"$ref", Text("#/$defs/" + definitions_[Below(static_cast<std::uint32_t>(definitions_.size()))].first)}});
  }

  std::mt19937 random_;
  std::vector<Json::Member> definitions_;
};

}  // namespace thimble
