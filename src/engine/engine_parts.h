// SPDX-License-Identifier: Apache-2.0
// What an Engine is made of, for the engine's own files.
#pragma once

#include "base/token_mask.h"
#include "engine/album.h"
#include "engine/engine.h"
#include "engine/memory_budget.h"
#include "engine/prefix_store.h"
#include "engine/prompt.h"
#include "engine/workshop.h"
#include "model/decoder.h"
#include "model/scratch.h"
#include "model/vision_tower.h"
#include "sampling/sampler.h"
#include "sys/thread_pool.h"

#include <atomic>
#include <memory>
#include <string>
#include <vector>

namespace thimble {

struct EngineParts {
  // Constant after Open.
  std::shared_ptr<const ModelFile> text_file;
  std::shared_ptr<const ModelFile> vision_file;
  ModelConfig config;
  std::unique_ptr<TextModel> text_model;
  PromptParts prompts;
  SamplerHints file_hints;
  std::vector<std::string> warnings;
  std::vector<std::string> notes;
  VisionChoice vision_choice;
  MemoryNeeds needs;
  Precision precision = Precision::kFast;
  bool checks_memory = true;
  KvType kv_type = KvType::kF16;
  int most_rows = Decoder::kMaxRows;  // that scratch has room for
  double load_seconds = 0;
  const kernels::KernelTable* table = nullptr;
  Weights weights;
  std::unique_ptr<VisionTower> tower;  // nullptr: the model cannot see
  TokenMask exists{0};                 // tokens that may be written: those that have a text

  // What its sessions share. Each may be used from any thread.
  std::unique_ptr<MemoryBudget> memory;
  Album album{0};
  PrefixStore beginnings{0};
  std::atomic<std::uint64_t> num_steps{0};  // of all generations

  // Who has a turn in the workshop may use these.
  Workshop workshop;
  std::unique_ptr<ThreadPool> pool;
  Scratch scratch;
};

// A turn alone: whoever holds this may use pool and scratch. It is given back while listeners are called, so that they
// may use the engine themselves, and so that others get their turn.
class Lease {
 public:
  // Waits until nobody has it. `stop` (may be nullptr) stops the pool for as long as this lives, and the waiting:
  // kCancelled. kInvalid where this thread holds it already and would wait for itself.
  static Result<std::unique_ptr<Lease>> Take(EngineParts* parts, const std::atomic<bool>* stop);
  ~Lease();
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  [[nodiscard]] Ops ops() const { return Ops{*parts_->table, *parts_->pool, parts_->precision}; }
  [[nodiscard]] Scratch* scratch() const { return &parts_->scratch; }

  void GiveBack();
  // Waits again. kCancelled as above: the lease is then not held, and only to be destroyed.
  Status TakeAgain();

 private:
  Lease(EngineParts* parts, const std::atomic<bool>* stop) : parts_(parts), stop_(stop) {}

  EngineParts* parts_;
  const std::atomic<bool>* stop_;
  bool is_held_ = false;
};

}  // namespace thimble
