// SPDX-License-Identifier: Apache-2.0
// XGrammar's rules for JSON, in its EBNF, as they should be.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace thimble {

// The grammar that XGrammar 0.2.9 wrote for a schema, made to admit only what every reader of JSON takes: strings hold
// no control characters (nor escapes where their length is counted), \u escapes are no halves of surrogate pairs, and
// numbers have at most 18 digits before the point, 17 behind it, and 2 in the exponent. Between the parts no
// carriage return stands. Literals stay as they are.
// A regular expression that spells PatternName(i) alone stands for `patterns[i]`, one of grammar/pattern.h's: XGrammar
// would make an automaton of it first, which takes seconds for long repeats.
// Empty: this is not a grammar as that version writes it.
std::string TightenJsonRules(std::string_view ebnf, std::span<const std::string> patterns);
std::string PatternName(std::size_t index);

}  // namespace thimble
