// SPDX-License-Identifier: Apache-2.0
#include "files/tensor_table.h"

#include "base/text.h"

#include <algorithm>
#include <numeric>
#include <unordered_set>

namespace thimble {

namespace {
constexpr std::size_t kMaxQuotedBytes = 100;
}  // namespace

std::string QuoteName(std::string_view name) {
  if (name.size() <= kMaxQuotedBytes) return Cat("'", EscapeControls(name), "'");
  return Cat("'", EscapeControls(name.substr(0, kMaxQuotedBytes)), "...' (", name.size(), " bytes)");
}

std::optional<std::int64_t> CountElements(std::span<const std::int64_t> shape) {
  std::int64_t count = 1;
  bool has_zero = false;
  for (const std::int64_t length : shape) {
    if (length < 0) return std::nullopt;
    if (length == 0) {
      has_zero = true;
    } else if (__builtin_mul_overflow(count, length, &count)) {
      return std::nullopt;
    }
  }
  return has_zero ? 0 : count;
}

std::optional<std::uint64_t> TensorBytes(DType dtype, std::span<const std::int64_t> shape) {
  const DTypeTraits& traits = TraitsOf(dtype);
  const std::optional<std::int64_t> count = CountElements(shape);
  if (!count) return std::nullopt;
  const std::int64_t cols = shape.empty() ? 1 : shape.back();
  if (cols % traits.block_length != 0) return std::nullopt;
  std::uint64_t size_bytes = 0;
  if (__builtin_mul_overflow(static_cast<std::uint64_t>(*count / traits.block_length),
                             static_cast<std::uint64_t>(traits.block_bytes), &size_bytes)) {
    return std::nullopt;
  }
  return size_bytes;
}

Status CheckInsideFile(const TensorEntry& tensor, std::uint64_t file_bytes, std::string_view place) {
  if (tensor.offset <= file_bytes && tensor.size_bytes <= file_bytes - tensor.offset) return Done{};
  return Error{Code::kCorrupt, Cat("[", place, "] tensor ", QuoteName(tensor.name), " has ", tensor.size_bytes,
                                   " bytes at offset ", tensor.offset, ", the file has ", file_bytes,
                                   " bytes in all: a truncated download? Fetch it again")};
}

Status CheckDisjoint(std::span<const TensorEntry> tensors, std::string_view place) {
  std::unordered_set<std::string_view> names;
  names.reserve(tensors.size());
  for (const TensorEntry& tensor : tensors) {
    if (!names.insert(tensor.name).second) {
      return Error{Code::kCorrupt, Cat("[", place, "] tensor ", QuoteName(tensor.name), " is listed twice")};
    }
  }
  std::vector<const TensorEntry*> by_offset;
  by_offset.reserve(tensors.size());
  for (const TensorEntry& tensor : tensors) {
    if (tensor.size_bytes > 0) by_offset.push_back(&tensor);
  }
  std::sort(by_offset.begin(), by_offset.end(),
            [](const TensorEntry* a, const TensorEntry* b) { return a->offset < b->offset; });
  for (std::size_t index = 1; index < by_offset.size(); ++index) {
    const TensorEntry& left = *by_offset[index - 1];
    const TensorEntry& right = *by_offset[index];
    if (right.offset - left.offset < left.size_bytes) {
      return Error{Code::kCorrupt, Cat("[", place, "] tensors ", QuoteName(left.name), " and ", QuoteName(right.name),
                                       " overlap at offset ", right.offset)};
    }
  }
  return Done{};
}

}  // namespace thimble
