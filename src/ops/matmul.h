// SPDX-License-Identifier: Apache-2.0
// Matrix products: activations [T, K] times a weight [N, K] transposed -> [T, N].
#pragma once

#include "base/buffer.h"
#include "base/mat_view.h"
#include "base/result.h"
#include "ops/ops.h"
#include "ops/packed_matrix.h"

#include <cstdint>
#include <span>
#include <vector>

namespace thimble {

// Rows of activations prepared for products. Products that share an input share one preparation: the rows are quantised
// at most once, when the first product asks for it.
class Activations {
 public:
  // Room for up to `max_rows` rows of up to `max_cols` values; nothing is allocated later.
  static Result<Activations> Create(std::int64_t max_rows, std::int64_t max_cols);
  static std::uint64_t BytesNeeded(std::int64_t max_rows, std::int64_t max_cols);

  // From now on products read `rows`, whose memory must stay as it is until the next Set.
  void Set(MatView<const float> rows);

  [[nodiscard]] MatView<const float> rows() const { return rows_; }
  // Their codes, scales and sums, made when first asked for.
  kernels::QuantisedRows Quantised(const Ops& ops);

  // For MatMul: memory for weights' rows that are widened to floats, of all threads together. Grows to the most that
  // was asked for and stays, so that the token loop does not allocate after its first turn, and tasks never do.
  float* WideningRoom(std::int64_t floats);

 private:
  MatView<const float> rows_;
  bool is_quantised_ = false;
  Buffer<kernels::QuantisedSuper> supers_;
  std::vector<float> widened_;
};

// A weight [N, K] and where its product goes, [T, N].
struct Product {
  const PackedMatrix* w;
  MatView<float> out;
};
inline constexpr std::size_t kMaxProducts = 4;  // that share one parallel region

// out[t, n] = (sum over k of x[t, k] * w[n, k]) * w.scale(). out is [T, N]; T >= 1. The bits of a row depend on its own
// numbers and on whether T is below kWideRows (or ops.narrow_only) or not, never on threads, on its neighbours or on
// its place; so callers that want the same bits for the same tokens cut their passes alike (Decoder::Forward cuts at
// multiples of 64 tokens).
void MatMul(const Ops& ops, Activations* x, const PackedMatrix& w, MatView<float> out);
// The same for weights that share their input: together they are one job for the threads, which then meet once instead
// of once a weight; when decoding, that is a good part of what a small weight costs.
void MatMul(const Ops& ops, Activations* x, std::span<const Product> products);

// Only some of the outputs of one row of activations: those of the panels (of kernels::kPanelRows rows each) `panels`
// of a packed weight, side by side: `out` is [panels, kPanelRows]. Same bits as MatMul's. Rows that the last panel of
// the weight lacks are zero or left as they are.
void MatMulPanels(const Ops& ops, Activations* x, const PackedMatrix& w, std::span<const std::int32_t> panels,
                  std::span<float> out);

// From this many rows on, MatMul may use a form that prepares weights once for many rows.
inline constexpr std::int64_t kWideRows = 16;

// Row ids[t] of an embedding matrix -> out[t]; ids must be in range.
void EmbedRows(const Ops& ops, const PackedMatrix& table, std::span<const std::int32_t> ids, MatView<float> out);

}  // namespace thimble
