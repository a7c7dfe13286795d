// SPDX-License-Identifier: Apache-2.0
// Reads messages from the terminal with editing and history (libedit), or plain lines from a pipe.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <sstream>
#include <string>
#include <string_view>

namespace thimble::cli {

class LineEditor {
 public:
  // `commands` are what Tab completes; they must outlive this object.
  explicit LineEditor(std::span<const std::string_view> commands);
  ~LineEditor();
  LineEditor(const LineEditor&) = delete;
  LineEditor& operator=(const LineEditor&) = delete;

  // Whether a person sits at a terminal; else lines are taken as they come.
  [[nodiscard]] bool is_interactive() const { return editor_ != nullptr; }

  // One message, without its last newline; nullopt at the end of input. A bracketed paste of several lines is one
  // message; a line that ends in a backslash goes on. Ctrl-C empties the line; on an empty line, twice, it ends input.
  std::optional<std::string> Read(const std::string& prompt);

 private:
  struct Editor;
  std::optional<std::string> ReadLine(const std::string& prompt, bool is_first, bool* is_dropped);
  std::optional<std::string> ReadPlainLine();

  std::unique_ptr<Editor> editor_;  // nullptr when input or output is no terminal
  bool was_interrupted_ = false;    // an empty line was, just now
  bool has_begun_ = false;          // a plain line was read
  std::istringstream converted_;    // all of standard input, where that is UTF-16
  bool is_converted_ = false;
};

}  // namespace thimble::cli
