// SPDX-License-Identifier: Apache-2.0
// Settling: what came of a model becomes one: looked at by the loader, packed, the pack checked, and only then the
// files that it was made from go. In steps, since who does it has one thread for everything.
#pragma once

#include "base/result.h"
#include "common/gather_files.h"
#include "common/storage.h"
#include "model/write_pack.h"
#include "sys/thread_pool.h"

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace thimble::common {

class Settling {
 public:
  // `free_memory`: bytes that can still be taken; 0: unknown. All must outlive it.
  Settling(Storage* storage, std::string model, int threads, std::function<std::uint64_t()> free_memory);
  ~Settling();

  // Takes one step, of as long as one matrix takes. nullopt: there is more. An empty text: it is a model now; else why
  // it is none yet ("part 2 of 3 is missing"). Errors: the files are none that a model is made of (kCorrupt, kInvalid,
  // kUnsupported), kExhausted, kSystem: they stay as they are, and half a pack goes.
  Result<std::optional<std::string>> Step();

 private:
  enum class State { kBegin, kPack, kCheck, kName, kClean };

  Result<std::optional<std::string>> TakeStep();
  Result<std::optional<std::string>> Begin();
  [[nodiscard]] Status CheckRoom() const;
  Status Pack();
  Status Check();
  Status Name();
  Status Clean();
  void Drop();

  Storage* storage_;
  const std::string model_;
  ThreadPool pool_;
  std::function<std::uint64_t()> free_memory_;
  State state_ = State::kBegin;
  std::optional<GatheredModel> gathered_;
  ModelConfig config_;
  std::unique_ptr<OpenFile> pack_;
  std::uint64_t written_ = 0;
  std::unique_ptr<PackMaker> maker_;
  std::shared_ptr<const ByteSource> made_;
  PackTable table_;
  std::size_t next_entry_ = 0;
  bool drops_vision_ = false;  // what is there does not fit
};

}  // namespace thimble::common
