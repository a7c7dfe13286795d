// SPDX-License-Identifier: Apache-2.0
// What an Engine is made of, for the engine's own files.
#pragma once

#include "engine/engine.h"
#include "model/decoder.h"
#include "model/scratch.h"
#include "sampling/sampler.h"
#include "sys/mutex.h"
#include "sys/thread_pool.h"

#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace thimble {

// Tokens that prompts are built from, found by their text; unset where the vocabulary lacks one.
struct SpecialIds {
  std::optional<std::int32_t> image_pad, video_pad, think_open, think_close;
};

struct EngineParts {
  // Constant after Open.
  std::shared_ptr<const ModelFile> text_file;
  std::shared_ptr<const ModelFile> vision_file;
  ModelConfig config;
  std::unique_ptr<TextModel> text_model;
  SpecialIds special;
  SamplerHints file_hints;
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
  std::string why_blind;
  VisionChoice vision_choice;
  PixelLimits pixel_limits;
  VideoLimits video_limits;
  MemoryNeeds needs;
  Precision precision = Precision::kFast;
  KvType kv_type = KvType::kF16;
  int context = 0;
  double load_seconds = 0;
  const kernels::KernelTable* table = nullptr;
  Weights weights;

  // Lent to one generation at a time, under the mutex.
  Mutex mutex;
  std::unique_ptr<ThreadPool> pool;
  Scratch scratch;
};

// What one running generation needs; whoever holds it may use pool and scratch. Waiting for it is the only queue.
class Lease {
 public:
  explicit Lease(EngineParts* parts) : lock_(&parts->mutex), parts_(parts) {}
  [[nodiscard]] Ops ops() const { return Ops{*parts_->table, *parts_->pool, parts_->precision}; }
  [[nodiscard]] Scratch* scratch() const { return &parts_->scratch; }

 private:
  MutexLock lock_;
  EngineParts* parts_;
};

}  // namespace thimble
