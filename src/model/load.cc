// SPDX-License-Identifier: Apache-2.0
#include "model/load.h"

#include "base/text.h"
#include "files/tensor_table.h"
#include "kernels/dequant.h"
#include "kernels/pack.h"
#include "model/config_limits.h"
#include "model/decoder.h"
#include "model/loader.h"
#include "model/names.h"
#include "model/scratch.h"
#include "model/state.h"
#include "model/vision.h"

#include <algorithm>
#include <cmath>
#include <cstring>

namespace thimble {

namespace {

std::vector<std::int64_t> WithoutOnes(const std::vector<std::int64_t>& shape) {
  std::vector<std::int64_t> kept;
  std::copy_if(shape.begin(), shape.end(), std::back_inserter(kept), [](std::int64_t size) { return size != 1; });
  return kept;
}

void Shift(Buffer<float>* values, float by) {
  for (float& value : values->span()) value += by;
}

float MeanOf(const Buffer<float>& values) {
  double sum = 0;
  for (const float value : values.span()) sum += static_cast<double>(value);
  return values.empty() ? 0.0F : static_cast<float>(sum / static_cast<double>(values.size()));
}

// Names under which one factor for a whole matrix lies beside it (files with NVFP4 weights have them): llama.cpp's, and
// what converters write that only append.
std::array<std::string, 2> ScaleNames(std::string_view weight) {
  constexpr std::string_view kEnd = ".weight";
  const std::string_view stem = weight.ends_with(kEnd) ? weight.substr(0, weight.size() - kEnd.size()) : weight;
  return {Cat(stem, ".scale"), Cat(weight, ".scale")};
}

}  // namespace

std::string Loader::ShapeOf(const std::vector<std::int64_t>& shape) {
  TensorEntry entry;
  entry.shape = shape;
  return entry.ShapeText();
}

const std::string& Loader::PathOf(const ModelFile& file, const TensorEntry& tensor) {
  const auto part = static_cast<std::size_t>(tensor.source);
  return part < file.shard_paths().size() ? file.shard_paths()[part] : file.path();
}

std::string Loader::FullName(const WeightName& name, int layer, bool is_vision) const {
  if (layer == kMtpLayer) return NameOfMtp(text_.format(), name, config_.num_layers());
  if (is_vision) return NameOfTower(TowerFormOf(tower()), name, layer);
  return NameOfLayer(is_gguf() ? name.gguf : name.hf, layer);
}

const TensorEntry* Loader::Locate(const WeightName& name, int layer, bool is_vision) const {
  const ModelFile& file = is_vision ? tower() : text_;
  const std::string full = FullName(name, layer, is_vision);
  if (file.format() != ModelFile::Format::kGguf) return is_vision ? FindHfVision(file, full) : FindHfText(file, full);
  const TensorEntry* tensor = file.Find(full);
  // Some converters leave the suffix out.
  if (tensor == nullptr && full.ends_with("ssm_dt.bias")) tensor = file.Find(full.substr(0, full.size() - 5));
  return tensor;
}

Result<Loader::Found> Loader::Find(const WeightName& name, int layer,
                                   const std::vector<std::vector<std::int64_t>>& shapes, bool is_vision) {
  const ModelFile& file = is_vision ? tower() : text_;
  const TensorEntry* tensor = Locate(name, layer, is_vision);
  if (tensor == nullptr) {
    const std::string full = FullName(name, layer, is_vision);
    const std::string spelled = file.format() == ModelFile::Format::kGguf ? full
                                : is_vision                               ? HfVisionName(file, full)
                                                                          : HfTextName(file, full);
    return Error{Code::kCorrupt, Cat("[load] ", file.path(), ": tensor '", EscapeControls(spelled),
                                     "' is missing (expected ", ShapeOf(shapes.front()), ")")};
  }
  TakeClaim(tensor);
  Found found{&file, tensor, std::nullopt, nullptr};
  if (IsMlxPacked(file, *tensor) && shapes.front().size() == 2) {
    const MlxTensors beside = MlxTensorsBeside(file, *tensor);
    TakeClaim(beside.scales);
    TakeClaim(beside.biases);
    auto mlx = FindMlxTensors(file, *tensor, shapes.front()[0], shapes.front()[1]);
    if (!mlx.ok()) return WithPlace(mlx.error(), PathOf(file, *tensor));
    found.mlx = mlx.value();
    return found;
  }
  if (!tensor->unknown_type.empty()) {
    return Error{Code::kUnsupported, Cat("[load] ", PathOf(file, *tensor), ": tensor ", QuoteName(tensor->name),
                                         " is of type ", EscapeControls(tensor->unknown_type.substr(0, 20)),
                                         ", which is not read: use the GGUF or the unquantised folder")};
  }
  const std::vector<std::int64_t> size = WithoutOnes(tensor->shape);
  if (std::none_of(shapes.begin(), shapes.end(), [&](const auto& shape) { return WithoutOnes(shape) == size; })) {
    return Error{Code::kCorrupt, Cat("[load] ", PathOf(file, *tensor), ": tensor '", EscapeControls(tensor->name),
                                     "' is ", tensor->ShapeText(), ", this model needs ", ShapeOf(shapes.front()))};
  }
  return found;
}

// The factor beside a matrix of a GGUF: at most one, of one number.
Status Loader::FindScale(Found* found) {
  if (found->file->format() != ModelFile::Format::kGguf) return Done{};
  for (const std::string& name : ScaleNames(found->tensor->name)) {
    const TensorEntry* scale = found->file->Find(name);
    if (scale == nullptr) continue;
    const auto fault = [&](std::string_view what) {
      return Error{Code::kUnsupported,
                   Cat("[load] ", PathOf(*found->file, *scale), ": tensor ", QuoteName(scale->name), " ", what)};
    };
    if (found->scale_tensor != nullptr)
      return fault(Cat("is a second factor beside ", QuoteName(found->scale_tensor->name), "; one is applied"));
    if (scale->num_elements() != 1 || TraitsOf(scale->dtype).block_length != 1)
      return fault(Cat("is ", scale->ShapeText(), "; one number for a whole matrix is applied"));
    found->scale_tensor = scale;
    TakeClaim(scale);
  }
  return Done{};
}

Result<float> Loader::ScaleOf(const Found& found) const {
  if (found.scale_tensor == nullptr) return 1.0F;
  auto bytes = found.file->View(*found.scale_tensor);
  if (!bytes.ok()) return WithPlace(bytes.error(), PathOf(*found.file, *found.scale_tensor));
  float scale = 1.0F;
  kernels::RowToFloat(found.scale_tensor->dtype)(bytes.value().data(), 1, &scale);
  if (!std::isfinite(scale)) {
    return Error{Code::kCorrupt, Cat("[load] ", PathOf(*found.file, *found.scale_tensor), ": tensor ",
                                     QuoteName(found.scale_tensor->name), " must be a finite number, and is none")};
  }
  return scale;
}

Result<Bytes> Loader::BytesOf(const Found& found) const {
  auto bytes = found.file->View(*found.tensor);
  if (!bytes.ok()) return WithPlace(bytes.error(), PathOf(*found.file, *found.tensor));
  return bytes;
}

Status Loader::Advance(const Found& found) {
  found.file->Release(*found.tensor);
  done_ += found.tensor->size_bytes;
  if (options_.progress && !options_.progress(done_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
  return Done{};
}

kernels::Family Loader::FamilyOf(DType dtype, std::int64_t cols, bool is_vision) const {
  if (options_.precision == Precision::kExact) return kernels::Family::kFileRows;
  const kernels::Family family = kernels::FamilyFor(dtype, cols);
  const bool is_rounded = is_vision && family == kernels::Family::kFileRows && cols % kernels::kBlock == 0;
  return is_rounded ? options_.tower_floats : family;
}

Status Loader::Matrix(const WeightName& name, int layer, std::int64_t rows, std::int64_t cols, PackedMatrix* out,
                      bool is_vision) {
  auto at = Find(name, layer, {{rows, cols}}, is_vision);
  if (!at.ok()) return claims_ != nullptr ? Status(Done{}) : at.error();
  Found found = std::move(at).value();
  if (auto status = FindScale(&found); !status.ok()) return claims_ != nullptr ? Status(Done{}) : status;
  if (found.mlx.has_value()) return MlxMatrixOf(found, rows, cols, is_vision, out);
  const DType dtype = found.tensor->dtype;
  const kernels::Family family = FamilyOf(dtype, cols, is_vision);
  if (counted_ != nullptr) {
    const bool is_mapped = family == kernels::Family::kFileRows;
    (is_mapped ? counted_->mapped_bytes : counted_->weights_bytes) +=
        is_mapped ? found.tensor->size_bytes : PackedMatrix::PackedBytes(family, rows, cols);
    return Done{};
  }
  THIMBLE_RETURN_IF_ERROR(TakeMatrix(found, rows, cols, family, out));
  THIMBLE_ASSIGN_OR_RETURN(const float scale, ScaleOf(found));
  out->set_scale(scale);
  return Done{};
}

Status Loader::TakeMatrix(const Found& found, std::int64_t rows, std::int64_t cols, kernels::Family family,
                          PackedMatrix* out) {
  const DType dtype = found.tensor->dtype;
  THIMBLE_ASSIGN_OR_RETURN(Bytes bytes, BytesOf(found));
  if (cols % TraitsOf(dtype).block_length != 0) {
    return Error{Code::kCorrupt,
                 Cat("[load] ", PathOf(*found.file, *found.tensor), ": tensor '", found.tensor->name, "' has rows of ",
                     cols, ", no multiple of ", TraitsOf(dtype).name, "'s block of ", TraitsOf(dtype).block_length)};
  }
  if (family == kernels::Family::kFileRows) {
    // Rows that a file lends stay there; what was read is kept.
    *out = bytes.is_borrowed() ? PackedMatrix::FromFileRows(dtype, rows, cols, bytes.span())
                               : PackedMatrix::FromOwnedRows(dtype, rows, cols, std::move(bytes).TakeBuffer());
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
  THIMBLE_ASSIGN_OR_RETURN(*out, PackedMatrix::Pack(dtype, family, rows, cols, bytes.span(), options_.pool));
  if (cache != nullptr) cache->Add(found.tensor->name, *out);
  return Advance(found);
}

// Codes of few bits go into the family of the file type that holds the same numbers; the others are rounded to 8 bits,
// as every quantised type without a family of its own is. --exact keeps the numbers as they are.
Status Loader::MlxMatrixOf(const Found& found, std::int64_t rows, std::int64_t cols, bool is_vision,
                           PackedMatrix* out) {
  const auto family_of = [&](DType dtype) {
    const kernels::Family family = FamilyOf(dtype, cols, is_vision);
    const bool is_kept = options_.precision == Precision::kExact || family != kernels::Family::kFileRows;
    return is_kept || cols % kernels::kBlock != 0 ? family : kernels::Family::kU8Flat;
  };
  if (counted_ != nullptr) {
    const DType dtype = MlxTypeFor(found.mlx->bits, found.mlx->group, cols);
    const kernels::Family family = family_of(dtype);
    counted_->weights_bytes +=
        family != kernels::Family::kFileRows
            ? PackedMatrix::PackedBytes(family, rows, cols)
            : static_cast<std::uint64_t>(rows) * RowBytes(dtype, static_cast<std::uint64_t>(cols));
    return Done{};
  }
  auto opened = MlxMatrix::Open(*found.file, *found.mlx, rows, cols);
  if (!opened.ok()) return WithPlace(opened.error(), PathOf(*found.file, *found.tensor));
  const MlxMatrix& source = opened.value();
  const DType dtype = source.dtype();
  const kernels::Family family = family_of(dtype);
  PackCache* cache = family != kernels::Family::kFileRows ? CacheOf(*found.file) : nullptr;
  if (cache != nullptr) {
    if (auto packed = cache->Find(found.tensor->name, dtype, family, rows, cols); packed.has_value()) {
      *out = std::move(*packed);
      return Advance(found);
    }
  }
  const auto fill = [&source](std::int64_t row, std::byte* to) { source.FillRow(row, to); };
  THIMBLE_ASSIGN_OR_RETURN(*out, PackedMatrix::PackFilled(dtype, family, rows, cols, fill, options_.pool));
  if (cache != nullptr) cache->Add(found.tensor->name, *out);
  return Advance(found);
}

Status Loader::Vector(const WeightName& name, int layer, const std::vector<std::int64_t>& shape, Buffer<float>* out,
                      bool is_vision) {
  auto found = Find(name, layer, {shape}, is_vision);
  if (!found.ok()) return claims_ != nullptr ? Status(Done{}) : found.error();
  return FloatsOf(found.value(), out);
}

Status Loader::FloatsOf(const Found& found, Buffer<float>* out) {
  const std::int64_t rows = found.tensor->shape.empty() ? 1 : found.tensor->shape[0];
  const std::int64_t count =
      found.mlx.has_value() ? rows * found.mlx->group * found.mlx->scales->shape[1] : found.tensor->num_elements();
  if (counted_ != nullptr) {
    counted_->weights_bytes += static_cast<std::uint64_t>(count) * sizeof(float);
    return Done{};
  }
  THIMBLE_ASSIGN_OR_RETURN(*out, Buffer<float>::Create(static_cast<std::size_t>(count)));
  if (found.mlx.has_value()) {
    auto source = MlxMatrix::Open(*found.file, *found.mlx, rows, count / rows);
    if (!source.ok()) return WithPlace(source.error(), PathOf(*found.file, *found.tensor));
    for (std::int64_t row = 0; row < rows; ++row) source.value().RowToFloat(row, out->data() + row * (count / rows));
    return Advance(found);
  }
  THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, BytesOf(found));
  if (count % TraitsOf(found.tensor->dtype).block_length != 0) {
    return Error{Code::kCorrupt, Cat("[load] ", PathOf(*found.file, *found.tensor), ": tensor '", found.tensor->name,
                                     "' cannot be of type ", TraitsOf(found.tensor->dtype).name)};
  }
  kernels::RowToFloat(found.tensor->dtype)(bytes.data(), count, out->data());
  return Advance(found);
}

Status Loader::Norm(const WeightName& name, int layer, std::int64_t size, Buffer<float>* out) {
  THIMBLE_RETURN_IF_ERROR(Vector(name, layer, {size}, out));
  // Hugging Face stores w of the factor 1 + w.
  if (!is_gguf() && !is_mlx_) Shift(out, 1.0F);
  return Done{};
}

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

// The copy that screens the output head, where the options want one.
Status Loader::Screen(Weights* weights) {
  if (!options_.screens_head || options_.precision == Precision::kExact) return Done{};
  const WeightName& name = config_.is_tied ? names::kEmbedding : names::kOutput;
  THIMBLE_ASSIGN_OR_RETURN(Found found, Find(name, 0, {{config_.vocab, config_.width}}, false));
  THIMBLE_RETURN_IF_ERROR(FindScale(&found));
  // The bound is derived for rows without a factor.
  if (found.scale_tensor != nullptr || found.mlx.has_value()) {
    Note("output head: not screened, its factors lie beside it");
    return Done{};
  }
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
  if (counted_ == nullptr) CheckNorms(weights);
  if (config_.has_mtp) THIMBLE_RETURN_IF_ERROR(Mtp(&weights.mtp.emplace()));
  if (config_.vision.has_value()) THIMBLE_RETURN_IF_ERROR(Vision(&weights.vision.emplace()));
  if (options_.progress && !options_.progress(total_, total_)) return Error{Code::kCancelled, "[load] cancelled"};
  THIMBLE_RETURN_IF_ERROR(CloseCaches(&weights));
  return weights;
}

Result<Weights> LoadWeights(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                            const LoadOptions& options) {
  return Loader(text, vision, config, options).Run();
}

Status CheckVisionTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  const LoadOptions options;
  THIMBLE_RETURN_IF_ERROR(Loader(text, vision, config, options).CheckVision());
  if (vision == nullptr) return Done{};
  // What lies in a vision file beside the tower and would change it, is a fault of that file.
  std::vector<UnusedTensor> unused = FindUnusedTensors(text, vision, config);
  std::erase_if(unused, [&](const UnusedTensor& tensor) { return tensor.path != vision->path(); });
  return CheckUnused(unused);
}

Status CheckTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  const LoadOptions options;
  MemoryNeeds needs;
  return Loader(text, vision, config, options).Count(&needs);
}

std::vector<UnusedTensor> FindUnusedTensors(const ModelFile& text, const ModelFile* vision, const ModelConfig& config) {
  const LoadOptions options;
  Loader::Claims claims;
  Loader(text, vision, config, options).Claim(&claims);
  std::vector<UnusedTensor> unused;
  for (const ModelFile* file : {&text, vision}) {
    if (file == nullptr) continue;
    for (const TensorEntry& tensor : file->tensors()) {
      if (!claims.contains(&tensor)) unused.push_back(JudgeUnused(tensor.name, *file, file == vision, vision, config));
    }
  }
  return unused;
}

MemoryNeeds EstimateMemory(const ModelFile& text, const ModelFile* vision, const ModelConfig& config,
                           Precision precision, KvType kv_type, kernels::Family tower_floats, bool screens_head,
                           int context, std::int64_t max_patches, int num_threads) {
  MemoryNeeds needs;
  LoadOptions options;
  options.precision = precision;
  options.tower_floats = tower_floats;
  options.screens_head = screens_head;
  (void)Loader(text, vision, config, options).Count(&needs);
  needs.kv_bytes = DecoderState::KvBytes(config, context, kv_type);
  // The state and one checkpoint of half its size.
  needs.state_bytes = DecoderState::RecurrentBytes(config) * 3 / 2;
  needs.activation_bytes = Scratch::BytesNeeded(config, Decoder::kMaxRows, num_threads);
  if (config.vision.has_value() && max_patches > 0)
    needs.vision_bytes = VisionScratchBytes(*config.vision, max_patches, num_threads);
  return needs;
}

}  // namespace thimble
