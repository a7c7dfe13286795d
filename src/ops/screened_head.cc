// SPDX-License-Identifier: Apache-2.0
// Names of the derivation, all real numbers: x = the activations as rounded, scale times code; W = a row of the head,
// m = the mean row, V = the copy's row, r = W - m - V. Row and activations give the exact logit E = fl(W x) and the
// screened one S = fl(V x), floats summed by the narrow kernels. In real numbers
//
//   W x = V x + m x + r x,   |r x| <= |r| |x|   (Cauchy-Schwarz)
//
// and each sum of floats is off by at most g |W| |x| or g |V| |x|: every term, a block's product of a row, passes at
// most n roundings, sums of the terms' sizes are at most |W| |x|, g = n u / (1 - n u), u = 2^-24. So
//
//   E <= S + m x + |x| (|r| + g (|W| + |V|)) + underflow
//
// row_bounds_ holds the bracket, with room for the two roundings of fl(S + fl(bound |x|)). A row whose
// fl(S + fl(bound |x|)) is below t - m x has E < t. t is the count-th highest of exact logits that were computed, as
// the caller lowers them: at most the count-th highest of all. What the caller makes of a row's logit is at most E.
#include "ops/screened_head.h"

#include "base/check.h"
#include "base/half.h"
#include "kernels/pack.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <limits>

namespace thimble {

namespace {

using kernels::Family;
using kernels::kBlock;
using kernels::kPanelRows;

constexpr Family kCopyFamily = Family::kU5Flat;
constexpr DType kCopyType = DType::kQ5_0;  // what packs into it without loss
constexpr std::size_t kCopyBlockBytes = 22;
constexpr std::int64_t kBlocks = kernels::kSuper / kBlock;  // of a super-block
constexpr double kUnit = 0x1p-24;                           // half a unit in the last place of a float in [1, 2)
constexpr double kUnderflow = 1e-30;      // far more than all products below the smallest normal float can lose
constexpr double kLargestSafe = 1e30;     // products of norms: no float sum overflows
constexpr std::int64_t kMeanStride = 16;  // the mean row is that of every 16th panel: any row will do
// Of the bytes that screening saves, what survivors may take.
constexpr double kMostOfSaved = 0.75;
constexpr std::int64_t kMostSkipped = 512;
// A try in vain costs what a handful of answers save, so that this many take back one doubling.
constexpr int kInARow = 4;

std::int64_t NumPanels(std::int64_t rows) { return (rows + kPanelRows - 1) / kPanelRows; }

// Roundings that a term of a narrow product passes at most: two or three a block where multiply-adds are not fused,
// and those at the ends of blocks and super-blocks.
double RoundingGrowth(std::int64_t cols) {
  const std::int64_t blocks = cols / kBlock;
  const double n = 3.0 * static_cast<double>(blocks) + 24.0;
  return n * kUnit / (1 - n * kUnit);
}

float RoundedUp(double value) {
  const auto nearest = static_cast<float>(value);
  return static_cast<double>(nearest) >= value ? nearest : std::nextafter(nearest, INFINITY);
}
float RoundedDown(double value) { return -RoundedUp(-value); }

// One block as Q5_0, w = d * (code - 16), and what is left of it: the largest weight becomes code 0, sixteen steps from
// zero, then d is the one that fits the codes best.
void QuantiseBlock(const float* w, std::byte* out, float* copy) {
  // Its size has a variable of its own: of `fabs(w[j]) > fabs(largest)`, unrolled, clang 19 drops a fabs (for
  // WebAssembly), and a negative first weight is overlooked.
  float largest = 0;
  float size = 0;
  for (int j = 0; j < kBlock; ++j) {
    const float here = std::fabs(w[j]);
    largest = here > size ? w[j] : largest;
    size = here > size ? here : size;
  }
  // Below this the inverse would overflow: such a block is left out, and its rest is all of it.
  const float inverse = size > 1e-30F ? -16.0F / largest : 0.0F;
  std::array<float, kBlock> steps{};
  std::array<float, 4> products{};
  std::array<float, 4> squares{};
  for (std::size_t j = 0; j < kBlock; ++j) {
    constexpr float kInteger = 12582912.0F;  // 1.5 * 2^23: adding it rounds to an integer
    const float step = (w[j] * inverse + kInteger) - kInteger;
    steps[j] = step < 15.0F ? step : 15.0F;
    products[j % 4] += steps[j] * w[j];
    squares[j % 4] += steps[j] * steps[j];
  }
  const float product = (products[0] + products[1]) + (products[2] + products[3]);
  const float square = (squares[0] + squares[1]) + (squares[2] + squares[3]);
  constexpr float kLargestHalf = 65504.0F;
  const float d = square > 0 ? std::clamp(product / square, -kLargestHalf, kLargestHalf) : 0.0F;
  const std::uint16_t half = F32ToF16(d);
  const float stored = F16ToF32(half);
  std::array<std::uint8_t, kBlock> codes{};
  for (std::size_t j = 0; j < kBlock; ++j) {
    codes[j] = static_cast<std::uint8_t>(static_cast<int>(steps[j]) + 16);
    copy[j] = stored * steps[j];
  }
  std::uint32_t high = 0;
  std::array<std::uint8_t, kBlock / 2> low{};
  for (std::size_t j = 0; j < kBlock; ++j) high |= static_cast<std::uint32_t>(codes[j] >> 4) << j;
  for (std::size_t j = 0; j < kBlock / 2; ++j)
    low[j] = static_cast<std::uint8_t>((codes[j] & 15) | (codes[j + kBlock / 2] & 15) << 4);
  std::memcpy(out, &half, 2);
  std::memcpy(out + 2, &high, 4);
  std::memcpy(out + 6, low.data(), low.size());
}

// Calls run(first panel, end panel) for all panels, over the threads where there are some.
template <typename Run>
void ForPanels(std::int64_t num_panels, ThreadPool* pool, const Run& run) {
  constexpr std::int64_t kPerTask = 16;
  if (pool == nullptr) return run(std::int64_t{0}, num_panels);
  pool->Run(static_cast<int>((num_panels + kPerTask - 1) / kPerTask),
            [&](int task, int) { run(task * kPerTask, std::min(num_panels, (task + 1) * kPerTask)); });
}

// The norm of `count` numbers, value(0) to value(count - 1); count is a multiple of 8.
template <typename Value>
double NormOf(std::size_t count, const Value& value) {
  std::array<double, 8> sums{};
  for (std::size_t k = 0; k < count; k += 8) {
    for (std::size_t j = 0; j < 8; ++j) sums[j] += value(k + j) * value(k + j);
  }
  double sum = 0;
  for (const double part : sums) sum += part;
  return std::sqrt(sum);
}
double NormOf(const float* row, std::size_t count) {
  return NormOf(count, [row](std::size_t k) { return static_cast<double>(row[k]); });
}

// The mean of some rows; those that are not finite are left out.
void MeanRow(const PackedMatrix& head, std::span<float> mean) {
  const auto cols = static_cast<std::size_t>(head.cols());
  std::vector<double> sum(cols);
  std::vector<float> row(cols);
  std::int64_t count = 0;
  for (std::int64_t first = 0; first < head.rows(); first += kMeanStride * kPanelRows) {
    for (std::int64_t n = first; n < std::min(head.rows(), first + kPanelRows); ++n) {
      head.RowToFloat(n, row.data());
      if (!std::isfinite(NormOf(row.data(), cols))) continue;
      for (std::size_t k = 0; k < cols; ++k) sum[k] += static_cast<double>(row[k]);
      ++count;
    }
  }
  for (std::size_t k = 0; k < cols; ++k)
    mean[k] = count > 0 ? static_cast<float>(sum[k] / static_cast<double>(count)) : 0.0F;
}

}  // namespace

bool ScreenedHead::CanScreen(Family family, std::int64_t rows, std::int64_t cols) {
  return (family == Family::kU6Super || family == Family::kU8Flat) && cols % kBlock == 0 && rows >= 1 && cols >= kBlock;
}

std::uint64_t ScreenedHead::BytesNeeded(std::int64_t rows, std::int64_t cols) {
  return PackedMatrix::PackedBytes(kCopyFamily, rows, cols) + static_cast<std::uint64_t>(rows + cols) * sizeof(float);
}

double ScreenedHead::ReadShare(Family family, std::int64_t rows, std::int64_t cols) {
  return static_cast<double>(BytesNeeded(rows, cols)) /
         static_cast<double>(PackedMatrix::PackedBytes(family, rows, cols));
}

Result<ScreenedHead> ScreenedHead::Create(const PackedMatrix& head, ThreadPool* pool) {
  THIMBLE_CHECK(CanScreen(head.family(), head.rows(), head.cols()));
  const auto cols = static_cast<std::size_t>(head.cols());
  const std::int64_t num_panels = NumPanels(head.rows());
  const std::int64_t panel_bytes = kernels::PanelBytes(kCopyFamily, head.cols());
  const std::int64_t head_panel_bytes = kernels::PanelBytes(head.family(), head.cols());
  ScreenedHead screen;
  THIMBLE_ASSIGN_OR_RETURN(screen.mean_, Buffer<float>::Create(cols));
  THIMBLE_ASSIGN_OR_RETURN(screen.row_bounds_, Buffer<float>::Create(static_cast<std::size_t>(head.rows())));
  THIMBLE_ASSIGN_OR_RETURN(screen.panels_, Buffer<std::byte>::Create(static_cast<std::size_t>(panel_bytes) *
                                                                     static_cast<std::size_t>(num_panels)));
  MeanRow(head, screen.mean_.span());
  screen.mean_norm_ = NormOf(screen.mean_.data(), cols);
  const double growth = RoundingGrowth(head.cols());
  std::vector<double> largest(static_cast<std::size_t>(num_panels));  // norm of a panel's rows
  const std::size_t row_bytes = cols / kBlock * kCopyBlockBytes;
  ForPanels(num_panels, pool, [&](std::int64_t first, std::int64_t end) {
    const float* mean = screen.mean_.data();
    std::vector<float> exact(cols * kPanelRows);
    std::vector<float> rest(cols);
    std::vector<float> copy(cols);
    std::vector<std::byte> rows(row_bytes * kPanelRows);
    for (std::int64_t panel = first; panel < end; ++panel) {
      const std::int64_t first_row = panel * kPanelRows;
      const auto count = static_cast<int>(std::min<std::int64_t>(kPanelRows, head.rows() - first_row));
      kernels::PanelToFloat(head.family(), head.bytes() + panel * head_panel_bytes, count, head.cols(), exact.data());
      std::fill(rows.begin(), rows.end(), std::byte{0});
      for (int i = 0; i < count; ++i) {
        const float* row = exact.data() + static_cast<std::size_t>(i) * cols;
        float* row_bound = screen.row_bounds_.data() + first_row + i;
        *row_bound = INFINITY;
        const double norm = NormOf(row, cols);
        if (!(norm < kLargestSafe)) continue;  // the copy's row stays zero, the row always survives
        for (std::size_t k = 0; k < cols; ++k) rest[k] = row[k] - mean[k];
        std::byte* to = rows.data() + static_cast<std::size_t>(i) * row_bytes;
        for (std::size_t k = 0; k < cols; k += kBlock)
          QuantiseBlock(rest.data() + k, to + k / kBlock * kCopyBlockBytes, copy.data() + k);
        const double copy_norm = NormOf(copy.data(), cols);
        const double rest_norm = NormOf(cols, [&](std::size_t k) {
          return static_cast<double>(row[k]) - static_cast<double>(mean[k]) - static_cast<double>(copy[k]);
        });
        *row_bound = RoundedUp((rest_norm + growth * (norm + copy_norm)) * (1 + 1e-6));
        double& most = largest[static_cast<std::size_t>(panel)];
        most = std::max({most, norm, copy_norm});
      }
      kernels::PackPanel(kCopyType, kCopyFamily, rows.data(), static_cast<std::int64_t>(row_bytes), count, head.cols(),
                         screen.panels_.data() + panel * panel_bytes);
    }
  });
  screen.largest_norm_ = *std::max_element(largest.begin(), largest.end());
  screen.copy_ = PackedMatrix::FromPanels(kCopyType, kCopyFamily, head.rows(), head.cols(), screen.panels_.span());
  return screen;
}

ScreenedHead::Activation ScreenedHead::Measure(const kernels::QuantisedRows& x) const {
  double square = 0;
  Activation activation;
  for (std::int64_t block = 0; block < copy_.cols() / kBlock; ++block) {
    std::int32_t squares = 0;
    double with_mean = 0;
    const kernels::QuantisedSuper& super = x.supers[block / kBlocks * x.stride];
    const std::int8_t* codes = super.codes + block % kBlocks * kBlock;
    const float* mean = mean_.data() + block * kBlock;
    for (int k = 0; k < kBlock; ++k) {
      squares += static_cast<std::int32_t>(codes[k]) * codes[k];
      with_mean += static_cast<double>(codes[k]) * static_cast<double>(mean[k]);
    }
    const auto scale = static_cast<double>(super.scales[block % kBlocks]);
    square += scale * scale * squares;
    activation.shift += scale * with_mean;
  }
  const double norm = std::sqrt(square) * (1 + 1e-9);
  activation.norm = RoundedUp(norm);
  activation.slack = 1e-9 * mean_norm_ * norm + kUnderflow;
  activation.is_safe = norm < kLargestSafe && norm * (largest_norm_ + mean_norm_ + 1) < kLargestSafe;
  return activation;
}

bool ScreenedHead::Compute(const Ops& ops, const PackedMatrix& head, const BestLogits& best, Activations* x,
                           ScreenScratch* scratch, std::span<float> logits) const {
  THIMBLE_CHECK(head.rows() == copy_.rows() && head.cols() == copy_.cols() && x->rows().rows == 1);
  THIMBLE_CHECK(logits.size() == static_cast<std::size_t>(head.rows()));
  if (best.count < 1 || best.count > kMaxCount) return false;
  ScreenScratch& s = *scratch;
  ++s.counts_.passes;
  if (s.to_skip_ > 0) {
    --s.to_skip_;
    return false;
  }
  ++s.counts_.tried;
  MatMul(ops, x, copy_, MatView<float>(logits.data(), 1, head.rows()));
  if (!Survivors(ops, head, best, x, scratch, logits)) {
    s.to_skip_ = s.next_skip_;
    s.next_skip_ = std::min(2 * s.next_skip_, kMostSkipped);
    s.in_a_row_ = 0;
    return false;
  }
  ++s.counts_.answered;
  if (++s.in_a_row_ == kInARow) {
    s.next_skip_ = std::max<std::int64_t>(1, s.next_skip_ / 2);
    s.in_a_row_ = 0;
  }
  std::fill(logits.begin(), logits.end(), -INFINITY);
  for (std::size_t i = 0; i < s.panels_.size(); ++i) {
    const std::size_t row = static_cast<std::size_t>(s.panels_[i]) * kPanelRows;
    std::copy_n(s.exact_.data() + i * kPanelRows, std::min<std::size_t>(kPanelRows, logits.size() - row),
                logits.data() + row);
  }
  return true;
}

namespace {

// The `count` highest of what is added; not-a-number is not.
class Highest {
 public:
  Highest(std::vector<float>* heap, std::size_t count) : heap_(heap), count_(count) { heap->clear(); }
  [[nodiscard]] bool is_full() const { return heap_->size() == count_; }
  [[nodiscard]] float lowest() const { return is_full() ? heap_->front() : -INFINITY; }
  void Add(float value) {
    if (std::isnan(value) || (is_full() && !(value > lowest()))) return;
    if (is_full()) {
      std::pop_heap(heap_->begin(), heap_->end(), std::greater<>());
      heap_->back() = value;
    } else {
      heap_->push_back(value);
    }
    std::push_heap(heap_->begin(), heap_->end(), std::greater<>());
  }

 private:
  std::vector<float>* heap_;
  std::size_t count_;
};

// The `count` rows that screen highest.
void FirstRows(std::span<const float> screened, std::size_t count, std::vector<std::int32_t>* rows) {
  rows->clear();
  const auto is_higher = [&](std::int32_t a, std::int32_t b) {
    return screened[static_cast<std::size_t>(a)] > screened[static_cast<std::size_t>(b)];
  };
  float lowest = -INFINITY;
  for (std::size_t first = 0; first < screened.size(); first += kPanelRows) {
    const std::size_t end = std::min(screened.size(), first + kPanelRows);
    // Nearly no row gets past this: sixteen comparisons in vectors.
    if (rows->size() == count && end - first == kPanelRows) {
      int any = 0;
      for (std::size_t i = 0; i < kPanelRows; ++i) any |= static_cast<int>(screened[first + i] > lowest);
      if (any == 0) continue;
    }
    for (std::size_t i = first; i < end; ++i) {
      if (rows->size() == count) {
        if (!(screened[i] > lowest)) continue;
        std::pop_heap(rows->begin(), rows->end(), is_higher);
        rows->back() = static_cast<std::int32_t>(i);
      } else {
        rows->push_back(static_cast<std::int32_t>(i));
      }
      std::push_heap(rows->begin(), rows->end(), is_higher);
      if (rows->size() == count) lowest = screened[static_cast<std::size_t>(rows->front())];
    }
  }
}

}  // namespace

// Computes the panels of all rows that can be among the best, into the scratch. False when there are too many.
bool ScreenedHead::Survivors(const Ops& ops, const PackedMatrix& head, const BestLogits& best, Activations* x,
                             ScreenScratch* scratch, std::span<const float> screened) const {
  ScreenScratch& s = *scratch;
  const Activation activation = Measure(x->Quantised(ops));
  const auto all = static_cast<std::size_t>(head.rows());
  const std::size_t limit =
      best.num_rows > 0 ? std::min(all, static_cast<std::size_t>(best.num_rows)) : all;  // rows looked at
  const auto num_panels = static_cast<double>(NumPanels(head.rows()));
  const double saved = 1 - ReadShare(head.family(), head.rows(), head.cols());
  const auto most_panels = static_cast<std::size_t>(std::max(0.0, num_panels * saved * kMostOfSaved));
  const auto most_rows = static_cast<std::size_t>(static_cast<double>(all) * kMostRows);
  if (!activation.is_safe) return false;

  // First the rows that screen highest, a few more where the caller lowers some: nearly all of them would survive.
  const std::size_t wanted = static_cast<std::size_t>(best.count) + (best.lowered ? 16 : 0);
  FirstRows(screened.first(limit), wanted, &s.first_rows_);
  s.is_taken_.assign(static_cast<std::size_t>(num_panels), 0);
  s.panels_.clear();
  const auto take = [&](std::size_t panel) {
    if (s.is_taken_[panel] != 0) return;
    s.is_taken_[panel] = 1;
    s.panels_.push_back(static_cast<std::int32_t>(panel));
  };
  for (const std::int32_t row : s.first_rows_) take(static_cast<std::size_t>(row) / kPanelRows);
  const std::size_t num_first = s.panels_.size();
  s.exact_.resize(std::max(s.exact_.size(), num_first * kPanelRows));
  MatMulPanels(ops, x, head, s.panels_, s.exact_);
  Highest highest(&s.highest_, static_cast<std::size_t>(best.count));
  for (std::size_t i = 0; i < num_first; ++i) {
    const std::size_t row = static_cast<std::size_t>(s.panels_[i]) * kPanelRows;
    for (std::size_t j = 0; j < kPanelRows && row + j < limit; ++j) {
      float logit = s.exact_[i * kPanelRows + j];
      if (highest.is_full() && !(logit > highest.lowest())) continue;
      if (best.lowered) logit = best.lowered(static_cast<std::int32_t>(row + j), logit);
      highest.Add(logit);
    }
  }
  if (!highest.is_full()) return false;

  const auto least = static_cast<double>(highest.lowest());
  const float threshold = RoundedDown(least - activation.shift - activation.slack -
                                      1e-12 * (std::fabs(least) + std::fabs(activation.shift)));
  std::size_t num_rows = 0;
  for (std::size_t first = 0; first < limit; first += kPanelRows) {
    int surviving = 0;
    const std::size_t count = std::min<std::size_t>(kPanelRows, limit - first);
    const auto survives = [&](std::size_t row) {
      return static_cast<int>(!(screened[row] + row_bounds_.data()[row] * activation.norm < threshold));
    };
    if (count == kPanelRows) {
      for (std::size_t i = 0; i < kPanelRows; ++i) surviving += survives(first + i);
    } else {
      for (std::size_t i = 0; i < count; ++i) surviving += survives(first + i);
    }
    if (surviving == 0) continue;
    num_rows += static_cast<std::size_t>(surviving);
    take(first / kPanelRows);
  }
  s.counts_.surviving_rows += static_cast<double>(num_rows) / static_cast<double>(all);
  s.counts_.surviving_panels += static_cast<double>(s.panels_.size()) / num_panels;
  if (num_rows > most_rows || s.panels_.size() > most_panels) return false;
  s.exact_.resize(std::max(s.exact_.size(), s.panels_.size() * kPanelRows));
  MatMulPanels(ops, x, head, std::span(s.panels_).subspan(num_first),
               std::span(s.exact_).subspan(num_first * kPanelRows));
  return true;
}

}  // namespace thimble
