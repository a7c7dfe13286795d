// SPDX-License-Identifier: Apache-2.0
#include "grammar/schema_gate.h"

#include "base/text.h"
#include "grammar/pattern.h"
#include "grammar/plain_schema.h"

#include <algorithm>
#include <cmath>
#include <iterator>
#include <unordered_map>
#include <unordered_set>
#include <utility>

namespace thimble {

namespace {

// Numbers with bounds beyond this are not told apart by their digits behind the point.
constexpr double kLargestBound = 1e15;
// With a limit on how many there are, masks count properties in all ways.
constexpr std::size_t kMaxCountedProperties = 40;
constexpr std::size_t kMaxOptionalProperties = 200;
constexpr std::size_t kMaxNamesBesideFree = 24;
constexpr std::size_t kMaxNamesBesideFreeInAll = 64;
// What XGrammar makes in less than 0.2 s.
constexpr std::size_t kMaxValueBytes = 20000;
constexpr std::size_t kMaxBounds = 48;  // of numbers that may be fractions

// One of the schemas that a value must all be valid by.
struct Part {
  enum class Kind {
    kSchema,
    kWords,  // what the schema says itself, without $ref, allOf, anyOf, oneOf
    kAnyOf,  // `schema` is the list of a keyword's branches
  } kind = Kind::kSchema;
  const Json* schema = nullptr;
  bool is_outer = false;  // the others stand in it
  std::string path = {};  // kAnyOf: of the list
};
using Parts = std::vector<Part>;

Json Typed(const char* type) { return Json::Object({{"type", Json::String(type)}}); }

// Whether it says something itself, not by $ref, allOf, anyOf and oneOf alone.
bool HasWords(const Json& schema) {
  return std::any_of(schema.members().begin(), schema.members().end(), [](const Json::Member& member) {
    const std::string& word = member.first;
    return word != "$ref" && word != "allOf" && word != "anyOf" && word != "oneOf" && IsAssertion(word);
  });
}

// Whether a schema is a reference and nothing else.
const Json* OnlyReference(const Json& schema) {
  const Json* reference = schema.Find("$ref");
  if (reference == nullptr) return nullptr;
  const bool is_alone = std::none_of(schema.members().begin(), schema.members().end(), [](const Json::Member& member) {
    return member.first != "$ref" && IsAssertion(member.first);
  });
  return is_alone ? reference : nullptr;
}

class Gate {
 public:
  Gate(const Json& root, bool is_strict) : root_(root), is_strict_(is_strict), disjointness_(root) {}

  Result<Json> Run(const Json& schema) {
    const std::size_t bytes = root_.Dump().size();
    if (bytes > kMaxSchemaBytes)
      return Refuse(
          "", "has " + std::to_string(bytes) + " bytes, at most " + std::to_string(kMaxSchemaBytes) + " are looked at");
    THIMBLE_ASSIGN_OR_RETURN(Json out, Convert({{Part::Kind::kSchema, &schema, true}}, "", 0));
    if (definitions_.empty()) return out;
    THIMBLE_RETURN_IF_ERROR(CheckDefinitions());
    std::vector<Json::Member> members;
    for (std::size_t i = 0; i < definitions_.size(); ++i) members.emplace_back(NameOf(i), std::move(definitions_[i]));
    Json all = Json::Object({{"$defs", Json::Object(std::move(members))}});
    for (const auto& [word, value] : out.members()) all.Set(word, value);
    return all;
  }

 private:
  static std::string NameOf(std::size_t definition) { return Cat("d", definition); }
  static Error Refuse(const std::string& path, const std::string& what) {
    return RefuseSchema(Code::kUnsupported, path, what);
  }
  static Error RefuseEmpty(const std::string& path, const std::string& what) {
    return RefuseSchema(Code::kInvalid, path, what + ", so that no value is valid");
  }

  // What all of `parts` admit.
  Result<Json> Convert(Parts parts, const std::string& path, int depth);
  Result<Json> ConvertAll(const PlainSchema::All& schemas, const std::string& path, int depth) {
    Parts parts;
    for (const Json* schema : schemas) parts.push_back({Part::Kind::kSchema, schema, schemas.size() == 1});
    return Convert(std::move(parts), path, depth);
  }
  Result<Json> ConvertReference(const Json& reference, const std::string& path, int depth);
  Status Flatten(const Part& part, const std::string& path, int level, Parts* words, Parts* choices);
  Result<const Json*> Target(const Json& reference, const std::string& path);
  Result<Json> ConvertChoice(const Parts& words, Parts choices, const std::string& path, int depth);
  Result<Json> ConvertWords(const PlainSchema& plain, const std::string& path, int depth);
  Result<Json> ConvertValues(const PlainSchema& plain, const std::string& path);
  Result<Json> ConvertType(unsigned type, const PlainSchema& plain, const std::string& path, int depth);
  Result<Json> ConvertString(const PlainSchema& plain, const std::string& path);
  Result<Json> ConvertInteger(const PlainSchema& plain, const std::string& path);
  Result<Json> ConvertNumber(const PlainSchema& plain, const std::string& path);
  Result<Json> ConvertArray(const PlainSchema& plain, const std::string& path, int depth);
  Result<Json> ConvertObject(const PlainSchema& plain, const std::string& path, int depth);
  Result<std::string> Whole(const std::string& pattern, const std::string& place);
  Result<Json> ConvertPatterns(const PlainSchema& plain, const std::string& path, int depth);
  Status AddFreeNames(const PlainSchema& plain, const std::vector<std::string>& names, std::size_t num_listed,
                      const std::string& path, int depth, Json* out);
  Status CountAlternatives(std::size_t more, const std::string& path);
  [[nodiscard]] Status CheckNodes(const std::string& path) const {
    if (num_nodes_ <= kMaxSchemaNodes) return Done{};
    return Refuse(path, "is one of more than " + std::to_string(kMaxSchemaNodes) + " schemas in all");
  }
  Status CheckDefinitions();
  bool IsFinite(const Json& schema, const std::vector<bool>& finite) const;
  bool LoopsBack(std::size_t definition, std::vector<int>* state) const;
  bool LeadsBack(const Json& schema, std::vector<int>* state) const;

  const Json& root_;
  bool is_strict_;
  Disjointness disjointness_;
  bool has_inner_id_ = false;
  int num_nodes_ = 0;
  std::size_t num_alternatives_ = 0;
  std::size_t value_bytes_ = 0;             // of enums
  std::int64_t num_states_ = 0;             // of patterns
  std::unordered_set<std::string> costly_;  // patterns, and bounds of numbers
  std::size_t num_bounds_ = 0;
  std::size_t num_names_beside_free_ = 0;
  std::unordered_map<const Json*, std::size_t> definition_of_;
  std::vector<Json> definitions_;
};

Status Gate::CountAlternatives(std::size_t more, const std::string& path) {
  num_alternatives_ += more;
  if (num_alternatives_ <= kMaxSchemaAlternatives) return Done{};
  return Refuse(path, "makes more than " + std::to_string(kMaxSchemaAlternatives) +
                          " alternatives in all (values of enum, branches of anyOf and oneOf)");
}

Result<const Json*> Gate::Target(const Json& reference, const std::string& path) {
  const std::string place = path + "/$ref";
  if (!reference.IsString()) return RefuseSchema(Code::kInvalid, place, "takes a string");
  if (has_inner_id_) return Refuse(place, "stands beside an $id inside the schema: leave that out");
  const bool is_local = reference.text() == "#" || reference.text().starts_with("#/");
  if (!is_local) return Refuse(place, "leads out of the schema: only #/... is followed");
  const Json* target = ResolveReference(root_, reference.text());
  if (target == nullptr) return RefuseSchema(Code::kInvalid, place, "leads nowhere");
  return target;
}

Result<Json> Gate::ConvertReference(const Json& reference, const std::string& path, int depth) {
  THIMBLE_ASSIGN_OR_RETURN(const Json* target, Target(reference, path));
  const auto [entry, is_new] = definition_of_.try_emplace(target, definitions_.size());
  const std::size_t index = entry->second;
  if (is_new) {
    definitions_.emplace_back();
    THIMBLE_ASSIGN_OR_RETURN(definitions_[index], Convert({{Part::Kind::kSchema, target, true}}, path, depth));
  }
  return Json::Object({{"$ref", Json::String("#/$defs/" + NameOf(index))}});
}

// The schemas that `part` stands for: what each says itself, and the choices among them.
Status Gate::Flatten(const Part& part, const std::string& path, int level, Parts* words, Parts* choices) {
  if (part.kind != Part::Kind::kSchema) {
    (part.kind == Part::Kind::kAnyOf ? choices : words)->push_back(part);
    return Done{};
  }
  const Json& schema = *part.schema;
  if (schema.AsBool().has_value()) {
    return *schema.AsBool() ? Status(Done{}) : Status(RefuseEmpty(path, "is false"));
  }
  if (!schema.IsObject()) return RefuseSchema(Code::kInvalid, path, "is no schema: an object, true or false");
  if (level > kMaxSchemaDepth) return RefuseSchema(Code::kInvalid, path, "refers to itself without end");
  num_nodes_ += level > 0 ? 1 : 0;
  THIMBLE_RETURN_IF_ERROR(CheckNodes(path));
  if (&schema != &root_ && schema.Find("$id") != nullptr) has_inner_id_ = true;
  words->push_back({Part::Kind::kWords, &schema, part.is_outer});
  if (const Json* reference = schema.Find("$ref")) {
    THIMBLE_ASSIGN_OR_RETURN(const Json* target, Target(*reference, path));
    THIMBLE_RETURN_IF_ERROR(Flatten({Part::Kind::kSchema, target, false}, path, level + 1, words, choices));
  }
  for (const char* word : {"allOf", "anyOf", "oneOf"}) {
    const Json* list = schema.Find(word);
    if (list == nullptr) continue;
    const std::string place = path + "/" + word;
    if (!list->IsArray() || list->items().empty())
      return RefuseSchema(Code::kInvalid, place, "takes a list of schemas");
    if (std::string_view(word) != "allOf") {
      choices->push_back({Part::Kind::kAnyOf, list, false, place});
      THIMBLE_RETURN_IF_ERROR(CountAlternatives(list->items().size(), place));
    }
    const auto& items = list->items();
    for (std::size_t i = 0; i < items.size(); ++i) {
      const std::string item_path = place + "/" + std::to_string(i);
      if (std::string_view(word) == "allOf") {
        THIMBLE_RETURN_IF_ERROR(Flatten({Part::Kind::kSchema, &items[i], false}, item_path, level + 1, words, choices));
      }
      // What is valid by one branch alone is valid by any of them where no two have a value in common.
      for (std::size_t k = 0; std::string_view(word) == "oneOf" && k < i; ++k) {
        if (!disjointness_.Holds(items[k], items[i]))
          return Refuse(place,
                        "has branches " + std::to_string(k) + " and " + std::to_string(i) +
                            " that may both hold: use anyOf, or give both a required property with a const of its own");
      }
    }
  }
  return Done{};
}

Result<Json> Gate::Convert(Parts parts, const std::string& path, int depth) {
  ++num_nodes_;
  THIMBLE_RETURN_IF_ERROR(CheckNodes(path));
  if (depth > kMaxSchemaDepth) return Refuse(path, "is more than " + std::to_string(kMaxSchemaDepth) + " schemas deep");
  if (parts.size() == 1 && parts[0].kind == Part::Kind::kSchema && parts[0].schema->IsObject()) {
    if (const Json* reference = OnlyReference(*parts[0].schema)) return ConvertReference(*reference, path, depth + 1);
  }
  Parts words;
  Parts choices;
  for (const Part& part : parts) THIMBLE_RETURN_IF_ERROR(Flatten(part, path, 0, &words, &choices));
  if (!choices.empty()) return ConvertChoice(words, std::move(choices), path, depth);
  PlainSchema plain;
  for (const Part& part : words) THIMBLE_RETURN_IF_ERROR(plain.Add(*part.schema, path, part.is_outer));
  return ConvertWords(plain, path, depth);
}

// The first choice, with all that holds besides in each of its branches.
Result<Json> Gate::ConvertChoice(const Parts& words, Parts choices, const std::string& path, int depth) {
  const auto& options = choices[0].schema->items();
  Parts rest;
  std::copy_if(words.begin(), words.end(), std::back_inserter(rest),
               [](const Part& part) { return HasWords(*part.schema); });
  rest.insert(rest.end(), choices.begin() + 1, choices.end());
  std::vector<Json> out;
  for (std::size_t i = 0; i < options.size(); ++i) {
    if (options[i].AsBool().has_value() && !*options[i].AsBool()) continue;
    Parts parts = rest;
    parts.push_back({Part::Kind::kSchema, &options[i], rest.empty()});
    auto option = Convert(std::move(parts), choices[0].path + "/" + std::to_string(i), depth + 1);
    if (!option.ok()) return option.error();
    out.push_back(std::move(option).value());
  }
  if (out.empty()) return RefuseEmpty(path, "has no branch that admits anything");
  if (out.size() == 1) return std::move(out[0]);
  return Json::Object({{"anyOf", Json::Array(std::move(out))}});
}

Result<Json> Gate::ConvertWords(const PlainSchema& plain, const std::string& path, int depth) {
  if (plain.values.has_value()) return ConvertValues(plain, path);
  unsigned types = plain.types;
  if (types == kAnyType && plain.hinted == 0) return Json::Object();
  // Keywords of one type say nothing about the others; whoever writes them means that type.
  if (types == kAnyType) types = plain.hinted;
  if (types == 0) return RefuseEmpty(path, "asks for types that exclude each other");
  if ((types & kNumberType) == kNumberType) types &= ~kIntegerType;
  std::vector<Json> out;
  for (const unsigned type :
       {kStringType, kIntegerType, kFractionType, kBooleanType, kNullType, kArrayType, kObjectType}) {
    if ((types & type) == 0) continue;
    THIMBLE_ASSIGN_OR_RETURN(Json one, ConvertType(type, plain, path, depth));
    out.push_back(std::move(one));
  }
  if (out.size() == 1) return std::move(out[0]);
  THIMBLE_RETURN_IF_ERROR(CountAlternatives(out.size(), path));
  return Json::Object({{"anyOf", Json::Array(std::move(out))}});
}

Result<Json> Gate::ConvertType(unsigned type, const PlainSchema& plain, const std::string& path, int depth) {
  switch (type) {
    case kStringType:
      return ConvertString(plain, path);
    case kIntegerType:
      return ConvertInteger(plain, path);
    case kFractionType:
      return ConvertNumber(plain, path);
    case kBooleanType:
      return Typed("boolean");
    case kNullType:
      return Typed("null");
    case kArrayType:
      return ConvertArray(plain, path, depth);
    default:
      return ConvertObject(plain, path, depth);
  }
}

Result<Json> Gate::ConvertValues(const PlainSchema& plain, const std::string& path) {
  if (plain.hinted != 0) return Refuse(path, "has enum or const beside other keywords than type: leave those out");
  std::vector<Json> values;
  for (const Json* value : *plain.values) {
    if ((plain.types & SchemaTypeOf(*value)) == 0) continue;
    const bool is_large = value->IsNumber() && !value->AsInt().has_value() &&
                          std::abs(value->AsDouble().value_or(kLargestBound)) >= kLargestBound;
    if (is_large) return Refuse(path, "lists a number beyond 1e15 that is no 64-bit integer");
    values.push_back(*value);
    value_bytes_ += value->Dump().size();
  }
  if (value_bytes_ > kMaxValueBytes)
    return Refuse(path, Cat("makes the values of enums more than ", kMaxValueBytes, " bytes in all"));
  if (values.empty()) return RefuseEmpty(path, "lists no value of the type asked for");
  THIMBLE_RETURN_IF_ERROR(CountAlternatives(values.size(), path));
  return Json::Object({{"enum", Json::Array(std::move(values))}});
}

// A pattern for the whole string; what it costs is counted once for all places that have it.
Result<std::string> Gate::Whole(const std::string& pattern, const std::string& place) {
  std::int64_t states = 0;
  auto whole = WholePattern(pattern, &states);
  if (!whole.ok()) return RefuseSchema(whole.error().code, place, whole.error().message);
  if (costly_.insert(whole.value()).second) num_states_ += states;
  if (num_states_ > kMaxPatternStates)
    return Refuse(place, Cat("makes all patterns together cost ", num_states_, ", at most ", kMaxPatternStates,
                             ": characters of a class, repeats that are not counted, '.' and sides without ^ or $"));
  return whole;
}

Result<Json> Gate::ConvertString(const PlainSchema& plain, const std::string& path) {
  Json out = Typed("string");
  const bool has_lengths = plain.min_length > 0 || plain.max_length >= 0;
  if (plain.max_length >= 0 && plain.min_length > plain.max_length)
    return RefuseEmpty(path, "has minLength above maxLength");
  if (plain.pattern.has_value() && plain.format.has_value())
    return Refuse(path, "has pattern and format (" + *plain.format + ") together: leave one out");
  // No string of these formats is empty.
  const bool is_at_least_one = plain.min_length <= 1 && plain.max_length < 0;
  if (plain.format.has_value()) {
    if (has_lengths && !is_at_least_one)
      return Refuse(path, "has format (" + *plain.format + ") together with minLength or maxLength: leave one out");
    out.Set("pattern", Json::String(FormatPattern(*plain.format)));
    return out;
  }
  if (plain.pattern.has_value()) {
    if (has_lengths)
      return Refuse(path, "has pattern together with minLength or maxLength: write the lengths into the pattern");
    THIMBLE_ASSIGN_OR_RETURN(std::string whole, Whole(*plain.pattern, path + "/pattern"));
    out.Set("pattern", Json::String(std::move(whole)));
    return out;
  }
  if (plain.min_length > 0) out.Set("minLength", Json::Integer(plain.min_length));
  if (plain.max_length >= 0) out.Set("maxLength", Json::Integer(plain.max_length));
  return out;
}

// Bounds as whole numbers that are admitted themselves.
Result<Json> Gate::ConvertInteger(const PlainSchema& plain, const std::string& path) {
  Json out = Typed("integer");
  std::optional<double> low;
  std::optional<double> high;
  const auto raise = [](std::optional<double>* to, double value) { *to = std::max(to->value_or(value), value); };
  const auto lower = [](std::optional<double>* to, double value) { *to = std::min(to->value_or(value), value); };
  if (plain.minimum != nullptr) raise(&low, std::ceil(plain.minimum->AsDouble().value_or(0)));
  if (plain.above != nullptr) raise(&low, std::floor(plain.above->AsDouble().value_or(0)) + 1);
  if (plain.maximum != nullptr) lower(&high, std::floor(plain.maximum->AsDouble().value_or(0)));
  if (plain.below != nullptr) lower(&high, std::ceil(plain.below->AsDouble().value_or(0)) - 1);
  if (std::abs(low.value_or(0)) > kLargestBound || std::abs(high.value_or(0)) > kLargestBound)
    return Refuse(path, "has a bound beyond 1e15");
  if (low.has_value() && high.has_value() && *low > *high) return RefuseEmpty(path, "has bounds with nothing between");
  if (low.has_value()) out.Set("minimum", Json::Integer(static_cast<std::int64_t>(*low)));
  if (high.has_value()) out.Set("maximum", Json::Integer(static_cast<std::int64_t>(*high)));
  if (plain.step == nullptr) return out;
  constexpr std::int64_t kLargestStep = 1024;  // XGrammar's
  const std::int64_t step = plain.step->AsInt().value_or(1);
  if (step == 1) return out;
  if (!low.has_value() || !high.has_value())
    return Refuse(path, "has multipleOf without both bounds: give minimum and maximum, at most 10,000 apart");
  if (step > kLargestStep) return Refuse(path, "has a multipleOf above " + std::to_string(kLargestStep));
  out.Set("multipleOf", Json::Integer(step));
  const double divisor = static_cast<double>(step);
  const double count = std::floor(*high / divisor) - std::ceil(*low / divisor) + 1;
  if (count < 1) return RefuseEmpty(path, "has no multiple between its bounds");
  constexpr double kWidest = 10000;  // XGrammar's
  if (*high - *low + 1 > kWidest) return Refuse(path, "has multipleOf with bounds more than 10,000 apart");
  THIMBLE_RETURN_IF_ERROR(CountAlternatives(static_cast<std::size_t>(count), path));
  return out;
}

Result<Json> Gate::ConvertNumber(const PlainSchema& plain, const std::string& path) {
  // A multiple of a whole number is one.
  if (plain.step != nullptr) return ConvertInteger(plain, path);
  Json out = Typed("number");
  double low = -kLargestBound;
  double high = kLargestBound;
  const auto bound = [&](const char* word, const Json* value) {
    if (value == nullptr) return;
    const double number = value->AsDouble().value_or(0);
    out.Set(word, Json::Float(number));
    (std::string_view(word).ends_with("inimum") ? low : high) =
        std::string_view(word).ends_with("inimum") ? std::max(low, number) : std::min(high, number);
  };
  for (const Json* value : {plain.minimum, plain.above, plain.maximum, plain.below}) {
    if (value != nullptr && std::abs(value->AsDouble().value_or(0)) > kLargestBound)
      return Refuse(path, "has a bound beyond 1e15");
  }
  bound("minimum", plain.minimum);
  bound("exclusiveMinimum", plain.above);
  bound("maximum", plain.maximum);
  bound("exclusiveMaximum", plain.below);
  const bool is_exclusive = plain.above != nullptr || plain.below != nullptr;
  if (low > high || (low == high && is_exclusive)) return RefuseEmpty(path, "has bounds with nothing between");
  // Masks write six digits behind the point. One value is a value.
  constexpr double kClosest = 1e-5;
  if (low == high) {
    THIMBLE_RETURN_IF_ERROR(CountAlternatives(1, path));
    return Json::Object({{"enum", Json::Array({*plain.minimum})}});
  }
  if (high - low < kClosest) return Refuse(path, "has bounds less than 0.00001 apart");
  if (costly_.insert(Json::Float(low).Dump() + " " + Json::Float(high).Dump()).second &&
      (low > -kLargestBound || high < kLargestBound))
    ++num_bounds_;
  if (num_bounds_ > kMaxBounds) return Refuse(path, Cat("has more than ", kMaxBounds, " pairs of bounds in all"));
  return out;
}

Result<Json> Gate::ConvertArray(const PlainSchema& plain, const std::string& path, int depth) {
  Json out = Typed("array");
  std::int64_t max_items = plain.max_items;
  if (max_items >= 0 && plain.min_items > max_items) return RefuseEmpty(path, "has minItems above maxItems");
  bool is_closed = plain.has_closed_items && plain.items.empty();
  for (const Json* item : plain.items) is_closed = is_closed || !item->AsBool().value_or(true);
  std::vector<Json> first;
  if (plain.prefix_items != nullptr) {
    for (const Json& item : plain.prefix_items->items()) {
      if (max_items >= 0 && static_cast<std::int64_t>(first.size()) >= max_items) break;
      const std::string place = path + "/prefixItems/" + std::to_string(first.size());
      THIMBLE_ASSIGN_OR_RETURN(Json one, ConvertAll({&item}, place, depth + 1));
      first.push_back(std::move(one));
    }
  }
  const auto num_first = static_cast<std::int64_t>(first.size());
  if (num_first == max_items) is_closed = true;
  if (is_closed) {
    if (plain.min_items > num_first) return RefuseEmpty(path, "has minItems above what its items make");
    max_items = -1;
    out.Set("items", Json::Bool(false));
  } else {
    THIMBLE_ASSIGN_OR_RETURN(Json items, ConvertAll(plain.items, path + "/items", depth + 1));
    out.Set("items", std::move(items));
  }
  if (num_first > 0) out.Set("prefixItems", Json::Array(std::move(first)));
  if (plain.min_items > 0) out.Set("minItems", Json::Integer(plain.min_items));
  if (max_items >= 0) out.Set("maxItems", Json::Integer(max_items));
  return out;
}

// Objects of which names are known by a pattern alone: no others are written.
Result<Json> Gate::ConvertPatterns(const PlainSchema& plain, const std::string& path, int depth) {
  const Json* patterns = nullptr;
  bool is_alone = plain.required.empty() && plain.property_names.empty();
  for (const PlainSchema::Properties& part : plain.properties) {
    is_alone = is_alone && (part.listed == nullptr || part.listed->members().empty());
    if (part.patterns == nullptr || part.patterns->members().empty()) continue;
    is_alone = is_alone && patterns == nullptr && part.patterns->members().size() == 1;
    patterns = part.patterns;
  }
  for (const PlainSchema::Properties& part : plain.properties)
    is_alone = is_alone && (part.additional == nullptr || part.patterns == patterns || plain.properties.size() == 1);
  if (!is_alone)
    return Refuse(path + "/patternProperties",
                  "is enforced with one pattern, and without properties, required and propertyNames");
  if (plain.min_properties > 1) return Refuse(path, "has minProperties above 1 with names that are free");
  const auto& [name, schema] = patterns->members()[0];
  const std::string place = SchemaPath(path + "/patternProperties", name);
  THIMBLE_ASSIGN_OR_RETURN(std::string whole, Whole(name, place));
  THIMBLE_ASSIGN_OR_RETURN(Json value, ConvertAll({&schema}, place, depth + 1));
  Json out = Typed("object");
  out.Set("patternProperties", Json::Object({{std::move(whole), std::move(value)}}));
  out.Set("additionalProperties", Json::Bool(false));
  if (plain.min_properties > 0) out.Set("minProperties", Json::Integer(plain.min_properties));
  if (plain.max_properties >= 0) out.Set("maxProperties", Json::Integer(plain.max_properties));
  return out;
}

// Names that no schema lists, where they may be.
Status Gate::AddFreeNames(const PlainSchema& plain, const std::vector<std::string>& names, std::size_t num_listed,
                          const std::string& path, int depth, Json* out) {
  PlainSchema::All additional;
  bool is_closed = plain.is_closed;
  bool has_list = false;
  bool says = false;
  for (const PlainSchema::Properties& part : plain.properties) {
    has_list = has_list || part.listed != nullptr || !names.empty();
    if (part.additional == nullptr) continue;
    says = true;
    additional.push_back(part.additional);
    is_closed = is_closed || !part.additional->AsBool().value_or(true);
  }
  if (is_strict_ && has_list && !says) is_closed = true;
  // Keeping many names out makes grammars slow; nobody has to write others.
  if (!is_closed) num_names_beside_free_ += names.size();
  if (names.size() > kMaxNamesBesideFree || num_names_beside_free_ > kMaxNamesBesideFreeInAll) is_closed = true;
  if (!plain.property_names.empty() && !names.empty())
    return Refuse(path + "/propertyNames", "is enforced without properties and required");
  if (is_closed) {
    out->Set("additionalProperties", Json::Bool(false));
    if (plain.min_properties > static_cast<std::int64_t>(num_listed))
      return RefuseEmpty(path, "has minProperties above the number of its properties");
    return Done{};
  }
  const auto certain = static_cast<std::int64_t>(std::max<std::size_t>(1, plain.required.size()));
  if (plain.min_properties > certain)
    return Refuse(path, "has minProperties with names that are free (additionalProperties)");
  THIMBLE_ASSIGN_OR_RETURN(Json value, ConvertAll(additional, path + "/additionalProperties", depth + 1));
  if (!plain.property_names.empty()) {
    static const Json kString = Typed("string");
    PlainSchema::All all = plain.property_names;
    all.push_back(&kString);
    THIMBLE_ASSIGN_OR_RETURN(Json name, ConvertAll(all, path + "/propertyNames", depth + 1));
    if (name.Find("anyOf") != nullptr) return Refuse(path + "/propertyNames", "is enforced without alternatives");
    out->Set("propertyNames", std::move(name));
  } else if (!names.empty()) {
    out->Set("propertyNames",
             Json::Object({{"type", Json::String("string")}, {"pattern", Json::String(OtherNamesPattern(names))}}));
  }
  out->Set("additionalProperties", value.members().empty() ? Json::Bool(true) : std::move(value));
  return Done{};
}

// All that a property of this name must be; false: it must not be there.
bool AllOf(const PlainSchema& plain, const std::string& name, PlainSchema::All* all) {
  bool is_listed = false;
  for (const PlainSchema::Properties& part : plain.properties) {
    const Json* schema = part.listed == nullptr ? nullptr : part.listed->Find(name);
    is_listed = is_listed || schema != nullptr;
    if (schema == nullptr) schema = part.additional;
    if (schema == nullptr) continue;
    if (!schema->AsBool().value_or(true)) return false;
    all->push_back(schema);
  }
  return is_listed || !plain.is_closed;
}

Result<Json> Gate::ConvertObject(const PlainSchema& plain, const std::string& path, int depth) {
  std::vector<std::string> names;
  std::unordered_set<std::string_view> known;
  for (const PlainSchema::Properties& part : plain.properties) {
    if (part.patterns != nullptr && !part.patterns->members().empty()) return ConvertPatterns(plain, path, depth);
    if (part.listed == nullptr) continue;
    for (const auto& [name, schema] : part.listed->members()) {
      if (known.insert(name).second) names.push_back(name);
    }
  }
  const std::unordered_set<std::string_view> required(plain.required.begin(), plain.required.end());
  for (const std::string& name : plain.required) {
    if (known.insert(name).second) names.push_back(name);
  }
  if (names.size() > static_cast<std::size_t>(kMaxSchemaNodes))
    return Refuse(path, "lists more than " + std::to_string(kMaxSchemaNodes) + " properties");
  if (names.size() - required.size() > kMaxOptionalProperties)
    return Refuse(path,
                  "has more than " + std::to_string(kMaxOptionalProperties) + " properties that are not required");
  const bool is_bounded = plain.min_properties > 0 || plain.max_properties >= 0;
  if (is_bounded && names.size() > kMaxCountedProperties)
    return Refuse(path, "has minProperties or maxProperties with more than " + std::to_string(kMaxCountedProperties) +
                            " properties");
  std::vector<Json::Member> listed;
  for (const std::string& name : names) {
    const bool is_required = required.contains(name);
    PlainSchema::All all;
    const bool is_forbidden = !AllOf(plain, name, &all);
    const std::string place = SchemaPath(path + "/properties", name);
    if (is_forbidden && is_required) return RefuseEmpty(place, "is required and forbidden");
    if (is_forbidden) continue;
    THIMBLE_ASSIGN_OR_RETURN(Json value, ConvertAll(all, place, depth + 1));
    listed.emplace_back(name, std::move(value));
  }
  const auto num_required = static_cast<std::int64_t>(plain.required.size());
  if (plain.max_properties >= 0 && (plain.min_properties > plain.max_properties || num_required > plain.max_properties))
    return RefuseEmpty(path, "has maxProperties below what must be there");
  Json out = Typed("object");
  const std::size_t num_listed = listed.size();
  if (!listed.empty()) out.Set("properties", Json::Object(std::move(listed)));
  if (num_required > 0) {
    std::vector<Json> list;
    for (const std::string& name : plain.required) list.push_back(Json::String(name));
    out.Set("required", Json::Array(std::move(list)));
  }
  const bool says_nothing = (plain.hinted & kObjectType) == 0;
  if (says_nothing) return out;  // any object
  THIMBLE_RETURN_IF_ERROR(AddFreeNames(plain, names, num_listed, path, depth, &out));
  if (plain.min_properties > 0) out.Set("minProperties", Json::Integer(plain.min_properties));
  if (plain.max_properties >= 0) out.Set("maxProperties", Json::Integer(plain.max_properties));
  return out;
}

// Whether some value ends, where the definitions known to be `finite` have one.
bool Gate::IsFinite(const Json& schema, const std::vector<bool>& finite) const {
  const auto is_finite = [&](const Json& inner) { return IsFinite(inner, finite); };
  if (const Json* reference = schema.Find("$ref")) {
    return finite[static_cast<std::size_t>(std::stoul(reference->text().substr(std::string_view("#/$defs/d").size())))];
  }
  if (const Json* options = schema.Find("anyOf"))
    return std::any_of(options->items().begin(), options->items().end(), is_finite);
  if (const Json* required = schema.Find("required")) {
    const Json* properties = schema.Find("properties");
    return std::all_of(required->items().begin(), required->items().end(),
                       [&](const Json& name) { return is_finite(*properties->Find(name.text())); });
  }
  const Json* least = schema.Find("minItems");
  if (least == nullptr) return true;
  const Json* first = schema.Find("prefixItems");
  const std::size_t num_first = first == nullptr ? 0 : first->items().size();
  const auto num_least = static_cast<std::size_t>(least->AsInt().value_or(0));
  for (std::size_t i = 0; i < std::min(num_first, num_least); ++i) {
    if (!is_finite(first->items()[i])) return false;
  }
  return num_least <= num_first || is_finite(*schema.Find("items"));
}

// Whether a definition is reached from itself before anything is written.
bool Gate::LeadsBack(const Json& schema, std::vector<int>* state) const {
  if (const Json* reference = schema.Find("$ref")) {
    const std::string index = reference->text().substr(std::string_view("#/$defs/d").size());
    return LoopsBack(static_cast<std::size_t>(std::stoul(index)), state);
  }
  const Json* options = schema.Find("anyOf");
  return options != nullptr && std::any_of(options->items().begin(), options->items().end(),
                                           [&](const Json& option) { return LeadsBack(option, state); });
}

bool Gate::LoopsBack(std::size_t definition, std::vector<int>* state) const {
  constexpr int kUnderWay = 1;
  constexpr int kDone = 2;
  if ((*state)[definition] == kDone) return false;
  if ((*state)[definition] == kUnderWay) return true;
  (*state)[definition] = kUnderWay;
  const bool loops = LeadsBack(definitions_[definition], state);
  (*state)[definition] = kDone;
  return loops;
}

Status Gate::CheckDefinitions() {
  std::vector<int> state(definitions_.size(), 0);
  for (std::size_t i = 0; i < definitions_.size(); ++i) {
    if (LoopsBack(i, &state)) return RefuseSchema(Code::kInvalid, "", "has a $ref that leads back to itself");
  }
  std::vector<bool> finite(definitions_.size(), false);
  for (bool has_changed = true; has_changed;) {
    has_changed = false;
    for (std::size_t i = 0; i < definitions_.size(); ++i) {
      if (finite[i] || !IsFinite(definitions_[i], finite)) continue;
      finite[i] = has_changed = true;
    }
  }
  if (std::find(finite.begin(), finite.end(), false) == finite.end()) return Done{};
  return RefuseEmpty("", "has a $ref that asks for itself in all that it admits");
}

}  // namespace

Result<Json> EnforceableSchema(const Json& root, const Json& schema, bool is_strict) {
  return Gate(root, is_strict).Run(schema);
}

}  // namespace thimble
