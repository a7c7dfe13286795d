// SPDX-License-Identifier: Apache-2.0
// Bench: the forward pass timed without a conversation around it, and what it is held against.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "image/preprocess.h"
#include "measure/machine_limits.h"
#include "model/state.h"
#include "model/workload.h"

#include <functional>
#include <memory>
#include <optional>

namespace thimble {

// Tokens are random but always the same: what they are does not matter to the speed. One thread uses it at a time.
class Bench {
 public:
  // Room for contexts of `max_tokens` tokens. `goes_on` is asked between passes, tokens and blocks of the tower; when
  // it returns false, what runs ends with kCancelled. May be empty.
  static Result<std::unique_ptr<Bench>> Create(std::shared_ptr<const Engine> engine, int max_tokens,
                                               std::function<bool()> goes_on);

  // What kernels and threads of this engine can do at most, measured for about `seconds`.
  Result<MachineLimits> MeasureMachine(double seconds) const;

  // Seconds to read `num_tokens` tokens into an empty context, with the logits of the last one.
  Result<double> ReadPrompt(int num_tokens);
  // Reads `depth` tokens, which every later Decode begins after.
  Status Fill(int depth);
  // Seconds for `num_tokens` passes of one token each, with its logits. Nothing is sampled.
  Result<double> Decode(int num_tokens);
  // Seconds from patches to embeddings. kUnsupported when the model has no tower.
  Result<double> EncodePicture(const Patches& patches) const;

  // What the calls above have to read and to multiply at least.
  [[nodiscard]] Workload PromptWork(int num_tokens) const;
  [[nodiscard]] Workload DecodeWork(int num_tokens) const;
  [[nodiscard]] Workload PictureWork(const Patches& patches) const;

 private:
  Bench(std::shared_ptr<const Engine> engine, std::function<bool()> goes_on)
      : engine_(std::move(engine)), goes_on_(std::move(goes_on)) {}
  // What sessions are made of too: the only place outside of the engine that reaches into it.
  [[nodiscard]] EngineParts* engine_parts() const { return engine_->parts_.get(); }
  // Reads `num_tokens` tokens after what `state` holds, in passes as a session does.
  Status Read(int num_tokens, DecoderState* state, bool wants_logits) const;

  std::shared_ptr<const Engine> engine_;
  std::function<bool()> goes_on_;
  // Two conversations, so that reading prompts does not empty the context that decoding begins with.
  std::optional<DecoderState> prompt_state_;
  std::optional<DecoderState> decode_state_;
  Checkpoint filled_;
  int depth_ = 0;
};

// A picture of this size to encode: soft shapes and noise, patched as the engine patches pictures.
Result<Patches> MakeBenchPicture(const Engine& engine, int width, int height);

}  // namespace thimble
