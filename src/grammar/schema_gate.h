// SPDX-License-Identifier: Apache-2.0
// What stands before the masks: a client's JSON schema becomes one that they enforce word by word, or is refused.
#pragma once

#include "base/result.h"
#include "files/json.h"

#include <cstddef>

namespace thimble {

// Limits of a schema, looked at before anything is made of it.
inline constexpr std::size_t kMaxSchemaBytes = 64 * 1024;
inline constexpr int kMaxSchemaDepth = 32;           // schemas inside schemas, references followed
inline constexpr int kMaxSchemaAlternatives = 1000;  // values of enums and branches of anyOf and oneOf, in all
inline constexpr int kMaxSchemaNodes = 5000;         // schemas in all, each as often as it is used

// A schema that admits nothing that `schema` does not admit, made of these keywords alone: $defs and $ref (to
// "#/$defs/NAME"); anyOf; enum; type (one) with minimum, maximum, exclusiveMinimum, exclusiveMaximum, multipleOf;
// pattern, or minLength and maxLength; prefixItems, items, minItems, maxItems; properties, required,
// additionalProperties, propertyNames, minProperties, maxProperties, or patternProperties with one pattern.
// `schema` may be a part of `root`, which its references ("#/...") mean. Strict: objects have no properties beside
// those that the schema names, unless it says itself that they may.
//
// What annotates (title, description, default, examples, formats that are not enforced, keywords that nobody knows)
// is left out. Errors name the keyword and where it stands: kUnsupported for what no mask enforces, for what allOf
// cannot be merged into, and for what is over a limit; kInvalid for what is no schema, or admits no value.
Result<Json> EnforceableSchema(const Json& root, const Json& schema, bool is_strict);
inline Result<Json> EnforceableSchema(const Json& schema, bool is_strict) {
  return EnforceableSchema(schema, schema, is_strict);
}

}  // namespace thimble
