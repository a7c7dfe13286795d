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

// What the tower does one after the other; kQkv to kMlp for each block. Each is cut into pieces.
enum class Stage { kEmbed, kPositions, kQkv, kAttend, kMlp, kNorm, kMerge, kDone };

}  // namespace

class VisionEncoder::Tower {
 public:
  Tower(const VisionConfig& config, const VisionWeights& weights, const Patches& patches, const Trace* trace)
      : c_(config), w_(weights), patches_(patches), trace_(trace) {
    num_patches_ = patches.num_patches();
    per_frame_ = num_patches_ / std::max(1, patches.grid_t);
    // Where weights are taken as 8-bit codes there is no point in more precision between them.
    rounds_attention_ = !w_.blocks.empty() && c_.head <= RoundedAttention::kLargestHead &&
                        (w_.blocks[0].qkv.family() == kernels::Family::kU7Flat ||
                         w_.blocks[0].qkv.family() == kernels::Family::kU8Flat);
  }

  Result<bool> Step(const Ops& ops) {
    THIMBLE_CHECK(stage_ != Stage::kDone);
    Piece(ops);
    THIMBLE_RETURN_IF_ERROR(CheckNotStopped(ops.pool));
    if (++piece_ < NumPieces()) return true;
    piece_ = 0;
    Advance();
    return stage_ != Stage::kDone;
  }

  [[nodiscard]] double share() const {
    if (stage_ == Stage::kDone) return 1.0;
    // Blocks are nearly all of the work, and much the same; so are their pieces.
    const double piece = static_cast<double>(piece_) / static_cast<double>(NumPieces());
    const double num_blocks = static_cast<double>(w_.blocks.size());
    double blocks = static_cast<double>(block_);
    if (stage_ >= Stage::kQkv && stage_ <= Stage::kMlp)
      blocks += (static_cast<double>(stage_) - static_cast<double>(Stage::kQkv) + piece) / 3;
    return blocks / (num_blocks + 1);
  }

  VisionRows TakeRows() { return std::move(out_); }

  Status Allocate(int num_threads) {
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
      THIMBLE_ASSIGN_OR_RETURN(rounded_attention_, RoundedAttention::Create(w_.blocks[0].qkv.family(), per_frame_,
                                                                            c_.num_heads, c_.head, num_threads));
    } else {
      THIMBLE_ASSIGN_OR_RETURN(attention_, AttentionScratch::Create(num_threads, c_.head));
    }
    out_.num_rows = num_patches_ / 4;
    THIMBLE_ASSIGN_OR_RETURN(out_.rows, Buffer<float>::Create(static_cast<std::size_t>(out_.num_rows) *
                                                              static_cast<std::size_t>(c_.out_width)));
    places_ = PatchPlaces(patches_.grid_h, patches_.grid_w, c_.patches.merge);
    VisionRopeTable(places_, c_.head, c_.rope_theta, {cos_.data(), per_frame_, c_.head / 2},
                    {sin_.data(), per_frame_, c_.head / 2});
    return Done{};
  }

 private:
  MatView<float> X() { return {x_.data(), num_patches_, c_.width}; }
  [[nodiscard]] std::int64_t PatchCols() const {
    return static_cast<std::int64_t>(3) * c_.patches.temporal * c_.patches.patch * c_.patches.patch;
  }

  [[nodiscard]] static std::int64_t NumSlices(std::int64_t rows, std::int64_t slice) {
    return (rows + slice - 1) / slice;
  }
  // Pieces of the stage.
  [[nodiscard]] std::int64_t NumPieces() const {
    switch (stage_) {
      case Stage::kEmbed:
      case Stage::kQkv:
      case Stage::kMlp:
        return NumSlices(num_patches_, kSlice);
      case Stage::kAttend:
        return num_patches_ / per_frame_ * NumSlices(per_frame_, kQuerySlice);
      case Stage::kMerge:
        return NumSlices(num_patches_ / 4, kSlice);
      default:
        return 1;
    }
  }
  // The rows of this piece, of `rows` in all.
  [[nodiscard]] std::int64_t First() const { return piece_ * kSlice; }
  [[nodiscard]] std::int64_t Count(std::int64_t rows) const { return std::min(kSlice, rows - First()); }

  void Piece(const Ops& ops) {
    switch (stage_) {
      case Stage::kEmbed:
        return Embed(ops, First(), Count(num_patches_));
      case Stage::kPositions:
        return AddPositions(ops);
      case Stage::kQkv:
        return Qkv(ops, w_.blocks[block_], First(), Count(num_patches_));
      case Stage::kAttend:
        return Attend(ops);
      case Stage::kMlp:
        return Mlp(ops, w_.blocks[block_], First(), Count(num_patches_));
      case Stage::kNorm:
        // LayerNorm per patch, then four patches side by side through two products (spec 3.5).
        return LayerNorm(ops, X(), w_.merger_norm_weight.span(), w_.merger_norm_bias.span(), c_.norm_eps, X());
      case Stage::kMerge:
        return Merge(ops, First(), Count(out_.num_rows));
      case Stage::kDone:
        break;
    }
  }

  // A stage is done with: on to the next.
  void Advance() {
    if (stage_ == Stage::kEmbed) Report(trace_, "patch_embed", 0, X());
    if (stage_ == Stage::kPositions) Report(trace_, "with_positions", 0, X());
    if (stage_ == Stage::kMlp) {
      Report(trace_, "vision_block", static_cast<int>(block_), X());
      ++block_;
    }
    if (stage_ == Stage::kMerge) Report(trace_, "merged", 0, {out_.rows.data(), out_.num_rows, c_.out_width});
    const bool begins_block = stage_ == Stage::kPositions || stage_ == Stage::kMlp;
    if (begins_block) {
      stage_ = block_ < w_.blocks.size() ? Stage::kQkv : Stage::kNorm;
    } else {
      stage_ = static_cast<Stage>(static_cast<int>(stage_) + 1);
    }
  }

  void Product(const Ops& ops, MatView<const float> in, const PackedMatrix& weight, const Buffer<float>& bias,
               MatView<float> out) {
    activations_.Set(in);
    MatMul(ops, &activations_, weight, out);
    AddBias(ops, out, bias.span());
  }

  // Patches times the patch matrix (spec 3.2).
  void Embed(const Ops& ops, std::int64_t first, std::int64_t count) {
    const MatView<const float> values(patches_.values.data(), num_patches_, PatchCols());
    Product(ops, values.Rows(first, count), w_.patch, w_.patch_bias, X().Rows(first, count));
  }

  // Learned positions, read from their grid between the four nearest (spec 3.3).
  void AddPositions(const Ops& ops) {
    ForEachRow(ops, num_patches_, 8 * c_.width, [&](std::int64_t p) {
      const auto& place = places_[static_cast<std::size_t>(p % per_frame_)];
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
  }

  void Qkv(const Ops& ops, const VisionBlockWeights& w, std::int64_t first, std::int64_t count) {
    const std::int64_t width = c_.width;
    const MatView<float> normed(normed_.data(), count, width);
    LayerNorm(ops, X().Rows(first, count), w.norm1_weight.span(), w.norm1_bias.span(), c_.norm_eps, normed);
    Product(ops, normed, w.qkv, w.qkv_bias, MatView<float>(qkv_.data(), num_patches_, 3 * width).Rows(first, count));
  }

  // Patches attend those of their own frame only. A frame's first piece makes its keys ready.
  void Attend(const Ops& ops) {
    const std::int64_t width = c_.width;
    const std::int64_t pieces = NumSlices(per_frame_, kQuerySlice);
    const std::int64_t first = piece_ / pieces * per_frame_;
    const std::int64_t row = piece_ % pieces * kQuerySlice;
    const MatView<float> frame = MatView<float>(qkv_.data(), num_patches_, 3 * width).Rows(first, per_frame_);
    const MatView<const float> k = frame.Cols(width, width);
    const MatView<const float> v = frame.Cols(2 * width, width);
    if (row == 0) {
      const MatView<const float> cos(cos_.data(), per_frame_, c_.head / 2);
      const MatView<const float> sin(sin_.data(), per_frame_, c_.head / 2);
      ApplyRope(ops, frame.Cols(0, width), c_.num_heads, c_.head, cos, sin);
      ApplyRope(ops, frame.Cols(width, width), c_.num_heads, c_.head, cos, sin);
      if (rounds_attention_) rounded_attention_.SetKeys(ops, k, v);
    }
    const std::int64_t count = std::min(kQuerySlice, per_frame_ - row);
    const MatView<const float> q = frame.Cols(0, width).Rows(row, count);
    const MatView<float> out = MatView<float>(context_.data(), num_patches_, width).Rows(first + row, count);
    if (rounds_attention_) {
      rounded_attention_.Attend(ops, q, out);
    } else {
      FullAttention(ops, q, k, v, c_.num_heads, c_.head, &attention_, out);
    }
  }

  void Mlp(const Ops& ops, const VisionBlockWeights& w, std::int64_t first, std::int64_t count) {
    const std::int64_t width = c_.width;
    const MatView<float> x = X().Rows(first, count);
    const MatView<float> normed(normed_.data(), count, width);
    Product(ops, MatView<float>(context_.data(), num_patches_, width).Rows(first, count), w.proj, w.proj_bias, normed);
    AddInPlace(ops, x, normed);
    LayerNorm(ops, x, w.norm2_weight.span(), w.norm2_bias.span(), c_.norm_eps, normed);
    const MatView<float> mlp(wide_.data(), count, c_.mlp);
    Product(ops, normed, w.fc1, w.fc1_bias, mlp);
    Gelu(ops, mlp, GeluForm::kTanh);
    Product(ops, mlp, w.fc2, w.fc2_bias, normed);
    AddInPlace(ops, x, normed);
  }

  void Merge(const Ops& ops, std::int64_t first, std::int64_t count) {
    const std::int64_t merged_width = 4 * static_cast<std::int64_t>(c_.width);
    const MatView<const float> merged(x_.data(), out_.num_rows, merged_width);
    const MatView<float> inner(wide_.data(), count, merged_width);
    Product(ops, merged.Rows(first, count), w_.merger_fc1, w_.merger_fc1_bias, inner);
    Gelu(ops, inner, GeluForm::kErf);
    Product(ops, inner, w_.merger_fc2, w_.merger_fc2_bias,
            {out_.rows.data() + first * c_.out_width, count, c_.out_width});
  }

  const VisionConfig& c_;
  const VisionWeights& w_;
  const Patches& patches_;
  const Trace* trace_;
  Stage stage_ = Stage::kEmbed;
  std::size_t block_ = 0;
  std::int64_t piece_ = 0;  // of the stage
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
  std::vector<std::array<std::int32_t, 2>> places_;
  VisionRows out_;
};

VisionEncoder::VisionEncoder(std::unique_ptr<Tower> tower) : tower_(std::move(tower)) {}
VisionEncoder::~VisionEncoder() = default;

Result<std::unique_ptr<VisionEncoder>> VisionEncoder::Create(const VisionConfig& config, const VisionWeights& weights,
                                                             const Patches& patches, const ThreadPool& pool,
                                                             const Trace* trace) {
  THIMBLE_CHECK(patches.grid_h % config.patches.merge == 0 && patches.grid_w % config.patches.merge == 0 &&
                patches.num_patches() > 0);
  auto tower = std::make_unique<Tower>(config, weights, patches, trace);
  THIMBLE_RETURN_IF_ERROR(tower->Allocate(pool.num_threads()));
  return std::unique_ptr<VisionEncoder>(new VisionEncoder(std::move(tower)));
}

Result<bool> VisionEncoder::Step(const Ops& ops) { return tower_->Step(ops); }
double VisionEncoder::share() const { return tower_->share(); }
VisionRows VisionEncoder::TakeRows() { return tower_->TakeRows(); }

Result<VisionRows> EncodePatches(const VisionConfig& config, const VisionWeights& weights, const Patches& patches,
                                 const Ops& ops, const VisionOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const auto encoder,
                           VisionEncoder::Create(config, weights, patches, ops.pool, options.trace));
  bool has_more = true;
  while (has_more) {
    if (options.progress && !options.progress(encoder->share())) return Error{Code::kCancelled, "[vision] cancelled"};
    THIMBLE_ASSIGN_OR_RETURN(has_more, encoder->Step(ops));
  }
  if (options.progress && !options.progress(1.0)) return Error{Code::kCancelled, "[vision] cancelled"};
  return encoder->TakeRows();
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
