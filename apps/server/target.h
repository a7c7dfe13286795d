// SPDX-License-Identifier: Apache-2.0
// What stands in a request's first line and in its Host: taken apart without trusting a byte of it.
#pragma once

#include "base/result.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace thimble::server {

// "localhost:17741", "[::1]:80", "example.org": a name in lower case, IPv6 in its brackets, and a port where there is
// one.
struct Authority {
  std::string name;
  std::optional<std::uint16_t> port;
  friend bool operator==(const Authority&, const Authority&) = default;
};

// kInvalid: not of that form. Nothing is looked up or rewritten: "127.1" stays a name of its own.
Result<Authority> ReadAuthority(std::string_view text);

struct Target {
  std::optional<Authority> authority;  // of "http://HOST/path", as proxies get it
  std::string path;                    // escapes undone; "*" as it is
  std::string query;                   // behind '?', as it came
};

// kInvalid: no path that every reader takes in the same way: escaped slashes, backslashes and zeros, "//", ".", "..",
// control characters, broken escapes or text that is not UTF-8.
Result<Target> ReadTarget(std::string_view text);

}  // namespace thimble::server
