// SPDX-License-Identifier: Apache-2.0
// Parts of JSON schemas: what they say of types and values, and whether two schemas admit something in common.
#pragma once

#include "files/json.h"
#include "text/json_types.h"

#include <string>
#include <string_view>

namespace thimble {

// 0 for what is no type's name.
unsigned SchemaTypeNamed(std::string_view name);
// What "type" says: a name or a list of names; 0 for anything else.
unsigned SchemaTypes(const Json& type);
// As schemas see it: 1.0 is an integer.
unsigned SchemaTypeOf(const Json& value);
// Whether both are the same value: 1 and 1.0 are, and objects with their members in another order.
bool IsSameValue(const Json& a, const Json& b);

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
