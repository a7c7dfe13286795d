// SPDX-License-Identifier: Apache-2.0
#include "ops/rounded_attention.h"

#include "base/check.h"
#include "kernels/pack.h"

#include <algorithm>
#include <cmath>

namespace thimble {

namespace {

// Keys that go through the softmax together: a super-block of the packed values.
constexpr std::int64_t kKeyBlock = kernels::kSuper;
// Query rows of one task.
constexpr std::int64_t kQueryRows = 32;

std::int64_t PanelsOf(std::int64_t rows) { return (rows + kernels::kPanelRows - 1) / kernels::kPanelRows; }
std::int64_t KeyBytes(kernels::Family family, std::int64_t patches, int head) {
  return PanelsOf(patches) * kernels::PanelBytes(family, head);
}
std::int64_t ValueBytes(kernels::Family family, std::int64_t patches, int head) {
  return PanelsOf(head) * kernels::PanelBytes(family, patches);
}

}  // namespace

struct RoundedAttention::Worker {
  alignas(64) kernels::QuantisedSuper queries[kQueryRows * kernels::SupersOf(kLargestHead)];
  alignas(64) kernels::QuantisedSuper shares[kQueryRows];  // exp(score - maximum)
  alignas(64) float scores[kQueryRows * kKeyBlock];        // then the same before quantising
  alignas(64) float sums[kQueryRows * kLargestHead];       // of a key block's values
  alignas(64) float outputs[kQueryRows * kLargestHead];
  alignas(64) float rows[kernels::kPanelRows * kKeyBlock];  // of a panel to be packed
  float row[kLargestHead];
  float maxima[kQueryRows];
  float totals[kQueryRows];
};

Result<RoundedAttention> RoundedAttention::Create(kernels::Family family, std::int64_t max_patches, int num_heads,
                                                  int head, int num_threads) {
  THIMBLE_CHECK(head <= kLargestHead && (family == kernels::Family::kU7Flat || family == kernels::Family::kU8Flat));
  RoundedAttention attention;
  attention.family_ = family;
  attention.num_heads_ = num_heads;
  attention.head_ = head;
  attention.key_bytes_ = KeyBytes(family, max_patches, head);
  attention.value_bytes_ = ValueBytes(family, max_patches, head);
  const auto heads = static_cast<std::size_t>(num_heads);
  THIMBLE_ASSIGN_OR_RETURN(attention.keys_,
                           Buffer<std::byte>::Create(heads * static_cast<std::size_t>(attention.key_bytes_)));
  THIMBLE_ASSIGN_OR_RETURN(attention.values_,
                           Buffer<std::byte>::Create(heads * static_cast<std::size_t>(attention.value_bytes_)));
  THIMBLE_ASSIGN_OR_RETURN(attention.workers_,
                           Buffer<std::byte>::Create(static_cast<std::size_t>(num_threads) * sizeof(Worker)));
  return attention;
}

std::uint64_t RoundedAttention::BytesNeeded(std::int64_t max_patches, int num_heads, int head, int num_threads) {
  constexpr kernels::Family kFamily = kernels::Family::kU8Flat;
  return static_cast<std::uint64_t>(num_heads) *
             static_cast<std::uint64_t>(KeyBytes(kFamily, max_patches, head) + ValueBytes(kFamily, max_patches, head)) +
         static_cast<std::uint64_t>(num_threads) * sizeof(Worker);
}

RoundedAttention::Worker* RoundedAttention::For(int worker) {
  static_assert(std::is_trivially_copyable_v<Worker> && alignof(Worker) == 64 && sizeof(Worker) % 64 == 0);
  return reinterpret_cast<Worker*>(workers_.data() + static_cast<std::size_t>(worker) * sizeof(Worker));
}

// The mean key is taken off all of a head's keys: it adds the same to all scores of a query, which softmax does not
// see, and what the keys have in common, often most of their size, then costs no precision.
void RoundedAttention::PackKeys(const Ops& ops, MatView<const float> k, int index, Worker* worker) {
  const std::int64_t column = static_cast<std::int64_t>(index) * head_;
  float* mean = worker->row;
  std::fill(mean, mean + head_, 0.0F);
  for (std::int64_t i = 0; i < k.rows; ++i) ops.kernels.f32->add(mean, k.Row(i) + column, head_);
  for (int c = 0; c < head_; ++c) mean[c] /= -static_cast<float>(k.rows);
  std::byte* out = keys_.data() + index * key_bytes_;
  for (std::int64_t first = 0; first < k.rows; first += kernels::kPanelRows) {
    const std::int64_t count = std::min<std::int64_t>(kernels::kPanelRows, k.rows - first);
    for (std::int64_t i = 0; i < count; ++i) {
      float* row = worker->rows + i * head_;
      std::copy_n(k.Row(first + i) + column, head_, row);
      ops.kernels.f32->add(row, mean, head_);
    }
    kernels::PackPanel(DType::kF32, family_, reinterpret_cast<const std::byte*>(worker->rows),
                       static_cast<std::int64_t>(sizeof(float)) * head_, static_cast<int>(count), head_, out);
    out += kernels::PanelBytes(family_, head_);
  }
}

// A panel's super-blocks follow one another, so each can be packed by itself.
void RoundedAttention::PackValues(const Ops&, MatView<const float> v, int index, Worker* worker) {
  const std::int64_t column = static_cast<std::int64_t>(index) * head_;
  const std::int64_t panel_bytes = kernels::PanelBytes(family_, v.rows);
  for (std::int64_t first = 0; first < v.rows; first += kKeyBlock) {
    const std::int64_t keys = std::min(kKeyBlock, v.rows - first);
    std::byte* out = values_.data() + index * value_bytes_ + kernels::PanelBytes(family_, first);
    for (std::int64_t c = 0; c < head_; c += kernels::kPanelRows, out += panel_bytes) {
      const std::int64_t count = std::min<std::int64_t>(kernels::kPanelRows, head_ - c);
      for (std::int64_t key = 0; key < keys; ++key) {
        const float* from = v.Row(first + key) + column + c;
        for (std::int64_t i = 0; i < count; ++i) worker->rows[i * keys + key] = from[i];
      }
      kernels::PackPanel(DType::kF32, family_, reinterpret_cast<const std::byte*>(worker->rows),
                         static_cast<std::int64_t>(sizeof(float)) * keys, static_cast<int>(count), keys, out);
    }
  }
}

// Query rows [first, first + kQueryRows) of one head, with an online softmax over blocks of keys.
void RoundedAttention::AttendRows(const Ops& ops, MatView<const float> q, std::int64_t first, int index, Worker* worker,
                                  MatView<float> out) const {
  const kernels::FloatKernels& f32 = *ops.kernels.f32;
  const auto product = ops.kernels.packed->wide[static_cast<std::size_t>(family_)];
  const std::int64_t column = static_cast<std::int64_t>(index) * head_;
  const std::int64_t rows = std::min(kQueryRows, q.rows - first);
  const float scale = 1.0F / std::sqrt(static_cast<float>(head_));
  for (std::int64_t row = 0; row < rows; ++row) {
    f32.scale(q.Row(first + row) + column, scale, nullptr, head_, worker->row);
    ops.kernels.packed->quantise_row(worker->row, head_, worker->queries + row, kQueryRows);
  }
  std::fill_n(worker->outputs, rows * head_, 0.0F);
  std::fill_n(worker->maxima, rows, -INFINITY);
  std::fill_n(worker->totals, rows, 0.0F);

  kernels::PackedArgs score{};
  score.panel_bytes = kernels::PanelBytes(family_, head_);
  score.cols = head_;
  score.x = {worker->queries, kQueryRows};
  score.num_rows = static_cast<int>(rows);
  score.out = worker->scores;
  score.out_stride = kKeyBlock;
  kernels::PackedArgs sum{};
  sum.panel_bytes = kernels::PanelBytes(family_, num_keys_);
  sum.num_panels = static_cast<int>(PanelsOf(head_));
  sum.x = {worker->shares, kQueryRows};
  sum.num_rows = static_cast<int>(rows);
  sum.out = worker->sums;
  sum.out_stride = head_;
  sum.num_outputs = head_;
  for (std::int64_t key = 0; key < num_keys_; key += kKeyBlock) {
    const std::int64_t count = std::min(kKeyBlock, num_keys_ - key);
    score.panels = keys_.data() + index * key_bytes_ + key / kernels::kPanelRows * score.panel_bytes;
    score.num_panels = static_cast<int>(PanelsOf(count));
    score.num_outputs = count;
    product(score);
    for (std::int64_t row = 0; row < rows; ++row) {
      float* own = worker->scores + row * kKeyBlock;
      const float largest = std::max(worker->maxima[row], f32.max(own, count));
      const float keep = worker->maxima[row] == -INFINITY ? 0.0F : std::exp(worker->maxima[row] - largest);
      worker->maxima[row] = largest;
      worker->totals[row] = worker->totals[row] * keep + f32.exp_shifted(own, largest, count);
      ops.kernels.packed->quantise_row(own, count, worker->shares + row, kQueryRows);
      float* output = worker->outputs + row * head_;
      if (keep != 1.0F) f32.scale(output, keep, nullptr, head_, output);
    }
    sum.panels = values_.data() + index * value_bytes_ + kernels::PanelBytes(family_, key);
    sum.cols = count;
    product(sum);
    f32.add(worker->outputs, worker->sums, rows * head_);
  }
  for (std::int64_t row = 0; row < rows; ++row) {
    f32.scale(worker->outputs + row * head_, 1.0F / worker->totals[row], nullptr, head_, out.Row(first + row) + column);
  }
}

void RoundedAttention::SetKeys(const Ops& ops, MatView<const float> k, MatView<const float> v) {
  THIMBLE_CHECK(KeyBytes(family_, k.rows, head_) <= key_bytes_);
  ops.pool.Run(2 * num_heads_, [&](int task, int worker) {
    task % 2 == 0 ? PackKeys(ops, k, task / 2, For(worker)) : PackValues(ops, v, task / 2, For(worker));
  });
  num_keys_ = k.rows;
}

void RoundedAttention::Attend(const Ops& ops, MatView<const float> q, MatView<float> out) {
  const auto num_slices = static_cast<int>((q.rows + kQueryRows - 1) / kQueryRows);
  ops.pool.Run(num_slices * num_heads_, [&](int task, int worker) {
    AttendRows(ops, q, task % num_slices * kQueryRows, task / num_slices, For(worker), out);
  });
}

}  // namespace thimble
