// SPDX-License-Identifier: Apache-2.0
#include "engine/engine.h"

#include "base/no_memory.h"
#include "base/text.h"
#include "engine/engine_parts.h"
#include "engine/picture_rows.h"
#include "engine/prompt.h"
#include "engine/session.h"
#include "engine/text_model.h"
#include "engine/weights_check.h"
#include "kernels/kernels.h"
#include "sys/background.h"
#include "sys/machine.h"
#include "sys/topology.h"

#include <algorithm>

namespace thimble {

namespace {

KvType KvTypeOf(const EngineOptions& options) {
  return options.precision == Precision::kExact ? KvType::kF32 : options.kv;
}

constexpr int kDefaultContext = 8192;
// Pictures the memory gate allows for: about a megapixel. Larger ones are checked when they come.
constexpr std::int64_t kGatePatches = 4096;
// As it comes from a camera, before it is made smaller.
constexpr std::uint64_t kGatePixelBytes = std::uint64_t{12} * 1000 * 1000 * 3;
// Of a token with its merges, measured: 45 MB for the real vocabulary of 248,077.
constexpr std::uint64_t kBytesOfToken = 184;

Result<SamplerHints> ReadFileHints(const ModelFile& file) {
  SamplerHints hints;
  if (file.format() == ModelFile::Format::kGguf) {
    const Metadata& meta = file.metadata();
    hints.temperature = meta.Float("general.sampling.temp");
    hints.top_p = meta.Float("general.sampling.top_p");
    hints.min_p = meta.Float("general.sampling.min_p");
    hints.repetition_penalty = meta.Float("general.sampling.penalty_repeat");
    if (const auto top_k = meta.Int("general.sampling.top_k"); top_k.has_value())
      hints.top_k = static_cast<int>(std::clamp<std::int64_t>(*top_k, 0, 1 << 20));
    return hints;
  }
  const auto source = file.SideFile("generation_config.json");
  if (!source.ok() && source.error().code == Code::kSystem) return source.error();
  if (!source.ok()) return hints;
  const auto json = Json::Parse(source.value(), "generation_config.json");
  if (!json.ok()) return hints;
  const auto number = [&](const char* key) {
    const Json* value = json.value().Find(key);
    return value == nullptr ? std::nullopt : value->AsDouble();
  };
  hints.temperature = number("temperature");
  hints.top_p = number("top_p");
  hints.min_p = number("min_p");
  hints.repetition_penalty = number("repetition_penalty");
  if (const auto top_k = number("top_k"); top_k.has_value())
    hints.top_k = static_cast<int>(std::clamp(*top_k, 0.0, 1e6));
  return hints;
}

// Everything that Open and Describe find before weights are read.
struct Prepared {
  std::shared_ptr<const ModelFile> text;
  std::shared_ptr<const ModelFile> vision;
  ModelConfig config;
  std::vector<UnusedTensor> unused;  // tensors of both files that loading does not look at
  std::vector<std::string> warnings;
  bool is_paired = false;           // the vision file was not asked for but found beside the model
  std::string why_unpaired;         // what became of those that were found; empty when there were none
  bool is_short_of_memory = false;  // the vision file was left out for that
  VisionChoice vision_choice;
  int context = 0;
  int threads = 1;
  double slowest_share = 1.0;
  const kernels::KernelTable* table = nullptr;
  MemoryNeeds needs;
};

void Estimate(const EngineOptions& options, Prepared* p) {
  p->needs = EstimateMemory(*p->text, p->vision.get(), p->config, options.precision, KvTypeOf(options),
                            p->table->packed->rounded_floats, p->context, kGatePatches, p->threads);
  p->needs.activation_bytes = Scratch::BytesNeeded(p->config, options.most_rows, p->threads);
  // A checkpoint is one of the state's two halves, and the page that it shares until the session writes on.
  p->needs.state_bytes += DecoderState::RecurrentBytes(p->config) / 2 * (Session::kMaxCheckpoints - 1);
  p->needs.state_bytes += DecoderState::KvBytes(p->config, 1, KvTypeOf(options)) * Session::kMaxCheckpoints;
  p->needs.vocabulary_bytes = kBytesOfToken * static_cast<std::uint64_t>(p->config.vocab);
  if (p->config.vision.has_value()) {
    const auto merge = static_cast<std::uint64_t>(p->config.vision->patches.merge);
    const auto width = static_cast<std::uint64_t>(p->config.width);
    p->needs.picture_bytes = kGatePixelBytes + kGatePatches / (merge * merge) * width * sizeof(float);
  }
}

// What is wrong with a folder before its sizes are read.
Status CheckFolder(const ModelFile& text, const std::string& why_no_weights) {
  if (text.format() != ModelFile::Format::kSafetensors) return Done{};
  const auto is_missing = [&](const char* name) {
    const auto file = text.SideFile(name);
    return !file.ok() && file.error().code == Code::kNotFound;
  };
  if (!is_missing("config.json")) return Done{};
  THIMBLE_RETURN_IF_ERROR(CheckHasWeights(text, why_no_weights));
  // An adapter's weights are named for what they are where the configuration is read.
  if (!is_missing("adapter_config.json")) return Done{};
  return Error{Code::kNotFound, Cat(EscapeControls(text.path()), ": [folder] there is no config.json, and ",
                                    "safetensors alone are no model: fetch the whole folder")};
}

// Sizes of both halves.
Status ReadConfig(const ModelFiles& files, Prepared* p) {
  auto alone = ReadModelConfig(*files.text, nullptr, &p->warnings);
  if (!alone.ok()) return WithPlace(alone.error(), files.text->path());
  p->config = std::move(alone).value();
  p->vision_choice = files.vision_choice;
  if (files.vision != nullptr) {
    // What is odd about a file that nobody asked for is not worth a word.
    auto* warnings = files.vision_choice.is_found ? nullptr : &p->warnings;
    THIMBLE_ASSIGN_OR_RETURN(p->config, ReadModelConfig(*files.text, files.vision.get(), warnings));
    p->is_paired = files.vision_choice.is_found;
  } else if (p->config.vision.has_value()) {
    p->vision_choice.why =
        Cat("the tower is in the model's own file", files.text->shard_paths().size() == 1 ? "" : "s");
  } else if (p->vision_choice.is_refusal) {
    p->why_unpaired = p->vision_choice.why;
    p->warnings.push_back(p->why_unpaired);
  }
  return Done{};
}

// What was read while a model was opened is of use only where every read succeeded, of files that nobody changed.
Status CheckReads(const ModelFiles& files) {
  for (const ModelFile* file : {files.text.get(), files.vision.get()}) {
    if (file == nullptr) continue;
    THIMBLE_RETURN_IF_ERROR(file->TakeReadFailure());
    THIMBLE_RETURN_IF_ERROR(file->CheckUnchanged());
  }
  return Done{};
}

// Forgets what failed before, while the files were looked for or opened: it is read again.
Status BeginReads(const ModelFiles& files) {
  for (const ModelFile* file : {files.text.get(), files.vision.get()}) {
    if (file != nullptr) (void)file->TakeReadFailure();
  }
  return CheckReads(files);
}

Result<Prepared> Prepare(const ModelFiles& files, const EngineOptions& options) {
  Prepared p;
  if (files.text == nullptr) return Error{Code::kInvalid, "[engine] there is no model to open: give its files"};
  p.text = files.text;
  p.vision = files.vision;
  THIMBLE_RETURN_IF_ERROR(BeginReads(files));
  THIMBLE_RETURN_IF_ERROR(CheckFolder(*p.text, files.why_no_weights));
  THIMBLE_RETURN_IF_ERROR(ReadConfig(files, &p));
  WarnOfMissingTower(*p.text, p.config, &p.warnings);
  p.unused = FindUnusedTensors(*p.text, p.vision.get(), p.config);
  WarnOfUnused(p.unused, &p.warnings);
  if (options.context < 0)
    return Error{Code::kInvalid, Cat("[engine] a context of ", options.context, " tokens; at least 1 is needed")};
  p.context = options.context > 0 ? std::min(options.context, p.config.context_length)
                                  : std::min(p.config.context_length, kDefaultContext);
  if (options.context > p.config.context_length) {
    p.warnings.push_back(
        Cat("the model was made for at most ", p.config.context_length, " tokens; the context is ", p.context));
  }
  if (options.most_rows < 64 || options.most_rows > Decoder::kMaxRows || options.most_rows % 64 != 0) {
    return Error{Code::kInvalid, Cat("[engine] ", options.most_rows, " rows a pass; multiples of 64 up to ",
                                     Decoder::kMaxRows, " are possible")};
  }
  if (options.threads < 0 || options.threads > 1024)
    return Error{Code::kInvalid, Cat("[engine] ", options.threads, " threads; 1 to 1024 are possible")};
  const CpuTopology topology = DetectCpuTopology();
  p.threads = options.threads > 0 ? options.threads : DefaultThreads(topology);
  p.slowest_share = SlowestShare(topology, p.threads);
  THIMBLE_ASSIGN_OR_RETURN(p.table, kernels::ChooseTested(DetectCpuFeatures(), options.isa, &p.warnings));
  Estimate(options, &p);
  return p;
}

// Refuses before loading what cannot fit, with a way out where there is one. A vision file that nobody asked for is
// left out first.
Status CheckMemory(const EngineOptions& options, MemoryBudget* budget, Prepared* prepared) {
  Prepared& p = *prepared;
  if (!options.check_memory) return Done{};
  const auto shortage = budget->Lacks(p.needs.total());
  if (!shortage.has_value()) return Done{};
  if (p.is_paired) {
    p.is_short_of_memory = true;
    p.why_unpaired = Cat("no pictures, with ", p.vision->path(), " the model needs ", FormatBytes(shortage->needed),
                         ", ", FormatBytes(shortage->free), " free");
    p.is_paired = false;
    p.vision_choice = {"", p.why_unpaired, {p.vision->path()}, false};
    p.vision = nullptr;
    p.config.vision.reset();
    Estimate(options, &p);
    p.warnings.push_back(p.why_unpaired);
    return CheckMemory(options, budget, prepared);
  }
  std::vector<Advice> advice = {{Advice::kSmallerFile}};
  if (const auto context = ContextThatFits(*shortage, p.needs.kv_bytes, p.context); context.has_value())
    advice.push_back(*context);
  return shortage->Say("memory", p.text->path(), std::move(advice));
}

// A vocabulary that names tokens the embedding has no row for belongs to another model.
Status CheckVocabulary(const ModelFile& file, const Tokenizer& tokenizer, const ModelConfig& config) {
  if (tokenizer.num_ids() <= config.vocab) return Done{};
  return Error{Code::kCorrupt,
               Cat("[engine] ", file.path(), ": the tokenizer has ", tokenizer.num_ids(), " ids, the embedding ",
                   config.vocab, " rows: tokenizer and weights are of different models")};
}

}  // namespace

Engine::Engine() : parts_(std::make_unique<EngineParts>()) {}
Engine::~Engine() = default;

Result<Engine::Description> Engine::Describe(const ModelFiles& files, const EngineOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(Prepared p, Prepare(files, options));
  if (const Status status = CheckHasWeights(*p.text, files.why_no_weights); !status.ok())
    p.warnings.push_back(status.error().message);
  Description description;
  if (auto vocabulary = ReadTextModel(*p.text); vocabulary.ok()) {
    description.chat_template = vocabulary.value().chat_template;
    for (const std::string& warning : vocabulary.value().warnings) p.warnings.push_back(warning);
    if (const Status fits = CheckVocabulary(*p.text, vocabulary.value().tokenizer, p.config); !fits.ok())
      p.warnings.push_back(Cat("this model is refused: ", fits.error().message));
  } else {
    p.warnings.push_back(vocabulary.error().message);
  }
  Status status = CheckUnused(p.unused);
  if (status.ok()) status = CheckTensors(*p.text, p.vision.get(), p.config);
  if (!status.ok()) p.warnings.push_back(Cat("this model is refused: ", status.error().message));
  description.unused_tensors = std::move(p.unused);
  description.config = std::move(p.config);
  description.memory = p.needs;
  description.context = p.context;
  description.warnings = std::move(p.warnings);
  if (p.vision != nullptr) description.mmproj_path = p.vision->path();
  description.vision_choice = std::move(p.vision_choice);
  THIMBLE_RETURN_IF_ERROR(CheckReads(files));
  description.text_file = p.text;
  description.vision_file = p.vision;
  return description;
}

namespace {

// Where nobody knows how much memory is free (browsers), as much as a few beginnings of a small model take.
std::uint64_t BeginningsBytes(std::uint64_t most, std::uint64_t available) {
  return std::min(most, available == 0 ? std::uint64_t{64} << 20 : available / 4);
}

// What was found before weights are read becomes the engine's.
Status TakePrepared(const EngineOptions& options, Prepared* p, EngineParts* parts) {
  parts->text_file = p->text;
  parts->vision_file = p->vision;
  parts->vision_choice = std::move(p->vision_choice);
  parts->config = std::move(p->config);
  parts->warnings = std::move(p->warnings);
  THIMBLE_ASSIGN_OR_RETURN(const PixelLimits file_limits, ReadPixelLimits(*parts->text_file));
  parts->prompts.pixel_limits = options.pixel_limits.value_or(file_limits);
  THIMBLE_ASSIGN_OR_RETURN(parts->prompts.video_limits, ReadVideoLimits(*parts->text_file));
  parts->prompts.video_limits.max_frame_pixels = options.max_frame_pixels;
  parts->needs = p->needs;
  parts->precision = options.precision;
  parts->kv_type = KvTypeOf(options);
  parts->prompts.context = p->context;
  parts->prompts.most_context = parts->config.context_length;
  parts->prompts.vocab = parts->config.vocab;
  if (parts->config.vision.has_value()) parts->prompts.patches = parts->config.vision->patches;
  parts->table = p->table;
  parts->most_rows = options.most_rows;
  return Done{};
}

// What only the vocabulary and the files' hints tell.
Status TakeTextModel(TextModel vocabulary, const std::string& why_unpaired, EngineParts* parts) {
  for (const std::string& warning : vocabulary.warnings) parts->warnings.push_back(warning);
  parts->text_model = std::make_unique<TextModel>(std::move(vocabulary));
  const Tokenizer& tokenizer = parts->text_model->tokenizer;
  parts->prompts.tokenizer = &tokenizer;
  parts->prompts.chat_template = parts->text_model->chat_template.variant;
  parts->prompts.special = FindSpecialIds(tokenizer);
  // Padding rows and holes of the vocabulary are never written.
  parts->exists = TokenMask(static_cast<std::size_t>(parts->config.vocab));
  for (std::int32_t id = 0; id < tokenizer.num_ids(); ++id) {
    if (tokenizer.Exists(id)) parts->exists.Allow(id);
  }
  THIMBLE_ASSIGN_OR_RETURN(parts->file_hints, ReadFileHints(*parts->text_file));
  if (!parts->config.vision.has_value()) {
    parts->prompts.why_blind =
        Cat("this model cannot see: ", why_unpaired.empty()
                                           ? "it has no vision tower, and no vision file (mmproj) was found beside it"
                                           : why_unpaired);
  } else if (!parts->prompts.special.image_pad.has_value()) {
    parts->prompts.why_blind = "this model cannot see: its vocabulary has no <|image_pad|> token";
  }
  return Done{};
}

std::unique_ptr<ThreadPool> MakePool(const Prepared& p, std::span<const int> processors) {
  auto pool = std::make_unique<ThreadPool>(p.threads, p.slowest_share);
  (void)pool->Place(processors);  // it also works where it is
  return pool;
}

}  // namespace

Result<std::shared_ptr<const Engine>> Engine::Open(const ModelFiles& files, const EngineOptions& options) {
  return ExhaustedIfNoMemory([&] { return Load(files, options); });
}

Result<std::shared_ptr<const Engine>> Engine::Load(const ModelFiles& files, const EngineOptions& options) {
  const double begin = MonotonicSeconds();
  THIMBLE_ASSIGN_OR_RETURN(Prepared p, Prepare(files, options));
  THIMBLE_RETURN_IF_ERROR(CheckHasWeights(*p.text, files.why_no_weights));
  THIMBLE_RETURN_IF_ERROR(CheckUnused(p.unused));
  auto memory = std::make_unique<MemoryBudget>(options.free_memory);
  THIMBLE_RETURN_IF_ERROR(CheckMemory(options, memory.get(), &p));
  THIMBLE_RETURN_IF_ERROR(CheckHasNoHoles(*p.text));
  if (p.vision != nullptr) THIMBLE_RETURN_IF_ERROR(CheckHasNoHoles(*p.vision));

  std::shared_ptr<Engine> engine(new Engine());
  EngineParts& parts = *engine->parts_;
  parts.memory = std::move(memory);
  parts.checks_memory = options.check_memory;
  THIMBLE_RETURN_IF_ERROR(TakePrepared(options, &p, &parts));

  // The vocabulary takes one thread about as long as a cached load takes all of them; neither needs the other.
  std::optional<Result<TextModel>> vocabulary;
  const auto read_vocabulary = [&vocabulary, file = parts.text_file] { vocabulary.emplace(ReadTextModel(*file)); };
  std::optional<Background> reading;
  // A GGUF's vocabulary is in memory by now; safetensors have theirs in files beside them.
  if (kBackgroundReadsFiles || parts.text_file->format() == ModelFile::Format::kGguf) {
    reading.emplace(read_vocabulary);
  } else {
    read_vocabulary();
  }
  parts.pool = MakePool(p, options.processors);

  LoadOptions load;
  load.pool = parts.pool.get();
  load.precision = options.precision;
  load.warnings = &parts.warnings;
  load.tower_floats = p.table->packed->rounded_floats;
  load.pack_cache = options.pack_cache;
  load.reads_tower = false;
  load.notes = &parts.notes;
  if (options.progress) {
    load.progress = [&](std::uint64_t done, std::uint64_t total) {
      return options.progress(total > 0 ? std::min(1.0, static_cast<double>(done) / static_cast<double>(total)) : 1.0);
    };
  }
  auto weights = LoadWeights(*parts.text_file, parts.vision_file.get(), parts.config, load);
  if (reading.has_value()) reading->Wait();
  // Of two things wrong the vocabulary is said first, whichever was found first.
  if (!vocabulary->ok()) return vocabulary->error();
  THIMBLE_RETURN_IF_ERROR(CheckVocabulary(*parts.text_file, vocabulary->value().tokenizer, parts.config));
  if (!weights.ok()) return weights.error();
  parts.weights = std::move(weights).value();
  if (parts.config.vision.has_value()) {
    parts.tower = std::make_unique<VisionTower>(parts.text_file, parts.vision_file, parts.config, load,
                                                std::move(parts.weights.vision));
  }
  THIMBLE_RETURN_IF_ERROR(TakeTextModel(std::move(*vocabulary).value(), p.why_unpaired, &parts));
  THIMBLE_RETURN_IF_ERROR(CheckReads(files));
  if (p.is_short_of_memory) parts.prompts.blind_code = Code::kExhausted;
  THIMBLE_ASSIGN_OR_RETURN(parts.scratch, Scratch::Create(parts.config, options.most_rows, p.threads));
  parts.album.SetMostBytes(options.album_bytes);
  parts.beginnings.SetBudget(BeginningsBytes(options.beginnings_bytes, parts.memory->free()));
  parts.memory->SetSavings([&parts] {
    parts.beginnings.Clear();
    parts.album.Clear();
  });
  parts.load_seconds = files.seconds + MonotonicSeconds() - begin;
  return std::shared_ptr<const Engine>(std::move(engine));
}

void Engine::GiveBackTower() const {
  if (parts_->tower != nullptr) parts_->tower->GiveBack();
}

const ModelConfig& Engine::config() const { return parts_->config; }
const Weights& Engine::weights() const { return parts_->weights; }
const Tokenizer& Engine::tokenizer() const { return parts_->text_model->tokenizer; }
const TemplateChoice& Engine::chat_template() const { return parts_->text_model->chat_template; }
const ModelFile& Engine::text_file() const { return *parts_->text_file; }
const ModelFile* Engine::vision_file() const { return parts_->vision_file.get(); }
const VisionChoice& Engine::vision_choice() const { return parts_->vision_choice; }
std::span<const std::string> Engine::warnings() const { return parts_->warnings; }
std::span<const std::string> Engine::notes() const { return parts_->notes; }
bool Engine::can_see() const { return parts_->prompts.why_blind.empty(); }
std::string Engine::why_blind() const { return parts_->prompts.why_blind; }
Error Engine::BlindError() const {
  return Error{parts_->prompts.blind_code, Cat("[vision] ", parts_->prompts.why_blind)};
}
Status Engine::CheckPicture(ImageSize size) const {
  if (!parts_->config.vision.has_value()) return BlindError();
  return CheckPictureMemory(*parts_, NumPatches(*parts_, size), size);
}
int Engine::context() const { return static_cast<int>(parts_->prompts.context); }
int Engine::num_threads() const { return parts_->pool->num_threads(); }
void Engine::LimitThreads(int num_threads) const { parts_->pool->Limit(num_threads); }
bool Engine::PlaceThreads(std::span<const int> processors) const { return parts_->pool->Place(processors); }
const char* Engine::isa() const { return parts_->table->name; }
double Engine::load_seconds() const { return parts_->load_seconds; }
const MemoryNeeds& Engine::memory_needs() const { return parts_->needs; }
const PixelLimits& Engine::pixel_limits() const { return parts_->prompts.pixel_limits; }
const VideoLimits& Engine::video_limits() const { return parts_->prompts.video_limits; }
const PromptParts& Engine::prompts() const { return parts_->prompts; }

Result<PromptCounts> Engine::Measure(const GenerateRequest& request) const {
  return ExhaustedIfNoMemory([&] { return CountPrompt(parts_->prompts, request); });
}

Result<VisionRows> Engine::EmbedPatches(const Patches& patches) const {
  if (!parts_->config.vision.has_value()) return BlindError();
  return ExhaustedIfNoMemory([&]() -> Result<VisionRows> {
    THIMBLE_ASSIGN_OR_RETURN(const auto lease, Lease::Take(parts_.get(), nullptr));
    THIMBLE_RETURN_IF_ERROR(CheckPictureMemory(*parts_, patches.num_patches(), patches.resized));
    THIMBLE_ASSIGN_OR_RETURN(const auto tower, parts_->tower->Get(parts_->pool.get()));
    return EncodePatches(*parts_->config.vision, *tower, patches, lease->ops(), VisionOptions{});
  });
}

}  // namespace thimble
