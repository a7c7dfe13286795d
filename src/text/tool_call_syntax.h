// SPDX-License-Identifier: Apache-2.0
// The tags of tool calls (spec 6.1), and where in a text a call may begin:
//
//   <tool_call> <function=NAME> <parameter=KEY> VALUE </parameter> ... </function> </tool_call>
#pragma once

#include "text/chat.h"

#include <cstddef>
#include <string_view>
#include <vector>

namespace thimble {

enum class TagKind {
  kNone,
  kCallOpen,        // <tool_call>
  kCallClose,       // </tool_call>
  kFunctionOpen,    // <function=NAME>
  kFunctionClose,   // </function>
  kParameterOpen,   // <parameter=KEY>
  kParameterClose,  // </parameter>
};

struct CallTag {
  TagKind kind = TagKind::kNone;
  bool is_cut = false;    // the text ends in what may become a tag at `begin`; kind is kNone
  std::size_t begin = 0;  // where no tag follows: the text's size
  std::size_t end = 0;
  std::string_view name;  // of a function or parameter as it is written, quotes and spaces included
};

// White space between two tags that belong together is no longer than this, a name in a tag neither.
inline constexpr std::size_t kMaxTagGap = 256;

// The first tag at or after `from`.
CallTag FindTag(std::string_view text, std::size_t from);
// The offset of the first character that is not white space at or after `from`, at most the text's size.
std::size_t SkipSpace(std::string_view text, std::size_t from);
// A name without the quotes and spaces that small models put around it.
std::string_view BareName(std::string_view name);

// Finds the end of a JSON object that comes piece by piece.
struct ObjectScan {
  int depth = 0;
  bool is_in_string = false;
  bool is_escaped = false;

  // Takes characters from `*at` on, the opening brace first, until the object is closed: true then, with `*at` behind.
  bool Advance(std::string_view text, std::size_t* at);
};

struct CallOpening {
  enum class Kind { kNone, kUndecided, kFunction, kJson } kind = Kind::kNone;
  std::size_t begin = 0;  // kNone: the text's size; kUndecided: what follows may become one
  std::size_t body = 0;   // kFunction: behind <function=NAME>; kJson: at the brace
  std::string_view name;  // kFunction
};
enum class CallScope {
  kAll,       // functions that nobody declared too, where the call is written exactly as it should be
  kDeclared,  // declared tools only
};
// Where the first call may begin at or after `from`: <tool_call> with a function and <parameter=, </function> or
// </tool_call> behind it, or with a JSON object; or a function alone that is a declared tool.
CallOpening FindOpening(std::string_view text, std::size_t from, const std::vector<Json>& tools, CallScope scope);

}  // namespace thimble
