// SPDX-License-Identifier: Apache-2.0
// Where std::bad_alloc ends: containers throw it, and what they were needed for becomes an error like any other.
#pragma once

#include "base/result.h"

#include <new>
#include <utility>

namespace thimble {

// Where not even the sentence finds room, a word that needs none.
inline Error NoMemory() {
#if defined(__cpp_exceptions)
  try {
    return Error{
        Code::kExhausted, "[memory] the system has no room left", {{Advice::kSmallerModel}, {Advice::kLowerContext}}};
  } catch (const std::bad_alloc&) {
    return Error{Code::kExhausted, "out of memory"};  // short strings are kept in place
  }
#else
  return Error{
      Code::kExhausted, "[memory] the system has no room left", {{Advice::kSmallerModel}, {Advice::kLowerContext}}};
#endif
}

// What `body` (which returns a Result) returns, or kExhausted when memory ran out in it. Builds without exceptions end
// there instead.
template <typename Body>
auto ExhaustedIfNoMemory(Body&& body) -> decltype(body()) {
#if defined(__cpp_exceptions)
  try {
    return std::forward<Body>(body)();
  } catch (const std::bad_alloc&) {
    return NoMemory();
  }
#else
  return std::forward<Body>(body)();
#endif
}

}  // namespace thimble
