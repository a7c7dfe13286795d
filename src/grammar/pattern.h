// SPDX-License-Identifier: Apache-2.0
// Patterns of JSON schemas (regular expressions of ECMAScript) as masks can hold a string to them.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

inline constexpr std::size_t kMaxPatternLength = 1000;
inline constexpr std::int64_t kMaxPatternStates = 40;  // of a pattern, and of all patterns of a schema together
inline constexpr int kMaxRepeats = 10000;  // of one thing in a pattern, of characters in a string, of items in an array

// The same pattern for a string as a whole: what is not anchored may stand anywhere in it. Written with ASCII alone,
// every set of characters spelled out, and without the characters that JSON writes escaped ('"', '\' and control
// characters) nor those that regular expressions of other languages class otherwise: what matches this matches the
// given one everywhere. Errors without a place: kUnsupported for what no mask can hold (look-around, references back,
// \b, anchors inside, a repeat without a bound inside another, more than 10,000 repeats, '"'), kInvalid for what is no
// pattern.
//
// `states`: what its classes cost; each is looked up in the vocabulary, which takes some 5 ms.
Result<std::string> WholePattern(std::string_view pattern, std::int64_t* states = nullptr);

// A pattern, as WholePattern writes them, of every string of ASCII's letters and digits, '_' and '-' that is
// none of `names`, and not empty.
std::string OtherNamesPattern(const std::vector<std::string>& names);

// A pattern, as WholePattern writes them, that the strings of this format match; nullptr: the format is not enforced.
const char* FormatPattern(std::string_view format);

}  // namespace thimble
