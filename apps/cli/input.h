// SPDX-License-Identifier: Apache-2.0
// From what the command line says to a request: opening the engine, reading prompts, conversations and pictures.
#pragma once

#include "base/result.h"
#include "cli/options.h"
#include "engine/engine.h"
#include "engine/session.h"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace thimble::cli {

// Opens the model with a progress bar; prints warnings.
Result<std::shared_ptr<const Engine>> OpenEngine(const CommonOptions& options, int default_context = 0);

// All of standard input, at most 256 MiB.
Result<std::string> ReadStandardInput();
// A text file, or standard input for "-".
Result<std::string> ReadTextFile(const std::string& path);
// A picture from a path, "-" (standard input) or a data URL.
Result<Picture> LoadPicture(const std::string& source, const CommonOptions& options);
// A video from a folder of pictures in name order.
Result<Picture> LoadFrames(const InputOptions& input, const CommonOptions& options);

Result<std::vector<std::int32_t>> ParseIds(const std::string& text);

// The part of a request that says what to read: ids, conversation or prompt, with pictures.
Result<GenerateRequest> BuildRequest(const InputOptions& input, const CommonOptions& common);
// The part that says how to write.
Status ApplyGenerate(const GenerateOptions& options, GenerateRequest* request);

// Calls `cancel` on Ctrl-C as long as this object lives. One at a time.
class InterruptGuard {
 public:
  explicit InterruptGuard(Session* session);
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
  [[nodiscard]] static bool was_interrupted();
};

}  // namespace thimble::cli
