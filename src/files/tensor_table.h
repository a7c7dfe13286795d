// SPDX-License-Identifier: Apache-2.0
// Checks on tables of tensors that every file format needs: sizes without overflow, ranges inside the file.
#pragma once

#include "base/result.h"
#include "files/model_file.h"

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {

// A name from a file as it may stand in a message: in quotes, control characters escaped, cut after 100 bytes.
std::string QuoteName(std::string_view name);

// Product of the dimensions; nullopt when one is negative or the product exceeds 2^63 - 1. No dimensions: 1.
std::optional<std::int64_t> CountElements(std::span<const std::int64_t> shape);

// Bytes of a tensor of that shape; nullopt when its rows are no whole blocks or the number does not fit.
std::optional<std::uint64_t> TensorBytes(DType dtype, std::span<const std::int64_t> shape);

// kCorrupt unless [offset, offset + size_bytes) lies within a file of `file_bytes` bytes.
Status CheckInsideFile(const TensorEntry& tensor, std::uint64_t file_bytes, std::string_view place);

// kCorrupt when two tensors share bytes or a name.
Status CheckDisjoint(std::span<const TensorEntry> tensors, std::string_view place);

}  // namespace thimble
