// SPDX-License-Identifier: Apache-2.0
#include "measure/bench.h"

#include "base/rng.h"
#include "engine/engine_parts.h"
#include "image/image.h"
#include "sys/machine.h"

#include <algorithm>
#include <vector>

namespace thimble {

namespace {

constexpr std::uint64_t kSeed = 1;

Error Cancelled() { return Error{Code::kCancelled, "[bench] cancelled"}; }

}  // namespace

Result<std::unique_ptr<Bench>> Bench::Create(std::shared_ptr<const Engine> engine, int max_tokens,
                                             std::function<bool()> goes_on) {
  std::unique_ptr<Bench> bench(new Bench(std::move(engine), std::move(goes_on)));
  const EngineParts& parts = *bench->engine_parts();
  const int room = std::max(1, max_tokens);
  const KvType kv_type = parts.kv_type;
  THIMBLE_ASSIGN_OR_RETURN(bench->prompt_state_, DecoderState::Create(parts.config, room, kv_type));
  THIMBLE_ASSIGN_OR_RETURN(bench->decode_state_, DecoderState::Create(parts.config, room, kv_type));
  return bench;
}

Result<MachineLimits> Bench::MeasureMachine(double seconds) const {
  THIMBLE_ASSIGN_OR_RETURN(const auto lease, Lease::Take(engine_parts(), nullptr));
  LimitOptions options;
  options.seconds = seconds;
  options.goes_on = goes_on_;
  return MeasureLimits(lease->ops(), options);
}

Status Bench::Read(int num_tokens, DecoderState* state, bool wants_logits) const {
  const EngineParts& parts = *engine_parts();
  THIMBLE_ASSIGN_OR_RETURN(const auto lease, Lease::Take(engine_parts(), nullptr));
  const Decoder decoder(&parts.config, &parts.weights);
  const int first = state->length();
  std::vector<std::int32_t> ids;
  std::vector<Position> positions;
  for (int read = 0; read < num_tokens;) {
    if (goes_on_ && !goes_on_()) return Cancelled();
    const int count = std::min(parts.most_rows, num_tokens - read);
    ids.clear();
    positions.clear();
    for (int i = 0; i < count; ++i) {
      const std::int32_t position = first + read + i;
      const auto vocab = static_cast<std::uint64_t>(parts.config.vocab);
      ids.push_back(static_cast<std::int32_t>(RandomBits(kSeed, static_cast<std::uint64_t>(position)) % vocab));
      positions.push_back({position, position, position});
    }
    Batch batch;
    batch.tokens = ids;
    batch.positions = positions;
    batch.logits = wants_logits && read + count == num_tokens ? LogitRows::kLast : LogitRows::kNone;
    THIMBLE_RETURN_IF_ERROR(decoder.Forward(batch, state, lease->scratch(), lease->ops()));
    state->CommitAll();
    read += count;
  }
  return Done{};
}

Result<double> Bench::ReadPrompt(int num_tokens) {
  prompt_state_->Clear();
  const double begin = MonotonicSeconds();
  THIMBLE_RETURN_IF_ERROR(Read(num_tokens, &*prompt_state_, true));
  return MonotonicSeconds() - begin;
}

Status Bench::Fill(int depth) {
  depth_ = 0;
  decode_state_->Clear();
  THIMBLE_RETURN_IF_ERROR(Read(depth, &*decode_state_, false));
  THIMBLE_ASSIGN_OR_RETURN(filled_, decode_state_->Save());
  depth_ = depth;
  return Done{};
}

Result<double> Bench::Decode(int num_tokens) {
  if (depth_ > 0) {
    decode_state_->Restore(filled_);
  } else {
    decode_state_->Clear();
  }
  const double begin = MonotonicSeconds();
  for (int i = 0; i < num_tokens; ++i) THIMBLE_RETURN_IF_ERROR(Read(1, &*decode_state_, true));
  return MonotonicSeconds() - begin;
}

Result<double> Bench::EncodePicture(const Patches& patches) const {
  const EngineParts& parts = *engine_parts();
  if (!parts.config.vision.has_value()) return Error{Code::kUnsupported, "[vision] " + parts.prompts.why_blind};
  THIMBLE_ASSIGN_OR_RETURN(const auto lease, Lease::Take(engine_parts(), nullptr));
  // Read before it is measured.
  THIMBLE_ASSIGN_OR_RETURN(const auto tower, parts.tower->Get(parts.pool.get(), goes_on_));
  VisionOptions options;
  if (goes_on_) options.progress = [this](double) { return goes_on_(); };
  const double begin = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(const VisionRows rows,
                           EncodePatches(*parts.config.vision, *tower, patches, lease->ops(), options));
  (void)rows;
  return MonotonicSeconds() - begin;
}

Workload Bench::PromptWork(int num_tokens) const {
  const EngineParts& parts = *engine_parts();
  Workload work;
  for (int first = 0; first < num_tokens; first += Decoder::kMaxRows) {
    const int rows = std::min(Decoder::kMaxRows, num_tokens - first);
    work += PassWorkload(parts.config, parts.weights, parts.kv_type, first, rows, first + rows == num_tokens ? 1 : 0);
  }
  return work;
}

Workload Bench::DecodeWork(int num_tokens) const {
  const EngineParts& parts = *engine_parts();
  Workload work;
  for (int i = 0; i < num_tokens; ++i) {
    work += PassWorkload(parts.config, parts.weights, parts.kv_type, depth_ + i, 1, 1);
  }
  return work;
}

Workload Bench::PictureWork(const Patches& patches) const {
  const EngineParts& parts = *engine_parts();
  if (!parts.config.vision.has_value()) return {};
  const auto lease = Lease::Take(engine_parts(), nullptr);
  if (!lease.ok()) return {};
  const auto tower = parts.tower->Get(parts.pool.get());
  if (!tower.ok()) return {};
  return PictureWorkload(*parts.config.vision, *tower.value(), patches.grid_t, patches.grid_h, patches.grid_w);
}

Result<Patches> MakeBenchPicture(const Engine& engine, int width, int height) {
  if (!engine.config().vision.has_value()) return Error{Code::kUnsupported, "[vision] " + engine.why_blind()};
  Image image;
  image.width = width;
  image.height = height;
  image.rgb.resize(static_cast<std::size_t>(width) * static_cast<std::size_t>(height) * 3);
  for (std::size_t i = 0; i < image.rgb.size(); ++i) {
    const std::size_t x = i / 3 % static_cast<std::size_t>(width);
    const std::size_t y = i / 3 / static_cast<std::size_t>(width);
    image.rgb[i] = static_cast<std::uint8_t>((x * (i % 3 + 1) + y * (3 - i % 3)) / 4 + RandomBits(kSeed, i) % 32);
  }
  return PatchifyImage(image, engine.config().vision->patches, engine.pixel_limits());
}

}  // namespace thimble
