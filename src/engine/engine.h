// SPDX-License-Identifier: Apache-2.0
// Engine: a model opened and ready: immutable after Open, shared by its sessions.
#pragma once

#include "base/result.h"
#include "engine/model_files.h"
#include "engine/prompt_counts.h"
#include "files/model_file.h"
#include "model/config.h"
#include "model/decoder.h"
#include "model/load.h"
#include "model/vision.h"
#include "ops/ops.h"
#include "text/chat_template.h"
#include "text/tokenizer.h"

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace thimble {

class Session;
struct EngineParts;
struct GenerateRequest;
struct PromptParts;

// The text half of a model: enough to tokenise and to render conversations (engine/text_model.h).
struct TextModel {
  Tokenizer tokenizer;
  TemplateChoice chat_template;
  std::vector<std::string> warnings;
};

struct EngineOptions {
  int threads = 0;  // 0: DefaultThreads (sys/topology.h); measure/thread_timing.h measures what is best
  // Processors that its threads run on, who computes with it among them (ThreadPool::Place); empty: where the system
  // puts them.
  std::vector<int> processors = {};
  int context = 0;  // tokens a session may hold; 0: the model's own maximum, at most 8192
  Precision precision = Precision::kFast;
  KvType kv = KvType::kF16;                 // how keys and values are kept; kExact keeps them as kF32 always
  std::string isa;                          // forces a kernel table (THIMBLE_ISA); empty: the best one
  std::optional<PixelLimits> pixel_limits;  // overrides the file's and the released ones
  // Area that a video's frame may have at most; besides, the file's (or the released) limits hold for the whole video.
  std::optional<std::int64_t> max_frame_pixels;
  // Memory for beginnings of prompts that sessions share: at most so many bytes, and at most a quarter of what is free
  // after loading. 0: they share none.
  std::uint64_t beginnings_bytes = std::uint64_t{2} << 30;
  std::size_t album_bytes = std::size_t{256} << 20;  // memory for what the tower made of pictures, likewise shared
  // Rows of a prompt that are read in one pass at most: a multiple of 64 up to Decoder::kMaxRows. Fewer take less
  // memory for activations, and somewhat more time.
  int most_rows = Decoder::kMaxRows;
  bool check_memory = true;  // refuse before loading, and new sessions, when they cannot fit
  // Bytes that this process can still take, where the caller knows better than the system does; 0: unknown.
  std::function<std::uint64_t()> free_memory;
  PackCacheOptions pack_cache;  // off unless asked for
  // Share of loading done, 0 to 1; returning false cancels. May be empty.
  std::function<bool(double share)> progress;
};

class Engine : public std::enable_shared_from_this<Engine> {
 public:
  // Errors: what files, config and weights report; kExhausted when memory will not do ("needs 6.1 GiB, 3.2 GiB free",
  // with a smaller file or context as advice). A vision file that does not fit is an error; one that nobody asked for
  // is left out where memory is short. kCorrupt where a file has changed since it was opened.
  static Result<std::shared_ptr<const Engine>> Open(const ModelFiles& files, const EngineOptions& options);
  ~Engine();

  [[nodiscard]] const ModelConfig& config() const;
  [[nodiscard]] const Weights& weights() const;
  [[nodiscard]] const Tokenizer& tokenizer() const;
  [[nodiscard]] const TemplateChoice& chat_template() const;
  [[nodiscard]] const ModelFile& text_file() const;
  [[nodiscard]] const ModelFile* vision_file() const;  // an mmproj of its own, or nullptr
  [[nodiscard]] const VisionChoice& vision_choice() const;
  [[nodiscard]] std::span<const std::string> warnings() const;
  [[nodiscard]] std::span<const std::string> notes() const;  // what was done that people may want to know
  [[nodiscard]] bool can_see() const;                        // has a vision tower
  [[nodiscard]] std::string why_blind() const;               // one sentence for people when it has none
  // The same as an error: kUnsupported, or kExhausted where memory had no room for the tower.
  [[nodiscard]] Error BlindError() const;
  // Whether a picture of this size (after resizing) can be encoded with the memory that is free: kExhausted if not.
  [[nodiscard]] Status CheckPicture(ImageSize size) const;
  [[nodiscard]] int context() const;
  [[nodiscard]] int num_threads() const;
  // Computes with at most so many of its threads from the next step on. Any thread may call.
  void LimitThreads(int num_threads) const;
  // As ThreadPool::Place. Any thread may call.
  bool PlaceThreads(std::span<const int> processors) const;
  [[nodiscard]] const char* isa() const;
  [[nodiscard]] double load_seconds() const;
  [[nodiscard]] const MemoryNeeds& memory_needs() const;
  [[nodiscard]] const PixelLimits& pixel_limits() const;
  [[nodiscard]] const VideoLimits& video_limits() const;

  // The vision tower's weights are read when the first picture comes. This gives their memory back, as soon as no
  // picture is being read; the next picture reads them again. Any thread may call.
  void GiveBackTower() const;

  // A conversation of its own, with room for context() tokens: kExhausted, with what would fit, where that much is not
  // free beside what other sessions have yet to take. Beginnings and rows of pictures go first.
  Result<std::unique_ptr<Session>> NewSession() const;

  // What its sessions' prompts are built from: BuildPrompt (engine/prompt.h) tells how the model reads a request.
  [[nodiscard]] const PromptParts& prompts() const;

  // What a request would take of the context, nothing being read; it may be more than there is. Errors as Generate's
  // for what is wrong with a request.
  Result<PromptCounts> Measure(const GenerateRequest& request) const;

  // Vision tower output of one picture, for `embed-image`.
  Result<VisionRows> EmbedPatches(const Patches& patches) const;

  // What Open would find, without loading weights: for `info`.
  struct Description {
    ModelConfig config;
    TemplateChoice chat_template;
    MemoryNeeds memory;
    int context = 0;
    std::vector<std::string> warnings;
    std::optional<std::string> mmproj_path;
    VisionChoice vision_choice;
    std::vector<UnusedTensor> unused_tensors;  // that loading does not look at, harmless or not
    std::shared_ptr<const ModelFile> text_file;
    std::shared_ptr<const ModelFile> vision_file;  // nullptr when none
  };
  static Result<Description> Describe(const ModelFiles& files, const EngineOptions& options);

 private:
  friend class Session;
  friend class Bench;
  friend class Lease;
  Engine();
  static Result<std::shared_ptr<const Engine>> Load(const ModelFiles& files, const EngineOptions& options);
  std::unique_ptr<EngineParts> parts_;
};

}  // namespace thimble
