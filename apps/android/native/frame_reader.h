// SPDX-License-Identifier: Apache-2.0
// FrameReader: lines, and the raw bytes behind some of them, out of a stream that comes in pieces of any size.
#pragma once

#include "base/result.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace thimble::android {

class FrameReader {
 public:
  // `read` waits for bytes and returns how many it wrote into the span, 0 at the end of the stream.
  explicit FrameReader(std::function<std::size_t(std::span<char>)> read);

  // The next line, without its newline; nullopt: the stream ended. Of a line that is longer than kLongestLine nothing
  // is kept: kInvalid, and the next call gives the line behind it. An unfinished last line counts as one.
  Result<std::optional<std::string>> Line();
  // Exactly `count` bytes and the newline behind them, in pieces as they come, given to `take`. kCorrupt where the
  // stream ends first, or something else than a newline follows: nothing can be read any more.
  Status Bytes(std::uint64_t count, const std::function<void(std::span<const std::uint8_t>)>& take);

 private:
  // Makes sure that there is something behind at_. False: the stream ended.
  bool Fill();

  std::function<std::size_t(std::span<char>)> read_;
  std::vector<char> buffer_;
  std::size_t at_ = 0;
  std::size_t end_ = 0;
};

}  // namespace thimble::android
