// SPDX-License-Identifier: Apache-2.0
#include "ops/delta_net.h"

#include "base/check.h"
#include "ops/rows.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace thimble {

namespace {

constexpr std::int64_t kChunk = 64;  // rows of the chunked form, as in the reference
constexpr std::int64_t kSolveBlock = 16;

// One worker's memory for one head and chunk.
struct ChunkTile {
  float* q;          // [kChunk, dk], normalised and scaled
  float* k;          // [kChunk, dk], normalised
  float* k_columns;  // [dk, kChunk]: k transposed
  float* n;          // [kChunk, dv]: right-hand sides, then their solution
  float* kk;         // [kChunk, kChunk]: A
  float* qk;         // [kChunk, kChunk]: P
  float* state;      // [dk, dv]: the head's state, transposed: products with rows of keys then run along it

  ChunkTile(float* memory, std::int64_t dk, std::int64_t dv) {
    q = memory;
    k = q + kChunk * dk;
    k_columns = k + kChunk * dk;
    n = k_columns + kChunk * dk;
    kk = n + kChunk * dv;
    qk = kk + kChunk * kChunk;
    state = qk + kChunk * kChunk;
  }
  static std::size_t Floats(std::int64_t dk, std::int64_t dv) {
    return static_cast<std::size_t>(3 * kChunk * dk + kChunk * dv + 2 * kChunk * kChunk + dk * dv);
  }
};

float Softplus(float x) { return x > 20.0F ? x : std::log1p(std::exp(x)); }

// All heads' inputs of a pass.
struct Rule {
  const Ops& ops;
  const DeltaShape& shape;
  const DeltaInputs& inputs;
  float* log_decay;  // [U, T], g
  float* beta;       // [U, T]
  MatView<float> out;

  [[nodiscard]] int KeyHead(int head) const {
    const int r = shape.num_value_heads / shape.num_key_heads;
    return shape.order == HeadOrder::kGrouped ? head / r : head % shape.num_key_heads;
  }
  [[nodiscard]] const float* Query(std::int64_t t, int head) const {
    return inputs.qkv.Row(t) + KeyHead(head) * shape.key_head;
  }
  [[nodiscard]] const float* Key(std::int64_t t, int head) const {
    return inputs.qkv.Row(t) + (shape.num_key_heads + KeyHead(head)) * shape.key_head;
  }
  [[nodiscard]] const float* Value(std::int64_t t, int head) const {
    return inputs.qkv.Row(t) + 2 * shape.num_key_heads * shape.key_head + head * shape.value_head;
  }
  [[nodiscard]] float G(std::int64_t t, int head) const { return log_decay[head * inputs.qkv.rows + t]; }
  [[nodiscard]] float Beta(std::int64_t t, int head) const { return beta[head * inputs.qkv.rows + t]; }

  void SetGates(int head) const {
    const auto index = static_cast<std::size_t>(head);
    float* g = log_decay + head * inputs.qkv.rows;
    float* b = beta + head * inputs.qkv.rows;
    for (std::int64_t t = 0; t < inputs.qkv.rows; ++t) {
      g[t] = inputs.a[index] * Softplus(inputs.alpha.Row(t)[head] + inputs.dt_bias[index]);
      b[t] = 1.0F / (1.0F + std::exp(-inputs.beta.Row(t)[head]));
    }
  }

  // Step E: l2 normalisation with 1e-6 inside the root; q also times dk^(-1/2).
  void LoadQk(std::int64_t t, int head, float* q, float* k) const {
    const kernels::FloatKernels& f32 = *ops.kernels.f32;
    const std::int64_t dk = shape.key_head;
    const float* q_row = Query(t, head);
    const float* k_row = Key(t, head);
    const float q_norm = 1.0F / std::sqrt(f32.sum_of_squares(q_row, dk) + 1e-6F);
    const float k_norm = 1.0F / std::sqrt(f32.sum_of_squares(k_row, dk) + 1e-6F);
    f32.scale(q_row, q_norm / std::sqrt(static_cast<float>(dk)), nullptr, dk, q);
    f32.scale(k_row, k_norm, nullptr, dk, k);
  }

  void Steps(int head, const float* state_in, float* state_out, float* scratch) const {
    const std::int64_t dk = shape.key_head;
    const std::int64_t dv = shape.value_head;
    const float* state = state_in;
    for (std::int64_t t = 0; t < inputs.qkv.rows; ++t) {
      LoadQk(t, head, scratch, scratch + dk);
      ops.kernels.f32->delta_step(state, state_out, scratch, scratch + dk, Value(t, head), std::exp(G(t, head)),
                                  Beta(t, head), dk, dv, out.Row(t) + static_cast<std::int64_t>(head) * dv);
      state = state_out;
    }
  }

  // Rows [block, block + count) of a chunk that begins at `first`: A_ij = -beta_i (k_i . k_j) exp(c_i - c_j) below the
  // diagonal (minus, so that the solve adds) to tile.kk; P_ij = (q_i . k_j) exp(c_i - c_j) up to it to tile.qk.
  void Correlate(int head, std::int64_t first, std::int64_t block, std::int64_t count, const double* sums,
                 const ChunkTile& tile) const {
    const kernels::FloatKernels& f32 = *ops.kernels.f32;
    const std::int64_t dk = shape.key_head;
    const std::int64_t seen = block + count;
    for (std::int64_t i = block; i < seen; ++i) {
      std::fill_n(tile.kk + i * kChunk, seen, 0.0F);
      std::fill_n(tile.qk + i * kChunk, seen, 0.0F);
    }
    f32.gemm_add(tile.k + block * dk, dk, count, tile.k_columns, kChunk, dk, seen, tile.kk + block * kChunk, kChunk);
    f32.gemm_add(tile.q + block * dk, dk, count, tile.k_columns, kChunk, dk, seen, tile.qk + block * kChunk, kChunk);
    for (std::int64_t i = block; i < seen; ++i) {
      float d[kChunk];
      for (std::int64_t j = 0; j <= i; ++j) d[j] = static_cast<float>(sums[i] - sums[j]);
      f32.exp_shifted(d, 0.0F, i + 1);
      float* p = tile.qk + i * kChunk;
      float* a = tile.kk + i * kChunk;
      f32.scale(p, 1.0F, d, i + 1, p);
      f32.scale(a, -Beta(first + i, head), d, i, a);
      std::fill(p + i + 1, p + seen, 0.0F);
    }
  }

  // Rows [first, first + rows) of one head; tile.state is read and updated. Formulas: spec 2.2, chunked form, with the
  // two solves folded into one: N = (I + A)^-1 (beta_i (v_i - exp(c_i) S^T k_i)). Every product is of rows of the left
  // factor and rows of the right one (gemm_add), in blocks of kSolveBlock rows where a factor or the result is
  // triangular.
  void Chunk(int head, std::int64_t first, std::int64_t rows, const ChunkTile& tile) const {
    const kernels::FloatKernels& f32 = *ops.kernels.f32;
    const std::int64_t dk = shape.key_head;
    const std::int64_t dv = shape.value_head;
    const MatView<float> o = out.Rows(first, rows).Cols(static_cast<std::int64_t>(head) * dv, dv);
    // In double: after a gate that forgets everything the sums are large, and differences of floats would no longer
    // tell the mild gates behind it from none.
    double sums[kChunk];  // c_i = g_0 + ... + g_i
    float decay[kChunk];
    double sum = 0;
    for (std::int64_t i = 0; i < rows; ++i) {
      sum += static_cast<double>(G(first + i, head));
      sums[i] = sum;
      decay[i] = std::exp(static_cast<float>(sum));
      LoadQk(first + i, head, tile.q + i * dk, tile.k + i * dk);
      std::fill_n(o.Row(i), dv, 0.0F);
    }
    f32.transpose(tile.k, dk, rows, dk, tile.k_columns, kChunk);
    // N starts as beta_i (v_i - exp(c_i) S^T k_i), O as exp(c_i) S^T q_i.
    std::fill_n(tile.n, rows * dv, 0.0F);
    f32.gemm_add(tile.k, dk, rows, tile.state, dv, dk, dv, tile.n, dv);
    f32.gemm_add(tile.q, dk, rows, tile.state, dv, dk, dv, o.data, o.stride);
    for (std::int64_t i = 0; i < rows; ++i) {
      const float b = Beta(first + i, head);
      const float* v = Value(first + i, head);
      float* n = tile.n + i * dv;
      for (std::int64_t c = 0; c < dv; ++c) n[c] = b * (v[c] - decay[i] * n[c]);
      f32.scale(o.Row(i), decay[i], nullptr, dv, o.Row(i));
    }
    for (std::int64_t block = 0; block < rows; block += kSolveBlock) {
      const std::int64_t count = std::min(kSolveBlock, rows - block);
      const std::int64_t seen = block + count;
      Correlate(head, first, block, count, sums, tile);
      // The solve, of these rows with those before them, then among themselves.
      f32.gemm_add(tile.kk + block * kChunk, kChunk, count, tile.n, dv, block, dv, tile.n + block * dv, dv);
      for (std::int64_t i = block + 1; i < seen; ++i)
        f32.gemm_add(tile.kk + i * kChunk + block, kChunk, 1, tile.n + block * dv, dv, i - block, dv, tile.n + i * dv,
                     dv);
      // O_i = exp(c_i) S^T q_i + sum over j <= i of P_ij N_j.
      f32.gemm_add(tile.qk + block * kChunk, kChunk, count, tile.n, dv, seen, dv, o.Row(block), o.stride);
    }
    // S = exp(c_last) S + sum of exp(c_last - c_i) k_i N_i^T.
    for (std::int64_t i = 0; i < rows; ++i)
      f32.scale(tile.n + i * dv, std::exp(static_cast<float>(sum - sums[i])), nullptr, dv, tile.n + i * dv);
    f32.scale(tile.state, decay[rows - 1], nullptr, dk * dv, tile.state);
    f32.gemm_add(tile.k_columns, kChunk, dk, tile.n, dv, rows, dv, tile.state, dv);
  }
};

}  // namespace

void ShortConvolution(const Ops& ops, MatView<const float> x, MatView<const float> tail, std::span<const float> weight,
                      int taps, MatView<float> out, MatView<float> next_tail) {
  const std::int64_t cols = x.cols;
  const std::int64_t past = taps - 1;
  THIMBLE_CHECK(taps <= kMostTaps && weight.size() == static_cast<std::size_t>(taps * cols));
  // Row `t` of the inputs with the tail in front; t >= -past.
  const auto input = [&](std::int64_t t) { return t >= 0 ? x.Row(t) : tail.Row(past + t); };
  // In tiles, whose weights stay in L1 for all of their rows.
  constexpr std::int64_t kTileRows = 16;
  constexpr std::int64_t kTileCols = 1024;
  const std::int64_t tiles_across = (cols + kTileCols - 1) / kTileCols;
  const auto tile = [&](int task, int) {
    const std::int64_t first = task / tiles_across * kTileRows;
    const std::int64_t column = task % tiles_across * kTileCols;
    const std::int64_t count = std::min(kTileCols, cols - column);
    for (std::int64_t t = first; t < std::min(x.rows, first + kTileRows); ++t) {
      const float* rows[kMostTaps];
      for (std::int64_t j = 0; j < taps; ++j) rows[j] = input(t - past + j) + column;
      ops.kernels.f32->convolve_silu(rows, weight.data() + column, cols, taps, count, out.Row(t) + column);
    }
  };
  const auto num_tiles = static_cast<int>((x.rows + kTileRows - 1) / kTileRows * tiles_across);
  if (x.rows == 1) {  // not worth waking threads
    for (int task = 0; task < num_tiles; ++task) tile(task, 0);
  } else {
    ops.pool.Run(num_tiles, tile);
  }
  // The oldest row first: when next_tail is tail itself, row i is read before it is overwritten (i + T > i).
  for (std::int64_t i = 0; i < past; ++i) {
    const float* from = input(x.rows - past + i);
    float* to = next_tail.Row(i);
    if (from != to) std::memcpy(to, from, static_cast<std::size_t>(cols) * sizeof(float));
  }
}

Result<DeltaScratch> DeltaScratch::Create(int num_threads, const DeltaShape& shape, std::int64_t max_rows) {
  DeltaScratch scratch;
  scratch.floats_per_worker = (ChunkTile::Floats(shape.key_head, shape.value_head) + 15) / 16 * 16;
  THIMBLE_ASSIGN_OR_RETURN(scratch.buffer,
                           Buffer<float>::Create(scratch.floats_per_worker * static_cast<std::size_t>(num_threads)));
  THIMBLE_ASSIGN_OR_RETURN(scratch.gates, Buffer<float>::Create(static_cast<std::size_t>(2 * max_rows) *
                                                                static_cast<std::size_t>(shape.num_value_heads)));
  return scratch;
}

void GatedDeltaRule(const Ops& ops, const DeltaShape& shape, const DeltaInputs& inputs, const float* state_in,
                    float* state_out, DeltaScratch* scratch, MatView<float> out) {
  const std::int64_t rows = inputs.qkv.rows;
  const std::int64_t heads = shape.num_value_heads;
  THIMBLE_CHECK(scratch->gates.size() >= static_cast<std::size_t>(2 * rows * heads));
  float* log_decay = scratch->gates.data();
  float* beta = log_decay + rows * heads;
  const Rule rule{ops, shape, inputs, log_decay, beta, out};
  const std::int64_t state_floats = static_cast<std::int64_t>(shape.key_head) * shape.value_head;
  ops.pool.Run(shape.num_value_heads, [&](int head, int worker) {
    float* memory = scratch->buffer.data() + static_cast<std::size_t>(worker) * scratch->floats_per_worker;
    const float* in = state_in + head * state_floats;
    float* state = state_out + head * state_floats;
    rule.SetGates(head);
    if (rows < kDeltaChunkMinRows) {
      rule.Steps(head, in, state, memory);
      return;
    }
    const ChunkTile tile(memory, shape.key_head, shape.value_head);
    const kernels::FloatKernels& f32 = *ops.kernels.f32;
    f32.transpose(in, shape.key_head, shape.value_head, shape.key_head, tile.state, shape.value_head);
    for (std::int64_t first = 0; first < rows; first += kChunk)
      rule.Chunk(head, first, std::min(kChunk, rows - first), tile);
    f32.transpose(tile.state, shape.value_head, shape.key_head, shape.value_head, state, shape.key_head);
  });
}

void GatedRmsNorm(const Ops& ops, MatView<const float> x, MatView<const float> z, std::span<const float> weight,
                  float eps, MatView<float> out) {
  const auto head = static_cast<std::int64_t>(weight.size());
  ForEachRow(ops, x.rows, x.cols * 8, [&](std::int64_t t) {
    for (std::int64_t first = 0; first + head <= x.cols; first += head) {
      const float* row = x.Row(t) + first;
      const float mean = ops.kernels.f32->sum_of_squares(row, head) / static_cast<float>(head);
      ops.kernels.f32->scale(row, 1.0F / std::sqrt(mean + eps), weight.data(), head, out.Row(t) + first);
    }
    ops.kernels.f32->silu_mul(z.Row(t), out.Row(t), x.cols, out.Row(t));
  });
}

}  // namespace thimble
