// SPDX-License-Identifier: Apache-2.0
// Reads messages from the terminal with editing and history (libedit), or plain lines from a pipe.
#pragma once

#include <memory>
#include <optional>
#include <string>

namespace thimble::cli {

class LineEditor {
 public:
  LineEditor();
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // One message, without its last newline; nullopt at the end of input. A bracketed paste of several lines is one
  // message; a line that ends in a backslash goes on. Ctrl-C empties the line.
  std::optional<std::string> Read(const std::string& prompt);

 private:
  struct Editor;
  std::unique_ptr<Editor> editor_;  // nullptr when input is no terminal
};

}  // namespace thimble::cli
