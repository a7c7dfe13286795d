// SPDX-License-Identifier: Apache-2.0
// Full attention inside a picture, its two products taken over 8-bit codes: keys and values are packed like weights,
// queries and probabilities are quantised like activations, softmax stays float32. A picture of 2,304 patches spends as
// many multiply-adds here as in half of its matrix products.
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/ops.h"

#include <cstddef>
#include <cstdint>

namespace thimble {

class RoundedAttention {
 public:
  // Heads wider than this stay with floats.
  static constexpr int kLargestHead = 256;

  // For up to `max_patches` patches of `num_heads` heads of width `head`, rounded to `family` (kU7Flat or kU8Flat);
  // nothing is allocated later.
  static Result<RoundedAttention> Create(kernels::Family family, std::int64_t max_patches, int num_heads, int head,
                                         int num_threads);
  // The most that Create takes.
  static std::uint64_t BytesNeeded(std::int64_t max_patches, int num_heads, int head, int num_threads);

  // The keys and values [P, H * C], of any stride, that the next calls of Attend attend.
  void SetKeys(const Ops& ops, MatView<const float> k, MatView<const float> v);
  // As FullAttention (ops/attention.h): q [Q, H * C] of any stride, any number of rows, out [Q, H * C]. Rounding moves
  // the outputs by about a hundredth of their size. The bits of a row depend on its own query and on all keys and
  // values, never on threads or on what other rows a call has.
  void Attend(const Ops& ops, MatView<const float> q, MatView<float> out);

 private:
  struct Worker;
  void PackKeys(const Ops& ops, MatView<const float> k, int index, Worker* worker);
  void PackValues(const Ops& ops, MatView<const float> v, int index, Worker* worker);
  void AttendRows(const Ops& ops, MatView<const float> q, std::int64_t first, int index, Worker* worker,
                  MatView<float> out) const;
  [[nodiscard]] Worker* For(int worker);

  kernels::Family family_ = kernels::Family::kFileRows;
  int num_heads_ = 0;
  int head_ = 0;
  std::int64_t num_keys_ = 0;     // set last
  std::int64_t key_bytes_ = 0;    // of a head's keys
  std::int64_t value_bytes_ = 0;  // of a head's values
  Buffer<std::byte> keys_;        // [H]: panels of 16 keys, C columns
  Buffer<std::byte> values_;      // [H]: panels of 16 of the C dimensions, a column a key
  Buffer<std::byte> workers_;
};

}  // namespace thimble
