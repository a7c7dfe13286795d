// SPDX-License-Identifier: Apache-2.0
#include "grammar/tool_grammar.h"

#include "base/outside_text.h"
#include "grammar/pattern.h"
#include "grammar/schema_gate.h"
#include "grammar/schema_parts.h"
#include "text/tool_schema.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble {

namespace {

// What a text between tags must not hold, or the reply's reader could take it for a tag.
constexpr std::array<std::string_view, 6> kTags = {
    "<parameter=", "</parameter>", "<function=", "</function>", "<tool_call>", "</tool_call>"};
constexpr std::size_t kMaxTools = 512;
constexpr std::size_t kMaxNameLength = 256;
constexpr std::size_t kMaxToolBytes = 512 * 1024;  // all schemas together

Json Text(std::string text) { return Json::String(std::move(text)); }
Json Written(std::string text) {
  return Json::Object({{"type", Text("const_string")}, {"value", Text(std::move(text))}});
}
Json Group(const char* type, std::vector<Json> elements) {
  return Json::Object({{"type", Text(type)}, {"elements", Json::Array(std::move(elements))}});
}
Json AnyText() {
  std::vector<Json> excludes;
  for (const std::string_view tag : kTags) excludes.push_back(Text(std::string(tag)));
  return Json::Object({{"type", Text("any_text")}, {"excludes", Json::Array(std::move(excludes))}});
}
Json Matching(std::string pattern) {
  return Json::Object({{"type", Text("regex")}, {"pattern", Text(std::move(pattern))}});
}
Json OfSchema(const Json& schema) {
  return Json::Object({{"type", Text("json_schema")},
                       {"json_schema", schema},
                       {"style", Text("json")},
                       {"max_whitespace_cnt", Json::Integer(2)}});
}

bool HoldsTag(std::string_view text) {
  return std::any_of(kTags.begin(), kTags.end(), [&](std::string_view tag) { return text.find(tag) != text.npos; });
}

bool HoldsReference(const Json& schema) {
  return std::any_of(schema.items().begin(), schema.items().end(), HoldsReference) ||
         std::any_of(schema.members().begin(), schema.members().end(), [](const Json::Member& member) {
           return member.first == "$ref" || HoldsReference(member.second);
         });
}

const Json* TypeOf(const Json& schema) { return schema.Find("type"); }
bool IsString(const Json& schema) {
  const Json* type = TypeOf(schema);
  return type != nullptr && type->text() == "string";
}
// Whether it is a type and nothing else: all values of the type.
bool IsBare(const Json& schema) {
  const auto& members = schema.members();
  const bool is_array = members.size() == 2 && schema.Find("items") != nullptr && schema.Find("items")->IsObject() &&
                        schema.Find("items")->members().empty();
  return members.empty() || (TypeOf(schema) != nullptr && (members.size() == 1 || is_array));
}

// A string as it stands between tags: raw.
Json StringFormat(const Json& schema) {
  if (const Json* pattern = schema.Find("pattern")) return Matching(pattern->text());
  const Json* least = schema.Find("minLength");
  const Json* most = schema.Find("maxLength");
  if (least == nullptr && most == nullptr) return AnyText();
  // Without '<', so that what is counted holds no tag, and without what could be taken for a part of a line's end.
  const std::string character = "[^\\u0000\\u000d\\u003c\\ud800-\\udfff]";
  const std::string low = std::to_string(least == nullptr ? 0 : least->AsInt().value_or(0));
  if (most == nullptr) return Group("sequence", {Matching(character + "{" + low + "}"), AnyText()});
  return Matching(character + "{" + low + "," + std::to_string(most->AsInt().value_or(0)) + "}");
}

// Values of an enum: strings raw, others as JSON. Errors where the reader could not tell them apart.
Result<Json> EnumFormat(const Json& values) {
  std::vector<Json> formats;
  std::vector<Json> others;
  for (const Json& value : values.items()) {
    if (!value.IsString()) {
      others.push_back(value);
      continue;
    }
    const std::string& text = value.text();
    if (HoldsTag(text) || text.starts_with('\n') || text.ends_with('\n') || text.ends_with('\r'))
      return Error{Code::kUnsupported, "has a value that cannot stand between tags"};
    formats.push_back(Written(text));
  }
  for (const Json& value : values.items()) {
    if (!value.IsString() || others.empty()) continue;
    const auto parsed = Json::Parse(value.text(), "value");
    if (parsed.ok() && !parsed.value().IsString())
      return Error{Code::kUnsupported, "lists a string that reads like another type beside values of other types"};
  }
  if (!others.empty()) formats.push_back(OfSchema(Json::Object({{"enum", Json::Array(std::move(others))}})));
  if (formats.size() == 1) return std::move(formats[0]);
  return Group("or", std::move(formats));
}

// What may stand as a parameter's value. `schema` is one of EnforceableSchema's.
Result<Json> ValueFormat(const Json& schema) {
  if (schema.members().empty()) return AnyText();
  if (const Json* values = schema.Find("enum")) return EnumFormat(*values);
  if (IsString(schema)) return StringFormat(schema);
  const Json* options = schema.Find("anyOf");
  if (options == nullptr) {
    if (const Json* reference = schema.Find("$ref")) {
      const Json* target = ResolveReference(schema, reference->text());
      if (target->Find("$defs") == nullptr && !target->IsNull()) {
        Json inner = *target;
        inner.Set("$defs", *schema.Find("$defs"));
        return ValueFormat(inner);
      }
    }
    return OfSchema(schema);
  }
  // Text that reads like a value of another type is taken for that. So where text is free, the others must be as well.
  bool has_text = false;
  bool has_free_text = false;
  bool are_bare = true;
  for (const Json& option : options->items()) {
    const Json* values = option.Find("enum");
    const bool lists_text = values != nullptr && std::any_of(values->items().begin(), values->items().end(),
                                                             [](const Json& value) { return value.IsString(); });
    const bool is_text = IsString(option) || option.members().empty();
    const bool is_nested = option.Find("anyOf") != nullptr || option.Find("$ref") != nullptr;
    has_text = has_text || is_text || lists_text || is_nested;
    has_free_text = has_free_text || (is_text && IsBare(option));
    are_bare = are_bare && IsBare(option);
  }
  if (!has_text) return OfSchema(schema);
  if (has_free_text && are_bare) return AnyText();
  return Error{Code::kUnsupported, "admits text beside other types: what is written could be read as either"};
}

// What a schema's own "type" says, for want of more.
Json LooseFormat(const Json& schema) {
  const Json* type = schema.Find("type");
  const unsigned types = type == nullptr ? kAnyType : SchemaTypes(*type);
  if (types == 0 || (types & kStringType) != 0) return AnyText();
  Json out = Json::Object();
  if (type->IsString()) {
    out.Set("type", *type);
  } else {
    std::vector<Json> options;
    for (const Json& name : type->items()) options.push_back(Json::Object({{"type", name}}));
    out.Set("anyOf", Json::Array(std::move(options)));
  }
  return OfSchema(out);
}

class CallForm {
 public:
  CallForm(const Json& tool, std::string_view name, bool is_strict) : name_(name), is_strict_(is_strict) {
    if (const Json* parameters = ParametersOf(tool)) parameters_ = parameters;
  }

  // The parameters' lines.
  Result<Json> Body() const {
    if (parameters_ == nullptr) return AnyParameters();
    if (ListsNothing()) return Written("");
    if (const Json* listed = parameters_->Find("properties"); listed != nullptr) {
      for (const auto& [key, value] : listed->members()) {
        if (key.size() <= kMaxNameLength && key.find_first_of(">\n\r") == std::string::npos) continue;
        if (is_strict_)
          return Refused("[schema] a parameter's name cannot be written: " + Excerpt(key), Code::kUnsupported);
        return AnyParameters();
      }
    }
    auto whole = EnforceableSchema(*parameters_, is_strict_);
    if (!whole.ok() && is_strict_) return Refused(whole.error().message, whole.error().code);
    if (whole.ok() && !HasObject(whole.value())) {
      if (is_strict_) return Refused("[schema] parameters must be one object with properties", Code::kUnsupported);
      return AnyParameters();
    }
    return whole.ok() ? FromWhole(whole.value()) : FromParts();
  }

 private:
  static bool HasObject(const Json& schema) {
    const Json* type = TypeOf(schema);
    return type != nullptr && type->text() == "object" && schema.Find("patternProperties") == nullptr;
  }
  // {"type": "object", "properties": {}}: how clients describe functions without arguments.
  [[nodiscard]] bool ListsNothing() const {
    const Json* listed = parameters_->Find("properties");
    if (listed == nullptr || !listed->IsObject() || !listed->members().empty()) return false;
    const Json* others = parameters_->Find("additionalProperties");
    const bool has_others = others != nullptr && others->AsBool().value_or(true);
    constexpr std::array<const char*, 5> kMore = {"patternProperties", "$ref", "allOf", "anyOf", "oneOf"};
    return !has_others &&
           std::all_of(kMore.begin(), kMore.end(), [&](const char* key) { return parameters_->Find(key) == nullptr; });
  }
  [[nodiscard]] Error Refused(const std::string& why, Code code) const {
    return Error{code, "tool " + Excerpt(name_) + ": " + why};
  }

  Result<Json> FromWhole(const Json& schema) const {
    if (is_strict_ && (schema.Find("minProperties") != nullptr || schema.Find("maxProperties") != nullptr))
      return Refused("[schema] minProperties and maxProperties of parameters are not enforced", Code::kUnsupported);
    const Json* listed = schema.Find("properties");
    if (listed == nullptr) return IsClosed(schema) ? Written("") : AnyParameters();
    std::vector<Json> lines;
    std::size_t copied = 0;
    for (const auto& [key, value] : listed->members()) {
      Json one = value;
      const Json* definitions = schema.Find("$defs");
      if (definitions != nullptr && HoldsReference(value)) {
        copied += definitions->Dump().size();
        if (copied > kMaxToolBytes)
          return Refused("[schema] its definitions are too large for its parameters", Code::kUnsupported);
        one.Set("$defs", *definitions);
      }
      auto format = ValueFormat(one);
      if (!format.ok() && is_strict_)
        return Refused("[schema] #/properties/" + Excerpt(key) + " " + format.error().message, format.error().code);
      Add(key, format.ok() ? std::move(format).value() : LooseFormat(OwnSchema(key)), schema.Find("required"), &lines);
    }
    return Group("sequence", std::move(lines));
  }

  // Each parameter for itself, since not all are enforced.
  Result<Json> FromParts() const {
    const Json* listed = parameters_->Find("properties");
    if (listed == nullptr || !listed->IsObject() || listed->members().empty()) return AnyParameters();
    std::vector<Json> lines;
    for (const auto& [key, value] : listed->members()) {
      auto enforced = EnforceableSchema(*parameters_, value, false);
      auto format = enforced.ok() ? ValueFormat(enforced.value()) : Result<Json>(enforced.error());
      Add(key, format.ok() ? std::move(format).value() : LooseFormat(value), parameters_->Find("required"), &lines);
    }
    return Group("sequence", std::move(lines));
  }

  static bool IsClosed(const Json& schema) {
    const Json* additional = schema.Find("additionalProperties");
    return additional != nullptr && !additional->AsBool().value_or(true);
  }
  [[nodiscard]] const Json& OwnSchema(const std::string& key) const {
    static const Json kNothing = Json::Object();
    const Json* listed = parameters_->Find("properties");
    const Json* own = listed == nullptr ? nullptr : listed->Find(key);
    return own == nullptr ? kNothing : *own;
  }

  static void Add(const std::string& key, Json format, const Json* required, std::vector<Json>* lines) {
    Json line =
        Group("sequence", {Written("<parameter=" + key + ">\n"), std::move(format), Written("\n</parameter>\n")});
    const bool is_required = required != nullptr && required->IsArray() &&
                             std::any_of(required->items().begin(), required->items().end(),
                                         [&](const Json& name) { return name.IsString() && name.text() == key; });
    if (!is_required) line = Json::Object({{"type", Text("optional")}, {"content", std::move(line)}});
    lines->push_back(std::move(line));
  }

  static Json AnyParameters() {
    Json line = Group("sequence", {Written("<parameter="), Matching("[A-Za-z_][A-Za-z0-9_]{0,63}"), Written(">\n"),
                                   AnyText(), Written("\n</parameter>\n")});
    return Json::Object({{"type", Text("star")}, {"content", std::move(line)}});
  }

  std::string_view name_;
  bool is_strict_;
  const Json* parameters_ = nullptr;
};

Json Tag(std::string begin, const Json& content, std::string end) {
  return Json::Object(
      {{"type", Text("tag")}, {"begin", Text(std::move(begin))}, {"content", content}, {"end", Text(std::move(end))}});
}

Result<std::string> NameOf(const Json& tool) {
  const Json* function = tool.Find("function");
  const Json* name = (function != nullptr && function->IsObject() ? *function : tool).Find("name");
  if (name == nullptr || !name->IsString() || name->text().empty() || name->text().size() > kMaxNameLength)
    return Error{Code::kInvalid, "[tools] a tool needs a name of at most " + std::to_string(kMaxNameLength) + " bytes"};
  if (name->text().find_first_of(">\n\r") != std::string::npos)
    return Error{Code::kInvalid, "[tools] a tool's name has no '>' and no line ends, found " + Excerpt(name->text())};
  return name->text();
}

}  // namespace

Result<Json> ToolCallTag(const GrammarRequest& request) {
  const bool is_either = !request.must_call && !request.schema.IsNull();
  if (request.tools.empty()) return Error{Code::kInvalid, "[tools] there is no tool to call"};
  if (request.tools.size() > kMaxTools)
    return Error{Code::kUnsupported, "[tools] at most " + std::to_string(kMaxTools) + " tools are enforced, found " +
                                         std::to_string(request.tools.size())};
  std::vector<Json> tags;
  std::size_t bytes = 0;
  for (const Json& tool : request.tools) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string name, NameOf(tool));
    THIMBLE_ASSIGN_OR_RETURN(const Json body, CallForm(tool, name, request.is_strict).Body());
    bytes += body.Dump().size();
    if (bytes > kMaxToolBytes)
      return Error{Code::kUnsupported, "[tools] all of them are too large to be enforced: at most " +
                                           std::to_string(kMaxToolBytes) + " bytes of parameters"};
    const std::string begin = "<function=" + name + ">\n";
    tags.push_back(Tag("<tool_call>\n" + begin, body, "</function>\n</tool_call>"));
    if (!request.must_call && !is_either) tags.push_back(Tag(begin, body, "</function>"));
  }
  const bool is_all = request.must_call || is_either;
  Json format = Json::Object({{"tags", Json::Array(std::move(tags))},
                              {"at_least_one", Json::Bool(is_all)},
                              {"stop_after_first", Json::Bool(request.one_call)}});
  if (is_all) {
    format.Set("type", Text("tags_with_separator"));
    format.Set("separator", Text("\n"));
  } else {
    format.Set("type", Text("triggered_tags"));
    format.Set("triggers", Json::Array({Text("<tool_call>"), Text("<function=")}));
  }
  if (is_either) {
    THIMBLE_ASSIGN_OR_RETURN(const Json schema, EnforceableSchema(request.schema, request.is_answer_strict));
    format = Group("or", {OfSchema(schema), std::move(format)});
  }
  return Json::Object({{"type", Text("structural_tag")}, {"format", std::move(format)}});
}

}  // namespace thimble
