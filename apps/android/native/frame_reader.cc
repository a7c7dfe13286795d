// SPDX-License-Identifier: Apache-2.0
#include "android/native/frame_reader.h"

#include "android/native/lines.h"
#include "base/text.h"

#include <algorithm>
#include <utility>

namespace thimble::android {

namespace {
constexpr std::size_t kBufferBytes = std::size_t{256} << 10;
}

FrameReader::FrameReader(std::function<std::size_t(std::span<char>)> read)
    : read_(std::move(read)), buffer_(kBufferBytes) {}

bool FrameReader::Fill() {
  if (at_ < end_) return true;
  at_ = 0;
  end_ = std::min(buffer_.size(), read_(buffer_));
  return end_ > 0;
}

Result<std::optional<std::string>> FrameReader::Line() {
  std::string line;
  bool is_too_long = false;
  bool has_begun = false;
  while (Fill()) {
    has_begun = true;
    const auto first = buffer_.begin() + static_cast<std::ptrdiff_t>(at_);
    const auto last = buffer_.begin() + static_cast<std::ptrdiff_t>(end_);
    const auto newline = std::find(first, last, '\n');
    const auto count = static_cast<std::size_t>(newline - first);
    is_too_long = is_too_long || line.size() + count > kLongestLine;
    if (is_too_long) {
      line.clear();
    } else {
      line.append(first, newline);
    }
    at_ += count;
    if (newline == last) continue;
    ++at_;
    if (is_too_long) return Error{Code::kInvalid, Cat("[line] a line has at most ", kLongestLine, " bytes")};
    return std::optional(std::move(line));
  }
  if (is_too_long) return Error{Code::kInvalid, Cat("[line] a line has at most ", kLongestLine, " bytes")};
  if (!has_begun) return std::optional<std::string>();
  return std::optional(std::move(line));
}

Status FrameReader::Bytes(std::uint64_t count, const std::function<void(std::span<const std::uint8_t>)>& take) {
  for (std::uint64_t left = count; left > 0;) {
    if (!Fill()) {
      return Error{Code::kCorrupt, Cat("[frame] the stream ended ", left, " bytes before the end of the ", count,
                                       " that were announced")};
    }
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(left, end_ - at_));
    take({reinterpret_cast<const std::uint8_t*>(buffer_.data()) + at_, piece});
    at_ += piece;
    left -= piece;
  }
  if (!Fill()) return Error{Code::kCorrupt, "[frame] the stream ended before the newline behind the bytes"};
  if (buffer_[at_] != '\n') return Error{Code::kCorrupt, Cat("[frame] no newline stands behind the ", count, " bytes")};
  ++at_;
  return Done{};
}

}  // namespace thimble::android
