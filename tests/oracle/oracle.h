// SPDX-License-Identifier: Apache-2.0
// The network once more, in plain loops over doubles, written from the specification and from nothing else: what the
// engine's fast text is measured against. It shares no arithmetic with src/ops or src/kernels (only the widening of
// file types), keeps no caches, and computes every sequence from its first token.
#pragma once

#include "files/model_file.h"
#include "model/config.h"
#include "model/names.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace thimble::oracle {

struct Matrix {
  std::size_t rows = 0;
  std::size_t cols = 0;
  std::vector<double> values;  // row by row

  Matrix() = default;
  Matrix(std::size_t num_rows, std::size_t num_cols) : rows(num_rows), cols(num_cols), values(num_rows * num_cols) {}
  [[nodiscard]] double& At(std::size_t row, std::size_t col) { return values[row * cols + col]; }
  [[nodiscard]] double At(std::size_t row, std::size_t col) const { return values[row * cols + col]; }
  // Rows first .. first + count - 1.
  [[nodiscard]] Matrix Rows(std::size_t first, std::size_t count) const;
  void AddRow(const Matrix& from, std::size_t row);
};

// Called with every named intermediate result, by the names of the reference traces; layers count from 0.
using Observer = std::function<void(const std::string& name, int layer, const Matrix& values)>;

// Positions on the axes T, H, W.
using Position3 = std::array<int, 3>;
std::vector<Position3> TextPositions(std::size_t count);

// Throws std::runtime_error when the files lack a tensor. `text`, `vision` (may be nullptr) and `config` must outlive
// it.
class Oracle {
 public:
  Oracle(const ModelFile* text, const ModelFile* vision, const ModelConfig* config)
      : text_(text), vision_(vision), config_(*config) {}

  // Final-normed hidden rows [T, D] of a sequence. Row t is pictures row picture_row[t] instead of the embedding where
  // that is >= 0; picture_row may be empty.
  Matrix Hidden(std::span<const std::int32_t> ids, std::span<const Position3> positions,
                std::span<const std::int32_t> picture_row, const Matrix& pictures, const Observer& observe);
  Matrix Hidden(std::span<const std::int32_t> ids) { return Hidden(ids, TextPositions(ids.size()), {}, {}, {}); }
  // [T, V] of hidden rows.
  Matrix Logits(const Matrix& hidden);

  // Rows [T, D] after mtp.norm: row t pairs hidden row t with the token after it (spec 4.2).
  Matrix Drafts(const Matrix& hidden, std::span<const std::int32_t> next_ids, std::span<const Position3> positions);

  // The vision tower: patch rows in merge-block order -> one row of width D per four patches.
  Matrix Tower(const Matrix& patches, int grid_t, int grid_h, int grid_w, const Observer& observe);

 private:
  struct Pass {
    std::span<const Position3> positions;
    const Observer& observe;
    int layer;      // for the observer
    bool is_draft;  // the MTP layer's weights
  };
  [[nodiscard]] bool is_gguf() const { return text_->format() == ModelFile::Format::kGguf; }
  [[nodiscard]] const VisionConfig& vision_config() const;
  // The tensor as doubles [first dimension, all others].
  const Matrix& Weight(const WeightName& name, int layer, bool is_draft = false);
  const Matrix& VisionWeight(const WeightName& stem, const char* suffix, int layer);
  Matrix PatchWeight();
  // x / rms(x) * factor, the factor with its one added where the file holds it without.
  Matrix Norm(const Matrix& x, const WeightName& name, int layer, bool is_draft = false);
  Matrix VisionNorm(const Matrix& x, const WeightName& stem, int layer);
  Matrix VisionLinear(const Matrix& x, const WeightName& stem, int layer);

  void Layer(const Pass& pass, bool is_attention, Matrix* x);
  Matrix Attention(const Pass& pass, const Matrix& x);
  Matrix Delta(const Pass& pass, const Matrix& x);
  // Steps C to F: the rule itself over q, k [T, E * S] and v [T, U * S].
  Matrix DeltaRule(const Pass& pass, const Matrix& q, const Matrix& k, const Matrix& v, const Matrix& a,
                   const Matrix& b);
  Matrix VisionAttention(const Matrix& qkv, const Matrix& angles, std::size_t per_frame) const;

  const ModelFile* text_;
  const ModelFile* vision_;
  const ModelConfig& config_;
  std::map<std::string, Matrix> weights_;
};

}  // namespace thimble::oracle
