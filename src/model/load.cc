// SPDX-License-Identifier: Apache-2.0
#include "model/load.h"

#include "base/text.h"
#include "kernels/dequant.h"
#include "kernels/pack.h"
#include "model/config_limits.h"
#include "model/decoder.h"
#include "model/names.h"
#include "model/scratch.h"
#include "model/state.h"
#include "model/vision.h"

#include <array>
#include <cmath>
#include <cstring>

namespace thimble {

namespace {

// In place of a layer's number: the layer of the MTP head.
constexpr int kMtpLayer = -1;

// Finds, checks and takes over the tensors of one model; or only counts what that would take.
class Loader {
 public:
  Loader(const ModelFile& text, const ModelFile* vision, const ModelConfig& config, const LoadOptions& options)
      : text_(text), vision_(vision), config_(config), options_(options) {
    total_ = text.total_bytes() + (vision != nullptr ? vision->total_bytes() : 0);
  }

  Result<Weights> Run();
  // Adds the bytes of every tensor that Run would take over, up to the first that is missing.
  void Count(MemoryNeeds* needs) {
    counted_ = needs;
    (void)Run();
  }
  Status CheckVision() {
    MemoryNeeds needs;
    counted_ = &needs;
    VisionWeights weights;
    return Vision(&weights);
  }

 private:
  struct Found {
    const ModelFile* file;
    const TensorEntry* tensor;
  };

  [[nodiscard]] bool is_gguf() const { return text_.format() == ModelFile::Format::kGguf; }
  static std::string ShapeOf(const std::vector<std::int64_t>& shape) {
    TensorEntry entry;
    entry.shape = shape;
    return entry.ShapeText();
  }
  [[nodiscard]] std::string FullName(const WeightName& name, int layer, bool is_vision) const {
    if (layer == kMtpLayer) return NameOfMtp(text_.format(), name, config_.num_layers());
    const bool gguf = is_vision ? vision_ != nullptr : is_gguf();
    return NameOfLayer(gguf ? name.gguf : name.hf, layer);
  }

  // A tensor whose dimensions, ones left out, are `shape`.
  Result<Found> Find(const WeightName& name, int layer, const std::vector<std::int64_t>& shape,
                     bool is_vision = false) const {
    const ModelFile* file = is_vision && vision_ != nullptr ? vision_ : &text_;
    const std::string full = FullName(name, layer, is_vision);
    const TensorEntry* tensor = nullptr;
    if (file->format() == ModelFile::Format::kGguf) {
      tensor = file->Find(full);
      // Some converters leave the suffix out.
      if (tensor == nullptr && full.ends_with("ssm_dt.bias")) tensor = file->Find(full.substr(0, full.size() - 5));
    } else {
      tensor = is_vision ? FindHfVision(*file, full) : FindHfText(*file, full);
    }
    if (tensor == nullptr) {
      const std::string spelled = file->format() == ModelFile::Format::kGguf ? full
                                  : is_vision                                ? HfVisionName(*file, full)
                                                                             : HfTextName(*file, full);
      return Error{Code::kCorrupt, Cat("[load] ", file->path(), ": tensor '", EscapeControls(spelled),
                                       "' is missing (expected ", ShapeOf(shape), ")")};
    }
    std::vector<std::int64_t> found;
    for (const std::int64_t size : tensor->shape) {
      if (size != 1) found.push_back(size);
    }
    std::vector<std::int64_t> wanted;
    for (const std::int64_t size : shape) {
      if (size != 1) wanted.push_back(size);
    }
    if (found != wanted) {
      return Error{Code::kCorrupt, Cat("[load] ", PathOf(*file, *tensor), ": tensor '", EscapeControls(tensor->name),
                                       "' is ", tensor->ShapeText(), ", this model needs ", ShapeOf(shape))};
    }
    return Found{file, tensor};
  }

  // The file that holds the tensor: of a model of many parts, the part.
  static const std::string& PathOf(const ModelFile& file, const TensorEntry& tensor) {
    const auto part = static_cast<std::size_t>(tensor.source);
    return part < file.shard_paths().size() ? file.shard_paths()[part] : file.path();
  }

  Result<std::span<const std::byte>> Bytes(const Found& found) const {
    auto bytes = found.file->View(*found.tensor);
    if (!bytes.ok()) return WithPlace(bytes.error(), PathOf(*found.file, *found.tensor));
    return bytes;
  }

  Status Advance(const Found& found) {
    found.file->Release(*found.tensor);
    done_ += found.tensor->size_bytes;
    if (options_.progress && !options_.progress(done_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
    return Done{};
  }

  Status Matrix(const WeightName& name, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* out,
                bool is_vision = false) {
    THIMBLE_ASSIGN_OR_RETURN(const Found found, Find(name, layer, {rows, cols}, is_vision));
    const DType dtype = found.tensor->dtype;
    kernels::Family family = kernels::FamilyFor(dtype, cols);
    if (is_vision && family == kernels::Family::kFileRows && cols % kernels::kBlock == 0)
      family = options_.tower_floats;
    const bool is_mapped = options_.precision == Precision::kExact || family == kernels::Family::kFileRows;
    if (counted_ != nullptr) {
      (is_mapped ? counted_->mapped_bytes : counted_->weights_bytes) +=
          is_mapped ? found.tensor->size_bytes : PackedMatrix::PackedBytes(family, rows, cols);
      return Done{};
    }
    THIMBLE_ASSIGN_OR_RETURN(const auto bytes, Bytes(found));
    if (cols % TraitsOf(dtype).block_length != 0) {
      return Error{Code::kCorrupt, Cat("[load] ", PathOf(*found.file, *found.tensor), ": tensor '", found.tensor->name,
                                       "' has rows of ", cols, ", no multiple of ", TraitsOf(dtype).name,
                                       "'s block of ", TraitsOf(dtype).block_length)};
    }
    if (is_mapped) {
      *out = PackedMatrix::FromFileRows(dtype, rows, cols, bytes);
      done_ += found.tensor->size_bytes;
      return Done{};
    }
    PackCache* cache = CacheOf(*found.file);
    if (cache != nullptr) {
      if (auto packed = cache->Find(found.tensor->name, dtype, family, rows, cols); packed.has_value()) {
        *out = std::move(*packed);
        return Advance(found);
      }
    }
    THIMBLE_ASSIGN_OR_RETURN(*out, PackedMatrix::Pack(dtype, family, rows, cols, bytes, options_.pool));
    if (cache != nullptr) cache->Add(found.tensor->name, *out);
    return Advance(found);
  }

  // A small tensor of any type as floats.
  Status Vector(const WeightName& name, int layer, const std::vector<std::int64_t>& shape, Buffer<float>* out,
                bool is_vision = false) {
    THIMBLE_ASSIGN_OR_RETURN(const Found found, Find(name, layer, shape, is_vision));
    const std::int64_t count = found.tensor->num_elements();
    if (counted_ != nullptr) {
      counted_->weights_bytes += static_cast<std::uint64_t>(count) * sizeof(float);
      return Done{};
    }
    THIMBLE_ASSIGN_OR_RETURN(const auto bytes, Bytes(found));
    if (count % TraitsOf(found.tensor->dtype).block_length != 0) {
      return Error{Code::kCorrupt, Cat("[load] ", PathOf(*found.file, *found.tensor), ": tensor '", found.tensor->name,
                                       "' cannot be of type ", TraitsOf(found.tensor->dtype).name)};
    }
    THIMBLE_ASSIGN_OR_RETURN(*out, Buffer<float>::Create(static_cast<std::size_t>(count)));
    kernels::RowToFloat(found.tensor->dtype)(bytes.data(), count, out->data());
    return Advance(found);
  }

  Status Norm(const WeightName& name, int layer, std::int64_t size, Buffer<float>* out) {
    THIMBLE_RETURN_IF_ERROR(Vector(name, layer, {size}, out));
    // Hugging Face stores w of the factor 1 + w.
    if (!is_gguf() && !is_mlx_) Shift(out, 1.0F);
    return Done{};
  }
  static void Shift(Buffer<float>* values, float by) {
    for (float& value : values->span()) value += by;
  }
  static float MeanOf(const Buffer<float>& values) {
    double sum = 0;
    for (const float value : values.span()) sum += static_cast<double>(value);
    return values.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(values.size()));
  }

  void Note(std::string text) {
    if (options_.notes != nullptr) options_.notes->push_back(std::move(text));
  }
  Status Screen(Weights* weights);
  void OpenCaches();
  [[nodiscard]] PackCache* CacheOf(const ModelFile& file) {
    std::optional<PackCache>& cache = caches_[&file == &text_ ? 0 : 1];
    return cache.has_value() ? &*cache : nullptr;
  }
  Status CloseCaches(Weights* weights);

  [[nodiscard]] bool LooksLikeMlx() const;
  void CheckNorms(const Weights& weights) const;
  Status Attention(int layer, AttentionWeights* out);
  Status Convolution(int layer, Buffer<float>* out);
  Status Delta(int layer, DeltaWeights* out);
  Status Layer(int layer, LayerKind kind, LayerWeights* out);
  Status Mtp(MtpWeights* out);
  Status Vision(VisionWeights* out);
  Status VisionBlock(int block, VisionBlockWeights* out);
  Status VisionPair(const WeightName& stem, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* weight,
                    Buffer<float>* bias);
  Status VisionNorm(const WeightName& stem, int layer, Buffer<float>* weight, Buffer<float>* bias);
  Status VisionPatch(VisionWeights* out);

  const ModelFile& text_;
  const ModelFile* vision_;
  const ModelConfig& config_;
  const LoadOptions& options_;
  std::array<std::optional<PackCache>, 2> caches_;  // of the text file and of the vision file
  MemoryNeeds* counted_ = nullptr;                  // not nullptr: nothing is read, only added up
  bool is_mlx_ = false;
  std::uint64_t done_ = 0;
  std::uint64_t total_ = 0;
};

// MLX checkpoints hold the norms' full factors, and the convolution's middle dimension last (spec 9.6); its numbers lie
// in the same order either way.
bool Loader::LooksLikeMlx() const {
  if (is_gguf() || config_.conv_taps < 2) return false;
  for (int layer = 0; layer < config_.num_layers(); ++layer) {
    if (config_.layers[static_cast<std::size_t>(layer)] != LayerKind::kDelta) continue;
    const TensorEntry* conv = FindHfText(text_, FullName(names::kDeltaConv, layer, false));
    return conv != nullptr && conv->shape.size() == 3 && conv->shape[1] == config_.conv_taps && conv->shape[2] == 1;
  }
  return false;
}

void Loader::CheckNorms(const Weights& weights) const {
  if (std::fabs(MeanOf(weights.layers.front().mixer_norm) - 2.0F) > 0.25F) return;
  Warn(options_.warnings,
       "the norm weights' mean is near 2: this file was probably converted twice (from MLX) and will answer nonsense");
}

Status Loader::Attention(int layer, AttentionWeights* out) {
  const std::int64_t D = config_.width;
  const std::int64_t C = config_.head;
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kQ, layer, config_.num_heads * 2 * C, D, &out->q));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kK, layer, config_.num_kv_heads * C, D, &out->k));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kV, layer, config_.num_kv_heads * C, D, &out->v));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kAttentionOut, layer, D, config_.num_heads * C, &out->out));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kQNorm, layer, C, &out->q_norm));
  return Norm(names::kKNorm, layer, C, &out->k_norm);
}

// Files hold the taps of a channel side by side; kernels take a tap of many channels at once.
Status Loader::Convolution(int layer, Buffer<float>* out) {
  const std::int64_t channels = config_.conv_channels();
  const std::int64_t taps = config_.conv_taps;
  Buffer<float> by_channel;
  THIMBLE_RETURN_IF_ERROR(Vector(names::kDeltaConv, layer, {channels, taps}, &by_channel));
  if (counted_ != nullptr) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(*out, Buffer<float>::Create(by_channel.size()));
  for (std::int64_t c = 0; c < channels; ++c) {
    for (std::int64_t j = 0; j < taps; ++j)
      (*out)[static_cast<std::size_t>(j * channels + c)] = by_channel[static_cast<std::size_t>(c * taps + j)];
  }
  return Done{};
}

Status Loader::Delta(int layer, DeltaWeights* out) {
  const std::int64_t D = config_.width;
  const std::int64_t U = config_.delta.num_value_heads;
  const std::int64_t values = U * config_.delta.value_head;
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kDeltaQkv, layer, config_.conv_channels(), D, &out->qkv));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kDeltaZ, layer, values, D, &out->z));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kDeltaBeta, layer, U, D, &out->beta));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kDeltaAlpha, layer, U, D, &out->alpha));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kDeltaOut, layer, D, values, &out->out));
  THIMBLE_RETURN_IF_ERROR(Convolution(layer, &out->conv));
  THIMBLE_RETURN_IF_ERROR(Vector(names::kDeltaDt, layer, {U}, &out->dt_bias));
  THIMBLE_RETURN_IF_ERROR(Vector(names::kDeltaA, layer, {U}, &out->a));
  // GGUF holds -exp(A_log) already.
  if (!is_gguf()) {
    for (float& value : out->a.span()) value = -std::exp(value);
  }
  return Vector(names::kDeltaNorm, layer, {config_.delta.value_head}, &out->head_norm);
}

Status Loader::Layer(int layer, LayerKind kind, LayerWeights* out) {
  const std::int64_t D = config_.width;
  const std::int64_t F = config_.mlp;
  THIMBLE_RETURN_IF_ERROR(Norm(names::kMixerNorm, layer, D, &out->mixer_norm));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kMlpNorm, layer, D, &out->mlp_norm));
  if (kind == LayerKind::kAttention) {
    THIMBLE_RETURN_IF_ERROR(Attention(layer, &out->attention.emplace()));
  } else {
    THIMBLE_RETURN_IF_ERROR(Delta(layer, &out->delta.emplace()));
  }
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kMlpGate, layer, F, D, &out->mlp.gate));
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kMlpUp, layer, F, D, &out->mlp.up));
  return Matrix(names::kMlpDown, layer, D, F, &out->mlp.down);
}

Status Loader::Mtp(MtpWeights* out) {
  const std::int64_t D = config_.width;
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kMtpFc, kMtpLayer, D, 2 * D, &out->fc));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kMtpEmbeddingNorm, kMtpLayer, D, &out->embedding_norm));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kMtpHiddenNorm, kMtpLayer, D, &out->hidden_norm));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kMtpFinalNorm, kMtpLayer, D, &out->final_norm));
  THIMBLE_RETURN_IF_ERROR(Layer(kMtpLayer, LayerKind::kAttention, &out->layer));
  if (counted_ != nullptr) return Done{};
  // Hand-made files exist whose MTP norms were not shifted by one (spec 4.4).
  if (is_gguf() && std::fabs(MeanOf(out->embedding_norm)) < 0.5F) {
    Warn(options_.warnings, "the MTP layer's norms look unshifted (mean near 0 instead of 1): one is added to them");
    for (Buffer<float>* norm : {&out->embedding_norm, &out->hidden_norm, &out->final_norm, &out->layer.mixer_norm,
                                &out->layer.mlp_norm, &out->layer.attention->q_norm, &out->layer.attention->k_norm}) {
      Shift(norm, 1.0F);
    }
  }
  return Done{};
}

Status Loader::VisionPair(const WeightName& stem, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* weight,
                          Buffer<float>* bias) {
  const std::string gguf_weight = Cat(stem.gguf, "weight");
  const std::string hf_weight = Cat(stem.hf, "weight");
  const std::string gguf_bias = Cat(stem.gguf, "bias");
  const std::string hf_bias = Cat(stem.hf, "bias");
  THIMBLE_RETURN_IF_ERROR(Matrix({gguf_weight, hf_weight}, layer, rows, cols, weight, true));
  return Vector({gguf_bias, hf_bias}, layer, {rows}, bias, true);
}

Status Loader::VisionNorm(const WeightName& stem, int layer, Buffer<float>* weight, Buffer<float>* bias) {
  const std::string gguf_weight = Cat(stem.gguf, "weight");
  const std::string hf_weight = Cat(stem.hf, "weight");
  const std::string gguf_bias = Cat(stem.gguf, "bias");
  const std::string hf_bias = Cat(stem.hf, "bias");
  const std::int64_t width = config_.vision->width;
  THIMBLE_RETURN_IF_ERROR(Vector({gguf_weight, hf_weight}, layer, {width}, weight, true));
  return Vector({gguf_bias, hf_bias}, layer, {width}, bias, true);
}

Status Loader::VisionBlock(int block, VisionBlockWeights* out) {
  const std::int64_t width = config_.vision->width;
  const std::int64_t mlp = config_.vision->mlp;
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kVisionNorm1, block, &out->norm1_weight, &out->norm1_bias));
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kVisionNorm2, block, &out->norm2_weight, &out->norm2_bias));
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kVisionQkv, block, 3 * width, width, &out->qkv, &out->qkv_bias));
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kVisionProj, block, width, width, &out->proj, &out->proj_bias));
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kVisionFc1, block, mlp, width, &out->fc1, &out->fc1_bias));
  return VisionPair(names::kVisionFc2, block, width, mlp, &out->fc2, &out->fc2_bias);
}

// The patch convolution as a matrix of float32 rows [Vh, channel, frame, y, x]. GGUF holds the two frames' slices
// apart.
Status Loader::VisionPatch(VisionWeights* out) {
  const VisionConfig& v = *config_.vision;
  const std::int64_t area = static_cast<std::int64_t>(v.patches.patch) * v.patches.patch;
  const std::int64_t cols = 3 * 2 * area;
  THIMBLE_RETURN_IF_ERROR(Vector(names::kPatchBias, 0, {v.width}, &out->patch_bias, true));
  const std::vector<std::int64_t> whole_shape = {v.width, 3, 2, v.patches.patch, v.patches.patch};
  const std::vector<std::int64_t> slice_shape = {v.width, 3, v.patches.patch, v.patches.patch};
  if (counted_ != nullptr) {
    Buffer<float> nothing;
    if (vision_ == nullptr) return Vector(names::kPatch, 0, whole_shape, &nothing, true);
    THIMBLE_RETURN_IF_ERROR(Vector(names::kPatch, 0, slice_shape, &nothing, true));
    return Vector(names::kPatchSecond, 0, slice_shape, &nothing, true);
  }
  THIMBLE_ASSIGN_OR_RETURN(auto bytes,
                           Buffer<std::byte>::Create(static_cast<std::size_t>(v.width * cols) * sizeof(float)));
  auto* rows = reinterpret_cast<float*>(bytes.data());
  if (vision_ == nullptr) {
    Buffer<float> whole;
    THIMBLE_RETURN_IF_ERROR(Vector(names::kPatch, 0, whole_shape, &whole, true));
    std::memcpy(rows, whole.data(), whole.size_bytes());
  } else {
    for (std::int64_t frame = 0; frame < 2; ++frame) {
      Buffer<float> slice;  // [Vh, 3, y, x]
      THIMBLE_RETURN_IF_ERROR(Vector(frame == 0 ? names::kPatch : names::kPatchSecond, 0, slice_shape, &slice, true));
      for (std::int64_t row = 0; row < v.width; ++row) {
        for (std::int64_t channel = 0; channel < 3; ++channel) {
          std::memcpy(rows + row * cols + (channel * 2 + frame) * area, slice.data() + (row * 3 + channel) * area,
                      static_cast<std::size_t>(area) * sizeof(float));
        }
      }
    }
  }
  out->patch = PackedMatrix::FromOwnedRows(DType::kF32, v.width, cols, std::move(bytes));
  return Done{};
}

Status Loader::Vision(VisionWeights* out) {
  const VisionConfig& v = *config_.vision;
  THIMBLE_RETURN_IF_ERROR(VisionPatch(out));
  THIMBLE_RETURN_IF_ERROR(Vector(names::kPositions, 0,
                                 {static_cast<std::int64_t>(v.position_side) * v.position_side, v.width},
                                 &out->positions, true));
  out->blocks.resize(static_cast<std::size_t>(v.depth));
  for (int block = 0; block < v.depth; ++block)
    THIMBLE_RETURN_IF_ERROR(VisionBlock(block, &out->blocks[static_cast<std::size_t>(block)]));
  THIMBLE_RETURN_IF_ERROR(VisionNorm(names::kMergerNorm, 0, &out->merger_norm_weight, &out->merger_norm_bias));
  const std::int64_t merged = 4 * static_cast<std::int64_t>(v.width);
  THIMBLE_RETURN_IF_ERROR(VisionPair(names::kMergerFc1, 0, merged, merged, &out->merger_fc1, &out->merger_fc1_bias));
  return VisionPair(names::kMergerFc2, 0, v.out_width, merged, &out->merger_fc2, &out->merger_fc2_bias);
}

// The copy that screens the output head, where the options want one.
Status Loader::Screen(Weights* weights) {
  if (!options_.screens_head || options_.precision == Precision::kExact) return Done{};
  const WeightName& name = config_.is_tied ? names::kEmbedding : names::kOutput;
  THIMBLE_ASSIGN_OR_RETURN(const Found found, Find(name, 0, {config_.vocab, config_.width}));
  const kernels::Family family = kernels::FamilyFor(found.tensor->dtype, config_.width);
  if (!ScreenedHead::CanScreen(family, config_.vocab, config_.width)) {
    Note(Cat("output head: not screened, ", TraitsOf(found.tensor->dtype).name, " is read as fast"));
    return Done{};
  }
  const std::uint64_t bytes = ScreenedHead::BytesNeeded(config_.vocab, config_.width);
  if (counted_ != nullptr) {
    counted_->weights_bytes += bytes;
    return Done{};
  }
  Note(Cat("output head: screened by a copy of ", FormatBytes(bytes)));
  THIMBLE_ASSIGN_OR_RETURN(weights->screen, ScreenedHead::Create(weights->head(), options_.pool));
  return Done{};
}

void Loader::OpenCaches() {
  if (counted_ != nullptr || options_.precision == Precision::kExact || options_.pack_cache.use == PackCacheUse::kOff)
    return;
  const auto open = [this](const ModelFile& file, bool has_tower) {
    const std::string_view variant = has_tower ? PackVariantFor(options_.tower_floats) : kPackVariant;
    caches_[&file == &text_ ? 0 : 1].emplace(file, variant, options_.pack_cache, options_.pool);
  };
  open(text_, config_.vision.has_value() && vision_ == nullptr);
  if (vision_ != nullptr) open(*vision_, true);
}

// Hands what was read to the weights, and writes what was missing. Only being cancelled is an error.
Status Loader::CloseCaches(Weights* weights) {
  for (std::optional<PackCache>& cache : caches_) {
    if (!cache.has_value()) continue;
    if (cache->hold() != nullptr) {
      weights->pack_caches.push_back(cache->hold());
      Note(Cat("pack cache: ", FormatBytes(cache->found_bytes()), " from ", cache->path()));
    }
    if (!cache->needs_writing()) continue;
    const Status status = cache->Write([this] { return !options_.progress || options_.progress(total_, total_); });
    if (!status.ok() && status.error().code == Code::kCancelled) return status;
    Note(status.ok() ? Cat("pack cache: written to ", cache->path())
                     : Cat("pack cache: not written: ", status.error().message));
  }
  return Done{};
}

Result<Weights> Loader::Run() {
  Weights weights;
  OpenCaches();
  const std::int64_t D = config_.width;
  is_mlx_ = LooksLikeMlx();
  // The largest first: packing needs its source's pages beside the copy, so the peak comes while little else is there.
  THIMBLE_RETURN_IF_ERROR(Matrix(names::kEmbedding, 0, config_.vocab, D, &weights.embedding));
  if (!config_.is_tied) THIMBLE_RETURN_IF_ERROR(Matrix(names::kOutput, 0, config_.vocab, D, &weights.output));
  THIMBLE_RETURN_IF_ERROR(Screen(&weights));
  THIMBLE_RETURN_IF_ERROR(Norm(names::kFinalNorm, 0, D, &weights.final_norm));
  weights.layers.resize(config_.layers.size());
  for (int layer = 0; layer < config_.num_layers(); ++layer) {
    const auto index = static_cast<std::size_t>(layer);
    THIMBLE_RETURN_IF_ERROR(Layer(layer, config_.layers[index], &weights.layers[index]));
  }
  CheckNorms(weights);
  if (config_.has_mtp) THIMBLE_RETURN_IF_ERROR(Mtp(&weights.mtp.emplace()));
  if (config_.vision.has_value()) THIMBLE_RETURN_IF_ERROR(Vision(&weights.vision.emplace()));
  if (options_.progress && !options_.progress(total_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
  THIMBLE_RETURN_IF_ERROR(CloseCaches(&weights));
  return weights;
}

}  // namespace

Result<Weights> LoadWeights(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                            const LoadOptions& options) {
  return Loader(text, vision, config, options).Run();
}

Status CheckVisionTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  const LoadOptions options;
  return Loader(text, vision, config, options).CheckVision();
}

MemoryNeeds EstimateMemory(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                           Precision precision, KvType kv_type, kernels::Family tower_floats, bool screens_head,
                           int context, std::int64_t max_patches, int num_threads) {
  MemoryNeeds needs;
  LoadOptions options;
  options.precision = precision;
  options.tower_floats = tower_floats;
  options.screens_head = screens_head;
  Loader(text, vision, config, options).Count(&needs);
  needs.kv_bytes = DecoderState::KvBytes(config, context, kv_type);
  // The state and one checkpoint of half its size.
  needs.state_bytes = DecoderState::RecurrentBytes(config) * 3 / 2;
  needs.activation_bytes = Scratch::BytesNeeded(config, Decoder::kMaxRows, num_threads);
  if (config.vision.has_value() && max_patches > 0)
    needs.vision_bytes = VisionScratchBytes(*config.vision, max_patches, num_threads);
  return needs;
}

}  // namespace thimble
