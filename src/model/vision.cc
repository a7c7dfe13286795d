// SPDX-License-Identifier: Apache-2.0
#include "model/vision.h"

#include "base/check.h"
#include "model/layers.h"
#include "ops/attention.h"
#include "ops/elementwise.h"
#include "ops/matmul.h"
#include "ops/rope.h"
#include "ops/rounded_attention.h"
#include "ops/rows.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <vector>

namespace thimble {

namespace {

// Rows that go through a product together: bounds the activations of large pictures.
constexpr std::int64_t kSlice = 256;
// Patches whose queries attend between two askings whether to go on: of the largest pictures half a second's work.
constexpr std::int64_t kQuerySlice = 1024;

// Row and column of every patch of one frame, in merge-block order.
std::vector<std::array<std::int32_t, 2>> PatchPlaces(int grid_h, int grid_w, int merge) {
  std::vector<std::array<std::int32_t, 2>> places;
  places.reserve(static_cast<std::size_t>(grid_h) * static_cast<std::size_t>(grid_w));
  for (int block_row = 0; block_row < grid_h; block_row += merge) {
    for (int block_col = 0; block_col < grid_w; block_col += merge) {
      for (int row = block_row; row < block_row + merge; ++row) {
        for (int col = block_col; col < block_col + merge; ++col) places.push_back({row, col});
      }
    }
  }
  return places;
}

// Two taps of the learned grid along one axis (spec 3.3: align corners).
struct Taps {
  int first;
  int second;
  float share;  // of the second
};
Taps TapsOf(int index, int count, int side) {
  const double place = count > 1 ? static_cast<double>(index) * (side - 1) / (count - 1) : 0.0;
  const int first = static_cast<int>(place);
  return {first, std::min(first + 1, side - 1), static_cast<float>(place - first)};
}

class Tower {
 public:
  Tower(const VisionConfig& config, const VisionWeights& weights, const Patches& patches, const Ops& ops,
        const VisionOptions& options)
      : c_(config), w_(weights), patches_(patches), ops_(ops), options_(options) {
    num_patches_ = patches.num_patches();
    per_frame_ = num_patches_ / std::max(1, patches.grid_t);
    // Where weights are taken as 8-bit codes there is no point in more precision between them.
    rounds_attention_ = !w_.blocks.empty() && c_.head <= RoundedAttention::kLargestHead &&
                        (w_.blocks[0].qkv.family() == kernels::Family::kU7Flat ||
                         w_.blocks[0].qkv.family() == kernels::Family::kU8Flat);
  }

  Result<VisionRows> Run() {
    THIMBLE_RETURN_IF_ERROR(Allocate());
    THIMBLE_RETURN_IF_ERROR(Embed());
    for (std::size_t block = 0; block < w_.blocks.size(); ++block) {
      share_ = static_cast<double>(block) / static_cast<double>(w_.blocks.size() + 1);
      THIMBLE_RETURN_IF_ERROR(Block(w_.blocks[block]));
      Report(options_.trace, "vision_block", static_cast<int>(block), X());
    }
    share_ = static_cast<double>(w_.blocks.size()) / static_cast<double>(w_.blocks.size() + 1);
    return Merge();
  }

 private:
  MatView<float> X() { return {x_.data(), num_patches_, c_.width}; }

  // Asked often: a block of a large picture takes many seconds.
  [[nodiscard]] Status GoOn() const {
    if (!options_.progress || options_.progress(share_)) return Done{};
    return Error{Code::kCancelled, "[vision] cancelled"};
  }

  Status Allocate() {
    const auto rows = static_cast<std::size_t>(num_patches_);
    const auto width = static_cast<std::size_t>(c_.width);
    const std::int64_t slice = std::min(kSlice, num_patches_);
    const std::int64_t patch_cols = PatchCols();
    const std::int64_t widest = std::max<std::int64_t>({patch_cols, c_.mlp, 4 * static_cast<std::int64_t>(c_.width)});
    THIMBLE_ASSIGN_OR_RETURN(x_, Buffer<float>::Create(rows * width));
    THIMBLE_ASSIGN_OR_RETURN(qkv_, Buffer<float>::Create(rows * 3 * width));
    THIMBLE_ASSIGN_OR_RETURN(context_, Buffer<float>::Create(rows * width));
    THIMBLE_ASSIGN_OR_RETURN(normed_, Buffer<float>::Create(static_cast<std::size_t>(slice) * width));
    THIMBLE_ASSIGN_OR_RETURN(wide_, Buffer<float>::Create(static_cast<std::size_t>(slice * widest)));
    THIMBLE_ASSIGN_OR_RETURN(cos_, Buffer<float>::Create(static_cast<std::size_t>(per_frame_ * c_.head / 2)));
    THIMBLE_ASSIGN_OR_RETURN(sin_, Buffer<float>::Create(static_cast<std::size_t>(per_frame_ * c_.head / 2)));
    THIMBLE_ASSIGN_OR_RETURN(activations_, Activations::Create(slice, widest));
    if (rounds_attention_) {
      THIMBLE_ASSIGN_OR_RETURN(rounded_attention_,
                               RoundedAttention::Create(w_.blocks[0].qkv.family(), per_frame_, c_.num_heads, c_.head,
                                                        ops_.pool.num_threads()));
    } else {
      THIMBLE_ASSIGN_OR_RETURN(attention_, AttentionScratch::Create(ops_.pool.num_threads(), c_.head));
    }
    return Done{};
  }
  [[nodiscard]] std::int64_t PatchCols() const {
    return static_cast<std::int64_t>(3) * c_.patches.temporal * c_.patches.patch * c_.patches.patch;
  }

  template <typename F>
  Status ForSlices(std::int64_t rows, const F& body) {
    for (std::int64_t first = 0; first < rows; first += kSlice) {
      THIMBLE_RETURN_IF_ERROR(GoOn());
      body(first, std::min(kSlice, rows - first));
    }
    return Done{};
  }
  void Product(MatView<const float> in, const PackedMatrix& weight, const Buffer<float>& bias, MatView<float> out) {
    activations_.Set(in);
    MatMul(ops_, &activations_, weight, out);
    AddBias(ops_, out, bias.span());
  }

  // Patches times the patch matrix, plus learned positions read from their grid between the four nearest
  // (spec 3.2, 3.3).
  Status Embed() {
    const MatView<const float> values(patches_.values.data(), num_patches_, PatchCols());
    THIMBLE_RETURN_IF_ERROR(ForSlices(num_patches_, [&](std::int64_t first, std::int64_t count) {
      Product(values.Rows(first, count), w_.patch, w_.patch_bias, X().Rows(first, count));
    }));
    Report(options_.trace, "patch_embed", 0, X());
    const auto places = PatchPlaces(patches_.grid_h, patches_.grid_w, c_.patches.merge);
    ForEachRow(ops_, num_patches_, 8 * c_.width, [&](std::int64_t p) {
      const auto& place = places[static_cast<std::size_t>(p % per_frame_)];
      const Taps y = TapsOf(place[0], patches_.grid_h, c_.position_side);
      const Taps x = TapsOf(place[1], patches_.grid_w, c_.position_side);
      const auto row = [&](int r, int col) {
        return w_.positions.data() + (static_cast<std::int64_t>(r) * c_.position_side + col) * c_.width;
      };
      const float* corner[4] = {row(y.first, x.first), row(y.first, x.second), row(y.second, x.first),
                                row(y.second, x.second)};
      const float share[4] = {(1 - y.share) * (1 - x.share), (1 - y.share) * x.share, y.share * (1 - x.share),
                              y.share * x.share};
      float* out = X().Row(p);
      for (int i = 0; i < c_.width; ++i) {
        out[i] += corner[0][i] * share[0] + corner[1][i] * share[1] + corner[2][i] * share[2] + corner[3][i] * share[3];
      }
    });
    Report(options_.trace, "with_positions", 0, X());
    VisionRopeTable(places, c_.head, c_.rope_theta, {cos_.data(), per_frame_, c_.head / 2},
                    {sin_.data(), per_frame_, c_.head / 2});
    return Done{};
  }

  Status Block(const VisionBlockWeights& w) {
    const std::int64_t width = c_.width;
    const MatView<float> qkv(qkv_.data(), num_patches_, 3 * width);
    const MatView<float> context(context_.data(), num_patches_, width);
    THIMBLE_RETURN_IF_ERROR(ForSlices(num_patches_, [&](std::int64_t first, std::int64_t count) {
      const MatView<float> normed(normed_.data(), count, width);
      LayerNorm(ops_, X().Rows(first, count), w.norm1_weight.span(), w.norm1_bias.span(), c_.norm_eps, normed);
      Product(normed, w.qkv, w.qkv_bias, qkv.Rows(first, count));
    }));
    // Patches attend those of their own frame only.
    for (std::int64_t first = 0; first < num_patches_; first += per_frame_) {
      THIMBLE_RETURN_IF_ERROR(GoOn());
      const MatView<float> frame = qkv.Rows(first, per_frame_);
      const MatView<const float> cos(cos_.data(), per_frame_, c_.head / 2);
      const MatView<const float> sin(sin_.data(), per_frame_, c_.head / 2);
      ApplyRope(ops_, frame.Cols(0, width), c_.num_heads, c_.head, cos, sin);
      ApplyRope(ops_, frame.Cols(width, width), c_.num_heads, c_.head, cos, sin);
      const MatView<const float> q = frame.Cols(0, width);
      const MatView<const float> k = frame.Cols(width, width);
      const MatView<const float> v = frame.Cols(2 * width, width);
      if (rounds_attention_) rounded_attention_.SetKeys(ops_, k, v);
      for (std::int64_t row = 0; row < per_frame_; row += kQuerySlice) {
        THIMBLE_RETURN_IF_ERROR(GoOn());
        const std::int64_t count = std::min(kQuerySlice, per_frame_ - row);
        const MatView<float> out = context.Rows(first + row, count);
        if (rounds_attention_) {
          rounded_attention_.Attend(ops_, q.Rows(row, count), out);
        } else {
          FullAttention(ops_, q.Rows(row, count), k, v, c_.num_heads, c_.head, &attention_, out);
        }
      }
    }
    return ForSlices(num_patches_, [&](std::int64_t first, std::int64_t count) {
      const MatView<float> x = X().Rows(first, count);
      const MatView<float> normed(normed_.data(), count, width);
      Product(context.Rows(first, count), w.proj, w.proj_bias, normed);
      AddInPlace(ops_, x, normed);
      LayerNorm(ops_, x, w.norm2_weight.span(), w.norm2_bias.span(), c_.norm_eps, normed);
      const MatView<float> mlp(wide_.data(), count, c_.mlp);
      Product(normed, w.fc1, w.fc1_bias, mlp);
      Gelu(ops_, mlp, GeluForm::kTanh);
      Product(mlp, w.fc2, w.fc2_bias, normed);
      AddInPlace(ops_, x, normed);
    });
  }

  // LayerNorm per patch, then four patches side by side through two products (spec 3.5).
  Result<VisionRows> Merge() {
    VisionRows out;
    const std::int64_t merged_width = 4 * static_cast<std::int64_t>(c_.width);
    out.num_rows = num_patches_ / 4;
    THIMBLE_ASSIGN_OR_RETURN(out.rows, Buffer<float>::Create(static_cast<std::size_t>(out.num_rows) *
                                                             static_cast<std::size_t>(c_.out_width)));
    LayerNorm(ops_, X(), w_.merger_norm_weight.span(), w_.merger_norm_bias.span(), c_.norm_eps, X());
    const MatView<const float> merged(x_.data(), out.num_rows, merged_width);
    THIMBLE_RETURN_IF_ERROR(ForSlices(out.num_rows, [&](std::int64_t first, std::int64_t count) {
      const MatView<float> inner(wide_.data(), count, merged_width);
      Product(merged.Rows(first, count), w_.merger_fc1, w_.merger_fc1_bias, inner);
      Gelu(ops_, inner, GeluForm::kErf);
      Product(inner, w_.merger_fc2, w_.merger_fc2_bias, {out.rows.data() + first * c_.out_width, count, c_.out_width});
    }));
    Report(options_.trace, "merged", 0, {out.rows.data(), out.num_rows, c_.out_width});
    if (options_.progress && !options_.progress(1.0)) return Error{Code::kCancelled, "[vision] cancelled"};
    return out;
  }

  const VisionConfig& c_;
  const VisionWeights& w_;
  const Patches& patches_;
  const Ops& ops_;
  const VisionOptions& options_;
  double share_ = 0;  // of the work done
  std::int64_t num_patches_ = 0;
  std::int64_t per_frame_ = 0;
  Buffer<float> x_;        // [P, Vh] residual stream
  Buffer<float> qkv_;      // [P, 3Vh]
  Buffer<float> context_;  // [P, Vh] outputs of attention
  Buffer<float> normed_;   // [kSlice, Vh]
  Buffer<float> wide_;     // [kSlice, widest]
  Buffer<float> cos_;      // [patches of a frame, head / 2]
  Buffer<float> sin_;
  Activations activations_;
  bool rounds_attention_;
  AttentionScratch attention_;
  RoundedAttention rounded_attention_;
};

}  // namespace

Result<VisionRows> EncodePatches(const VisionConfig& config, const VisionWeights& weights, const Patches& patches,
                                 const Ops& ops, const VisionOptions& options) {
  THIMBLE_CHECK(patches.grid_h % config.patches.merge == 0 && patches.grid_w % config.patches.merge == 0 &&
                patches.num_patches() > 0);
  return Tower(config, weights, patches, ops, options).Run();
}

std::uint64_t VisionScratchBytes(const VisionConfig& config, std::int64_t num_patches, int num_threads) {
  const auto patches = static_cast<std::uint64_t>(num_patches);
  const auto width = static_cast<std::uint64_t>(config.width);
  const auto slice = static_cast<std::uint64_t>(std::min(kSlice, num_patches));
  const auto widest = std::max<std::uint64_t>({1536, static_cast<std::uint64_t>(config.mlp), 4 * width});
  const std::uint64_t floats = patches * (5 * width + 1536 + static_cast<std::uint64_t>(config.head)) +
                               slice * (width + widest) + patches / 4 * static_cast<std::uint64_t>(config.out_width);
  return floats * sizeof(float) +
         Activations::BytesNeeded(static_cast<std::int64_t>(slice), static_cast<std::int64_t>(widest)) +
         RoundedAttention::BytesNeeded(num_patches, config.num_heads, config.head, num_threads) +
         (std::uint64_t{256} << 10) * static_cast<std::uint64_t>(num_threads);
}

}  // namespace thimble
