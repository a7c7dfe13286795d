// SPDX-License-Identifier: Apache-2.0
#include "text/tool_schema.h"

#include "base/text.h"
#include "text/json_types.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace thimble {

namespace {

// Schemas come from clients: references may go round in circles, and branches may multiply.
constexpr int kMaxDepth = 32;
constexpr int kMaxSchemas = 2000;

// A type's name, in the spellings that clients take from their languages too.
unsigned TypeNamed(std::string_view name) {
  struct Entry {
    std::string_view name;
    unsigned type;
  };
  constexpr std::array<Entry, 17> kNames = {{{"string", kStringType},
                                             {"integer", kIntegerType},
                                             {"number", kIntegerType | kFractionType},
                                             {"boolean", kBooleanType},
                                             {"array", kArrayType},
                                             {"object", kObjectType},
                                             {"null", kNullType},
                                             {"str", kStringType},
                                             {"int", kIntegerType},
                                             {"float", kIntegerType | kFractionType},
                                             {"double", kIntegerType | kFractionType},
                                             {"bool", kBooleanType},
                                             {"list", kArrayType},
                                             {"tuple", kArrayType},
                                             {"dict", kObjectType},
                                             {"none", kNullType},
                                             {"nonetype", kNullType}}};
  const std::string lower = AsciiLower(name);
  for (const Entry& entry : kNames) {
    if (entry.name == lower) return entry.type;
  }
  return kAnyType;
}

// The types that keywords hint at where nothing names a type.
unsigned HintedTypes(const Json& schema) {
  const auto has = [&](std::initializer_list<const char*> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return schema.Find(key) != nullptr; });
  };
  if (has({"properties", "required", "patternProperties"})) return kObjectType;
  if (has({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"})) return kArrayType;
  if (has({"pattern", "minLength", "maxLength"})) return kStringType;
  if (has({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}))
    return kIntegerType | kFractionType;
  return kAnyType;
}

// Walks a schema through its references and branches.
class SchemaReader {
 public:
  explicit SchemaReader(const Json* root) : root_(root) {}

  // The types that a schema admits; values of enum and const are gathered in values().
  unsigned Types(const Json& schema, int depth = 0) {
    if (!schema.IsObject() || !Counts(depth)) return kAnyType;
    unsigned types = kAnyType;
    if (const Json* target = Target(schema); target != nullptr) types &= Types(*target, depth + 1);
    if (const Json* type = schema.Find("type"); type != nullptr) types &= NamedTypes(*type);
    if (const Json* list = schema.Find("enum"); list != nullptr && list->IsArray()) {
      unsigned listed = 0;
      for (const Json& value : list->items()) listed |= Value(value);
      if (listed != 0) types &= listed;
    }
    if (const Json* value = schema.Find("const"); value != nullptr) types &= Value(*value);
    for (const char* key : {"anyOf", "oneOf"}) {
      const Json* branches = schema.Find(key);
      if (branches == nullptr || branches->items().empty()) continue;
      unsigned all = 0;
      for (const Json& branch : branches->items()) all |= Types(branch, depth + 1);
      types &= all;
    }
    if (const Json* parts = schema.Find("allOf"); parts != nullptr) {
      for (const Json& part : parts->items()) types &= Types(part, depth + 1);
    }
    if (types == kAnyType) types = HintedTypes(schema);
    if (const Json* null = schema.Find("nullable"); null != nullptr && null->AsBool().value_or(false))
      types |= kNullType;
    return types == 0 ? kAnyType : types;  // a schema that contradicts itself says nothing
  }

  // The schema of one property of an object's schema; nullptr when it is not listed.
  const Json* Property(const Json& schema, std::string_view name, int depth = 0) {
    if (!schema.IsObject() || !Counts(depth)) return nullptr;
    if (const Json* properties = schema.Find("properties"); properties != nullptr) {
      if (const Json* found = properties->Find(name); found != nullptr) return found;
    }
    if (const Json* target = Target(schema); target != nullptr) {
      if (const Json* found = Property(*target, name, depth + 1); found != nullptr) return found;
    }
    for (const char* key : {"allOf", "anyOf", "oneOf"}) {
      const Json* branches = schema.Find(key);
      if (branches == nullptr) continue;
      for (const Json& branch : branches->items()) {
        if (const Json* found = Property(branch, name, depth + 1); found != nullptr) return found;
      }
    }
    return nullptr;
  }

  // Names of the properties that an object must have.
  void AddRequired(const Json& schema, std::vector<std::string_view>* names, int depth = 0) {
    if (!schema.IsObject() || !Counts(depth)) return;
    if (const Json* list = schema.Find("required"); list != nullptr) {
      for (const Json& item : list->items()) {
        if (item.IsString()) names->push_back(item.text());
      }
    }
    if (const Json* target = Target(schema); target != nullptr) AddRequired(*target, names, depth + 1);
    if (const Json* parts = schema.Find("allOf"); parts != nullptr) {
      for (const Json& part : parts->items()) AddRequired(part, names, depth + 1);
    }
  }

  [[nodiscard]] const std::vector<const Json*>& values() const { return values_; }

 private:
  bool Counts(int depth) { return depth <= kMaxDepth && ++num_schemas_ <= kMaxSchemas; }
  const Json* Target(const Json& schema) const {
    const Json* reference = schema.Find("$ref");
    return root_ != nullptr && reference != nullptr && reference->IsString()
               ? ResolveReference(*root_, reference->text())
               : nullptr;
  }
  static unsigned NamedTypes(const Json& type) {
    if (type.IsString()) return TypeNamed(type.text());
    unsigned types = 0;
    for (const Json& item : type.items()) types |= item.IsString() ? TypeNamed(item.text()) : kAnyType;
    return types == 0 ? kAnyType : types;
  }
  unsigned Value(const Json& value) {
    values_.push_back(&value);
    return JsonTypeOf(value);
  }

  const Json* root_;
  int num_schemas_ = 0;
  std::vector<const Json*> values_;
};

// `text` as JSON, with Python's spellings of the constants; where no string is admitted, in any case.
std::optional<Json> ReadJson(std::string_view text, bool admits_string) {
  const std::string word = text.size() > 5 ? "" : admits_string ? std::string(text) : AsciiLower(text);
  if (word == "True" || word == "true") return Json::Bool(true);
  if (word == "False" || word == "false") return Json::Bool(false);
  if (word == "None" || word == "none" || word == "null") {
    if (word != "none" || !admits_string) return Json();
  }
  auto parsed = Json::Parse(text, "argument");
  if (!parsed.ok()) return std::nullopt;
  return std::move(parsed).value();
}

// `value` if a type of the set admits it, 5.0 as 5 where only whole numbers are admitted.
std::optional<Json> Fit(unsigned types, const Json& value) {
  const unsigned type = JsonTypeOf(value);
  if ((types & type) != 0) return value;
  if (type != kFractionType || (types & kIntegerType) == 0) return std::nullopt;
  const auto number = value.AsDouble();
  if (!number.has_value() || *number != std::floor(*number)) return std::nullopt;
  constexpr double kExact = 0x1p53;  // above, a float's digits are not all its own: it stays as it is spelled
  const auto whole = value.AsInt();
  return std::fabs(*number) <= kExact && whole.has_value() ? Json::Integer(*whole) : value;
}

bool IsSame(const Json& a, const Json& b) {
  const bool are_numbers = a.IsNumber() && b.IsNumber();
  const bool are_integers = a.kind() == Json::Kind::kInteger && b.kind() == Json::Kind::kInteger;
  if (are_numbers && !are_integers) return a.AsDouble().has_value() && a.AsDouble() == b.AsDouble();
  return a.kind() == b.kind() && a.Dump() == b.Dump();
}

// Which of an enum's values the text means, if any.
const Json* ValueMeant(const std::vector<const Json*>& values, std::string_view text, const std::optional<Json>& json) {
  for (const std::string_view spelled : {text, Trim(text)}) {
    for (const Json* value : values) {
      if (value->IsString() && value->text() == spelled) return value;
    }
  }
  if (!json.has_value()) return nullptr;
  for (const Json* value : values) {
    if (IsSame(*value, *json)) return value;
  }
  return nullptr;
}

bool IsOneOf(const std::vector<const Json*>& values, const Json& value) {
  return std::any_of(values.begin(), values.end(), [&](const Json* one) { return IsSame(*one, value); });
}

Json TypedBy(unsigned types, const std::vector<const Json*>& values, std::string_view text) {
  const bool admits_string = (types & kStringType) != 0;
  // Long text is no value of an enum, and where only strings are admitted it is one.
  if (types == kStringType && values.empty()) return Json::String(std::string(text));
  auto json = ReadJson(Trim(text), admits_string);
  if (const Json* value = ValueMeant(values, text, json); value != nullptr) return *value;
  if (types == kStringType) return Json::String(std::string(text));
  if (json.has_value() && json->IsString()) {
    if (admits_string) return Json::String(std::string(text));
    json = ReadJson(json->text(), false);  // "7" in quotes where a number was asked for
  }
  if (json.has_value()) {
    if (auto fitting = Fit(types, *json); fitting.has_value() && !fitting->IsString()) return *std::move(fitting);
  }
  return Json::String(std::string(text));
}

const Json& FunctionOf(const Json& tool) {
  const Json* inner = tool.Find("function");
  return inner != nullptr && inner->IsObject() ? *inner : tool;
}

const Json* ObjectIn(const Json& from, std::initializer_list<const char*> keys) {
  for (const char* key : keys) {
    if (const Json* found = from.Find(key); found != nullptr && found->IsObject()) return found;
  }
  return nullptr;
}

}  // namespace

const Json* FindTool(const std::vector<Json>& tools, std::string_view name) {
  for (const Json& tool : tools) {
    const Json* found = FunctionOf(tool).Find("name");
    if (found != nullptr && found->IsString() && found->text() == name) return &tool;
  }
  return nullptr;
}

const Json* ParametersOf(const Json& tool) {
  return ObjectIn(FunctionOf(tool), {"parameters", "input_schema", "inputSchema"});
}

bool ParameterSchemas::Declares(std::string_view name) const {
  return root_ != nullptr && SchemaReader(root_).Property(*root_, name) != nullptr;
}

bool ParameterSchemas::Requires(std::string_view name) const {
  std::vector<std::string_view> names;
  if (root_ != nullptr) SchemaReader(root_).AddRequired(*root_, &names);
  return std::find(names.begin(), names.end(), name) != names.end();
}

bool ParameterSchemas::AreEnough(const Json& arguments) const {
  std::vector<std::string_view> names;
  if (root_ != nullptr) SchemaReader(root_).AddRequired(*root_, &names);
  return std::all_of(names.begin(), names.end(),
                     [&](std::string_view name) { return arguments.Find(name) != nullptr; });
}

bool ParameterSchemas::is_closed() const {
  const Json* others = root_ != nullptr ? root_->Find("additionalProperties") : nullptr;
  return others != nullptr && others->AsBool() == false;
}

bool ParameterSchemas::AdmitsText(std::string_view name) const {
  if (root_ == nullptr) return true;
  SchemaReader reader(root_);
  const Json* schema = reader.Property(*root_, name);
  if (schema == nullptr) return true;
  const bool is_listed = schema->Find("enum") != nullptr || schema->Find("const") != nullptr;
  return !is_listed && (reader.Types(*schema) & kStringType) != 0;
}

const Json* ParameterSchemas::SchemaOf(std::string_view name) const {
  if (root_ == nullptr) return nullptr;
  const Json* schema = SchemaReader(root_).Property(*root_, name);
  return schema != nullptr ? schema : root_->Find("additionalProperties");
}

Json ParameterSchemas::Typed(std::string_view name, std::string_view text) const {
  SchemaReader reader(root_);
  const Json* schema = SchemaOf(name);
  const unsigned types = schema != nullptr ? reader.Types(*schema) : kAnyType;
  return TypedBy(types, reader.values(), text);
}

bool ParameterSchemas::Fits(std::string_view name, std::string_view text) const {
  const Json* schema = SchemaOf(name);
  if (schema == nullptr) return false;
  SchemaReader reader(root_);
  const unsigned types = reader.Types(*schema);
  if (types == kAnyType) return false;
  const Json typed = TypedBy(types, reader.values(), text);
  return !typed.IsString() || IsOneOf(reader.values(), typed);
}

Json ParameterSchemas::Converted(std::string_view name, const Json& value) const {
  const Json* schema = SchemaOf(name);
  if (schema == nullptr) return value;
  SchemaReader reader(root_);
  const unsigned types = reader.Types(*schema);
  if (IsOneOf(reader.values(), value)) return value;
  if (reader.values().empty()) {
    if (auto fitting = Fit(types, value); fitting.has_value()) return *std::move(fitting);
  }
  if (value.IsNull() || value.IsArray() || value.IsObject()) return value;
  const bool has_text = value.IsString() || value.IsNumber();
  Json typed = TypedBy(types, reader.values(), has_text ? value.text() : value.Dump());
  const bool is_admitted = !typed.IsString() || AdmitsText(name) || IsOneOf(reader.values(), typed);
  if (!is_admitted) return value;
  return typed;
}

std::vector<Json> NormaliseTools(std::vector<Json> tools) {
  for (Json& tool : tools) {
    const Json& from = FunctionOf(tool);
    const Json* name = from.Find("name");
    const Json* type = tool.Find("type");
    // OpenAI's newer interface leaves the inner object out.
    const bool is_flat = &from == &tool && type != nullptr && type->text() == "function";
    const Json* parameters = is_flat ? ObjectIn(from, {"parameters"}) : ObjectIn(from, {"input_schema", "inputSchema"});
    if (name == nullptr || parameters == nullptr || (!is_flat && from.Find("parameters") != nullptr)) continue;
    Json function = Json::Object({{"name", *name}});
    if (const Json* text = from.Find("description"); text != nullptr) function.Set("description", *text);
    function.Set("parameters", *parameters);
    tool = Json::Object({{"type", Json::String("function")}, {"function", std::move(function)}});
  }
  return tools;
}

}  // namespace thimble
