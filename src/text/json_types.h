// SPDX-License-Identifier: Apache-2.0
// What everybody who reads JSON schemas needs: sets of types, and references.
#pragma once

#include "files/json.h"

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

// The type of a value as it is spelled: 1.0 is a fraction.
unsigned JsonTypeOf(const Json& value);

// What a local reference ("#", "#/$defs/Name") points to; nullptr when it points nowhere or elsewhere.
const Json* ResolveReference(const Json& root, std::string_view reference);

}  // namespace thimble
