// SPDX-License-Identifier: Apache-2.0
// Parts of JSON schemas: references, types, and whether two schemas admit something in common.
#pragma once

#include "files/json.h"

#include <string>
#include <string_view>

namespace thimble {

// Sets of JSON types. Whole numbers and others are two members: "number" stands for both.
inline constexpr unsigned kNullType = 1;
inline constexpr unsigned kBooleanType = 2;
inline constexpr unsigned kIntegerType = 4;
inline constexpr unsigned kFractionType = 8;
inline constexpr unsigned kStringType = 16;
inline constexpr unsigned kArrayType = 32;
inline constexpr unsigned kObjectType = 64;
inline constexpr unsigned kNumberType = kIntegerType | kFractionType;
inline constexpr unsigned kAnyType = 127;

// 0 for what is no type's name.
unsigned SchemaTypeNamed(std::string_view name);
// What "type" says: a name or a list of names; 0 for anything else.
unsigned SchemaTypes(const Json& type);
unsigned SchemaTypeOf(const Json& value);
// Whether both are the same value: 1 and 1.0 are, and objects with their members in another order.
bool IsSameValue(const Json& a, const Json& b);

// What a local reference ("#", "#/$defs/Name") points to; nullptr when it points nowhere or elsewhere.
const Json* ResolveReference(const Json& root, std::string_view reference);

// Tells whether two schemas admit no value in common. Looks at types, values, and properties that both require;
// "false" may also mean that there is no telling.
class Disjointness {
 public:
  explicit Disjointness(const Json& root) : root_(root) {}
  [[nodiscard]] bool Holds(const Json& a, const Json& b) { return AreDisjoint(a, b, 0); }
  // It was asked too much: Holds is false from then on.
  [[nodiscard]] bool is_exhausted() const { return steps_ > kMaxSteps; }

 private:
  static constexpr int kMaxDepth = 12;
  static constexpr int kMaxSteps = 200000;

  bool AreDisjoint(const Json& a, const Json& b, int depth);
  bool AreApart(const Json& a, const Json& b, int depth);
  bool ObjectsAreApart(const Json& a, const Json& b, int depth);

  const Json& root_;
  int steps_ = 0;
};

}  // namespace thimble
