// SPDX-License-Identifier: Apache-2.0
// Text files of tests, by what every system has: the WebAssembly library lacks std::ifstream.
#pragma once

#include "fail.h"

#include <cstddef>
#include <cstdio>
#include <string>
#include <vector>

namespace thimble::testing {

inline std::string ReadTextFile(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) Fail(path + ": cannot be opened");
  std::string text;
  char part[1 << 14];
  for (std::size_t count = 1; count > 0;) {
    count = std::fread(part, 1, sizeof(part), file);
    text.append(part, count);
  }
  const bool is_broken = std::ferror(file) != 0;
  std::fclose(file);
  if (is_broken) Fail(path + ": cannot be read");
  return text;
}

// Without the ends of the lines.
inline std::vector<std::string> ReadTextLines(const std::string& path) {
  const std::string text = ReadTextFile(path);
  std::vector<std::string> lines;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = text.find('\n', begin);
    lines.push_back(text.substr(begin, end - begin));
    begin = end == std::string::npos ? text.size() : end + 1;
  }
  return lines;
}

}  // namespace thimble::testing
