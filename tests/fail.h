// SPDX-License-Identifier: Apache-2.0
// How a test's tools say that they cannot go on.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace thimble::testing {

// Fails the test that asked: throws std::runtime_error where there are exceptions, else ends the program.
[[noreturn]] inline void Fail(const std::string& message) {
#if defined(__cpp_exceptions)
  throw std::runtime_error(message);
#else
  std::fprintf(stderr, "%s\n", message.c_str());
  std::abort();
#endif
}

}  // namespace thimble::testing
