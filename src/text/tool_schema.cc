// SPDX-License-Identifier: Apache-2.0
#include "text/tool_schema.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <optional>
#include <string>
#include <utility>

namespace thimble {

namespace {

// Sets of JSON types. Whole numbers and others are two members: "number" stands for both.
constexpr unsigned kNull = 1;
constexpr unsigned kBoolean = 2;
constexpr unsigned kInteger = 4;
constexpr unsigned kFraction = 8;
constexpr unsigned kString = 16;
constexpr unsigned kArray = 32;
constexpr unsigned kObject = 64;
constexpr unsigned kAnyType = 127;

// Schemas come from clients: references may go round in circles, and branches may multiply.
constexpr int kMaxDepth = 32;
constexpr int kMaxSchemas = 2000;

std::string_view Trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) + 1 - first);
}

std::string Lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

// A type's name, in the spellings that clients take from their languages too.
unsigned TypeNamed(std::string_view name) {
  struct Entry {
    std::string_view name;
    unsigned type;
  };
  constexpr std::array<Entry, 17> kNames = {{{"string", kString},
                                             {"integer", kInteger},
                                             {"number", kInteger | kFraction},
                                             {"boolean", kBoolean},
                                             {"array", kArray},
                                             {"object", kObject},
                                             {"null", kNull},
                                             {"str", kString},
                                             {"int", kInteger},
                                             {"float", kInteger | kFraction},
                                             {"double", kInteger | kFraction},
                                             {"bool", kBoolean},
                                             {"list", kArray},
                                             {"tuple", kArray},
                                             {"dict", kObject},
                                             {"none", kNull},
                                             {"nonetype", kNull}}};
  const std::string lower = Lower(name);
  for (const Entry& entry : kNames) {
    if (entry.name == lower) return entry.type;
  }
  return kAnyType;
}

unsigned TypeOf(const Json& value) {
  switch (value.kind()) {
    case Json::Kind::kNull:
      return kNull;
    case Json::Kind::kBool:
      return kBoolean;
    case Json::Kind::kInteger:
      return kInteger;
    case Json::Kind::kFloat:
      return kFraction;
    case Json::Kind::kString:
      return kString;
    case Json::Kind::kArray:
      return kArray;
    case Json::Kind::kObject:
      return kObject;
  }
  return kAnyType;
}

// One step of a JSON pointer with its escapes undone: %XX of the URI, then ~1 and ~0.
std::string PointerStep(std::string_view step) {
  std::string plain;
  for (std::size_t i = 0; i < step.size(); ++i) {
    unsigned value = 0;
    const char* digits = step.data() + i + 1;
    if (step[i] == '%' && i + 2 < step.size() && std::from_chars(digits, digits + 2, value, 16).ptr == digits + 2) {
      plain.push_back(static_cast<char>(value));
      i += 2;
    } else {
      plain.push_back(step[i]);
    }
  }
  std::string out;
  for (std::size_t i = 0; i < plain.size(); ++i) {
    const bool is_escape = plain[i] == '~' && i + 1 < plain.size() && (plain[i + 1] == '0' || plain[i + 1] == '1');
    out.push_back(is_escape ? (plain[i + 1] == '1' ? '/' : '~') : plain[i]);
    if (is_escape) ++i;
  }
  return out;
}

// What a local reference ("#/$defs/Name") points to; nullptr when it points nowhere or elsewhere.
const Json* Resolve(const Json* root, std::string_view reference) {
  if (root == nullptr || !reference.starts_with('#')) return nullptr;
  const Json* here = root;
  reference.remove_prefix(1);
  while (!reference.empty() && here != nullptr) {
    if (!reference.starts_with('/')) return nullptr;
    reference.remove_prefix(1);
    const std::string_view raw = reference.substr(0, reference.find('/'));
    reference.remove_prefix(raw.size());
    const std::string step = PointerStep(raw);
    if (here->IsArray()) {
      std::size_t index = 0;
      const auto parsed = std::from_chars(step.data(), step.data() + step.size(), index);
      const bool is_index = parsed.ec == std::errc() && parsed.ptr == step.data() + step.size();
      here = is_index && index < here->items().size() ? &here->items()[index] : nullptr;
    } else {
      here = here->Find(step);
    }
  }
  return here;
}

// The types that keywords hint at where nothing names a type.
unsigned HintedTypes(const Json& schema) {
  const auto has = [&](std::initializer_list<const char*> keys) {
    return std::any_of(keys.begin(), keys.end(), [&](const char* key) { return schema.Find(key) != nullptr; });
  };
  if (has({"properties", "required", "patternProperties"})) return kObject;
  if (has({"items", "prefixItems", "minItems", "maxItems", "uniqueItems"})) return kArray;
  if (has({"pattern", "minLength", "maxLength"})) return kString;
  if (has({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"})) return kInteger | kFraction;
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
    if (const Json* null = schema.Find("nullable"); null != nullptr && null->AsBool().value_or(false)) types |= kNull;
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
    return reference != nullptr && reference->IsString() ? Resolve(root_, reference->text()) : nullptr;
  }
  static unsigned NamedTypes(const Json& type) {
    if (type.IsString()) return TypeNamed(type.text());
    unsigned types = 0;
    for (const Json& item : type.items()) types |= item.IsString() ? TypeNamed(item.text()) : kAnyType;
    return types == 0 ? kAnyType : types;
  }
  unsigned Value(const Json& value) {
    values_.push_back(&value);
    return TypeOf(value);
  }

  const Json* root_;
  int num_schemas_ = 0;
  std::vector<const Json*> values_;
};

// `text` as JSON, with Python's spellings of the constants; where no string is admitted, in any case.
std::optional<Json> ReadJson(std::string_view text, bool admits_string) {
  const std::string word = text.size() > 5 ? "" : admits_string ? std::string(text) : Lower(text);
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
  const unsigned type = TypeOf(value);
  if ((types & type) != 0) return value;
  if (type != kFraction || (types & kInteger) == 0) return std::nullopt;
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
  const bool admits_string = (types & kString) != 0;
  // Long text is no value of an enum, and where only strings are admitted it is one.
  if (types == kString && values.empty()) return Json::String(std::string(text));
  auto json = ReadJson(Trim(text), admits_string);
  if (const Json* value = ValueMeant(values, text, json); value != nullptr) return *value;
  if (types == kString) return Json::String(std::string(text));
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
  return !is_listed && (reader.Types(*schema) & kString) != 0;
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
