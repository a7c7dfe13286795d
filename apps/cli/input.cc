// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "cli/interrupt.h"
#include "cli/model_name.h"
#include "cli/pictures.h"
#include "cli/terminal.h"
#include "host/open_model_file.h"
#include "host/pack_store.h"
#include "host/store.h"
#include "sys/byte_source.h"
#include "sys/folder.h"
#include "sys/machine.h"
#include "text/client_request.h"
#include "text/tool_schema.h"

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <cstring>

namespace thimble::cli {

namespace {

Result<std::optional<PixelLimits>> ChoosePixelLimits(const CommonOptions& options, const std::string& path) {
  if (!options.min_pixels.has_value() && !options.max_pixels.has_value()) return std::optional<PixelLimits>();
  PixelLimits limits;
  if (auto file = host::OpenModelFile(path); file.ok()) {
    THIMBLE_ASSIGN_OR_RETURN(limits, ReadPixelLimits(file.value()));
  }
  limits.min_pixels = options.min_pixels.value_or(limits.min_pixels);
  limits.max_pixels = options.max_pixels.value_or(limits.max_pixels);
  if (limits.max_pixels < limits.min_pixels) {
    return Error{Code::kInvalid, Cat("[pixels] --min-pixels must not be above --max-pixels, found ", limits.min_pixels,
                                     " and ", limits.max_pixels)};
  }
  return std::optional(limits);
}

Result<PackCacheOptions> ChoosePackCache(const CommonOptions& options, const std::string& model) {
  const char* variable = std::getenv("THIMBLE_PACK_CACHE");
  const std::string use = !options.pack_cache.empty()                ? options.pack_cache
                          : variable != nullptr && *variable != '\0' ? variable
                                                                     : "auto";
  if (use == "off") return PackCacheOptions{};
  if (use != "on" && use != "auto") {
    return Error{Code::kInvalid, Cat("[pack cache] THIMBLE_PACK_CACHE must be on, off or auto, found '", use, "'")};
  }
  return PackCacheOptions{use == "on" ? PackCacheUse::kOn : PackCacheUse::kAuto,
                          host::FolderPackStore(host::CacheFolderFor(model))};
}

std::string ForcedIsa(const CommonOptions& options) {
  const char* isa = std::getenv("THIMBLE_ISA");
  return !options.isa.empty() ? options.isa : isa != nullptr ? isa : "";
}

std::string NameOfSource(const std::string& path) { return path == "-" ? "standard input" : Excerpt(path); }

// A request that is no JSON is a wrong request, not a broken file.
Result<Json> ParseRequestJson(const std::string& text, const std::string& source) {
  auto json = Json::Parse(text, NameOfSource(source));
  if (!json.ok()) return Error{Code::kInvalid, json.error().message};
  return json;
}

}  // namespace

Result<host::OpenOptions> ToOpenOptions(const CommonOptions& options) {
  host::OpenOptions open;
  THIMBLE_ASSIGN_OR_RETURN(open.model, ResolveModel(options.model));
  THIMBLE_ASSIGN_OR_RETURN(open.pixel_limits, ChoosePixelLimits(options, open.model));
  open.max_frame_pixels = options.max_pixels;
  open.mmproj = host::ExpandHome(options.mmproj);
  open.threads = options.threads;
  open.context = options.context;
  open.precision = options.exact ? Precision::kExact : Precision::kFast;
  open.kv = options.kv == "q8" ? KvType::kQ8 : KvType::kF16;
  if (options.head == "screened")
    Warn("--head screened does nothing any more: reading all of the output head is as fast");
  open.isa = ForcedIsa(options);
  THIMBLE_ASSIGN_OR_RETURN(open.pack_cache, ChoosePackCache(options, open.model));
  return open;
}

Result<host::ThreadChoice> ThreadsFor(const CommonOptions& options, host::MeasureThreadsWhen when) {
  if (options.threads > 0) return host::ThreadChoice{options.threads, "as --threads says"};
  THIMBLE_ASSIGN_OR_RETURN(const host::ThreadQuestion question,
                           host::QuestionForThisMachine(ForcedIsa(options), THIMBLE_VERSION,
                                                        [] { return !InterruptGuard::was_interrupted(); }));
  return host::ChooseThreads(question, when);
}

Result<std::shared_ptr<const Engine>> OpenEngine(const CommonOptions& options, std::uint64_t beginnings_bytes) {
  THIMBLE_ASSIGN_OR_RETURN(host::OpenOptions open, ToOpenOptions(options));
  open.beginnings_bytes = beginnings_bytes;
  THIMBLE_ASSIGN_OR_RETURN(const host::ThreadChoice choice, ThreadsFor(options, host::MeasureThreadsWhen::kNeeded));
  open.threads = choice.threads;
  ProgressBar bar("loading");
  open.progress = [&bar](double share) {
    bar.Show(share);
    return !InterruptGuard::was_interrupted();
  };
  auto engine = host::OpenModel(open);
  bar.Clear();
  if (!engine.ok()) return engine.error();
  for (const std::string& warning : engine.value()->warnings()) Warn(warning);
  const VisionChoice& vision = engine.value()->vision_choice();
  if (vision.is_guess) Say(Cat("vision file ", vision.path, ": ", vision.why));
  if (options.verbose) {
    for (const std::string& note : engine.value()->notes()) Say(note);
    Say(Cat(open.model, " on ", engine.value()->num_threads(), " threads, ", engine.value()->isa(),
            " kernels, context ", engine.value()->context(), ", loaded in ", Fixed(engine.value()->load_seconds(), 2),
            " s"));
    Say(Cat("threads: ", choice.threads, " (", choice.why, ")"));
    if (!vision.is_guess) Say(Cat("vision file ", vision.path.empty() ? "none" : vision.path, ": ", vision.why));
  }
  return engine;
}

Result<std::string> ReadStandardInput() {
  constexpr std::size_t kMost = std::size_t{256} << 20;
  std::string text;
  char block[65536];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, block, sizeof block);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Error{Code::kSystem, Cat("[input] standard input could not be read: ", std::strerror(errno))};
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > kMost) return Error{Code::kInvalid, "[input] standard input is longer than 256 MiB"};
  }
}

Result<std::string> ReadStandardText() { return ReadTextFile("-"); }

Result<std::string> ReadTextFile(const std::string& path, NulBytes nul_bytes) {
  std::string text;
  if (path == "-") {
    THIMBLE_ASSIGN_OR_RETURN(text, ReadStandardInput());
  } else {
    const bool is_json = path.starts_with('{') || path.starts_with('[');
    if (is_json && KindOfPath(path) == PathKind::kNothing) {
      return Error{Code::kInvalid,
                   Cat("[input] the name of a file is needed, found JSON, ", Excerpt(path), "; pipe it in and give -")};
    }
    THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, std::uint64_t{1} << 30));
    text.assign(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  }
  return TextFromOutside(std::move(text), NameOfSource(path), nul_bytes);
}

void WarnUnreadInput(std::string_view advice) {
  struct stat status = {};
  if (fstat(STDIN_FILENO, &status) != 0) return;
  std::int64_t waiting = 0;
  if (S_ISREG(status.st_mode)) {
    const off_t at = lseek(STDIN_FILENO, 0, SEEK_CUR);
    if (at >= 0) waiting = static_cast<std::int64_t>(status.st_size) - static_cast<std::int64_t>(at);
  } else if (S_ISFIFO(status.st_mode)) {
    int bytes = 0;
    if (ioctl(STDIN_FILENO, FIONREAD, &bytes) == 0) waiting = bytes;
  }
  if (waiting > 0)
    Warn(Cat("standard input was not read, though something waits there (",
             FormatBytes(static_cast<std::uint64_t>(waiting)), "); ", advice));
}

Status CheckStandardInput(const InputOptions& input, bool prompt_takes_it) {
  const auto uses = std::count(input.images.begin(), input.images.end(), "-") + (input.messages == "-" ? 1 : 0) +
                    (input.tools == "-" ? 1 : 0) + (prompt_takes_it ? 1 : 0);
  if (uses <= 1) return Done{};
  return Error{Code::kInvalid,
               Cat("[input] standard input can be one thing: the prompt, --messages, --tools or one --image; found ",
                   uses, prompt_takes_it ? " (without a PROMPT it is the prompt)" : "")};
}

Result<std::vector<std::int32_t>> ParseIds(const std::string& text) {
  std::vector<std::int32_t> ids;
  const char* p = text.data();
  const char* end = p + text.size();
  const auto skip = [&] {
    while (p < end && (*p == ',' || *p == ' ' || *p == '\n' || *p == '\t')) ++p;
  };
  for (skip(); p < end; skip()) {
    std::int32_t id = 0;
    const auto [next, error] = std::from_chars(p, end, id);
    if (error != std::errc()) {
      constexpr std::size_t kShown = 20;
      return Error{Code::kInvalid, Cat("[ids] numbers with commas between them are needed, found '",
                                       std::string_view(p, static_cast<std::size_t>(end - p)).substr(0, kShown), "'")};
    }
    ids.push_back(id);
    p = next;
  }
  if (ids.empty()) return Error{Code::kInvalid, "[ids] at least one token id is needed"};
  return ids;
}

namespace {

Part TextPart(std::string text) { return {Part::Kind::kText, std::move(text), ""}; }

// Clients' words; others than these leave the choice to us.
Detail DetailOf(std::string_view word) {
  return word == "low" ? Detail::kLow : word == "high" ? Detail::kHigh : Detail::kAuto;
}

// Pictures for a conversation's slots: files of --image and --frames first, then what an item itself names.
Status FillPictures(const InputOptions& input, const CommonOptions& common, GenerateRequest* request) {
  std::size_t next = 0;
  bool has_frames = !input.frames.empty();
  for (Message& message : request->chat().messages) {
    for (Part& part : message.content) {
      if (part.kind == Part::Kind::kVideo) {
        if (has_frames) part.source = input.frames;
        has_frames = false;
        if (part.source.empty() || KindOfPath(part.source) != PathKind::kFolder) {
          return Error{Code::kInvalid, Cat("[chat] a video is given as a folder of pictures (--frames FOLDER --fps X)",
                                           part.source.empty() ? "" : ", found ", Excerpt(part.source))};
        }
        THIMBLE_ASSIGN_OR_RETURN(Picture video, LoadFrames(part.source, input.fps, input.all_frames, common));
        request->pictures.push_back(std::move(video));
      } else if (part.kind == Part::Kind::kImage) {
        if (next < input.images.size())
          part.source = input.images[next++];
        else if (part.source == "-")
          part.source.clear();  // only --image may ask for standard input
        if (part.source.empty()) {
          return Error{Code::kInvalid,
                       Cat("[chat] picture ", request->pictures.size() + 1, " has no file: give it with --image")};
        }
        THIMBLE_ASSIGN_OR_RETURN(Picture picture, LoadPicture(part.source, common));
        // What the conversation asks of a picture counts where the command line says nothing.
        if (request->detail == Detail::kAuto && common.detail.empty()) picture.detail = DetailOf(part.detail);
        request->pictures.push_back(std::move(picture));
      }
    }
  }
  if (next < input.images.size()) {
    return Error{Code::kInvalid, Cat("[chat] --image gives ", input.images.size(),
                                     " pictures, the conversation has places for ", next)};
  }
  if (has_frames) return Error{Code::kInvalid, "[chat] --frames gives a video, the conversation has no place for one"};
  return Done{};
}

Status ReadTools(const InputOptions& input, GenerateRequest* request) {
  if (input.tools.empty()) return Done{};
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(input.tools));
  THIMBLE_ASSIGN_OR_RETURN(const Json json, ParseRequestJson(text, input.tools));
  // MCP's tools/list and whole requests have the list inside.
  const Json* list = json.IsObject() ? json.Find("tools") : &json;
  if (list == nullptr || !list->IsArray())
    return Error{Code::kInvalid, Cat("[tools] ", input.tools, " must hold a JSON list of tools")};
  request->tools() = NormaliseTools(list->items());
  return Done{};
}

// What a request says about how to answer.
void ApplySettings(const RequestSettings& settings, GenerateRequest* request) {
  SamplerHints& s = request->sampling;
  s.temperature = settings.temperature;
  s.top_p = settings.top_p;
  s.min_p = settings.min_p;
  s.presence_penalty = settings.presence_penalty;
  s.frequency_penalty = settings.frequency_penalty;
  s.repetition_penalty = settings.repetition_penalty;
  s.top_k = settings.top_k;
  request->logit_bias = settings.logit_bias;
  request->seed = settings.seed;
  request->stop_strings = settings.stop;
  request->max_tokens = settings.max_tokens.value_or(0);
  request->think_budget = settings.think_budget;
  request->ignore_eos = settings.ignore_eos;
}

Status ReadMessages(const InputOptions& input, GenerateRequest* request, FileSettings* from_file) {
  if (!input.system.empty()) {
    return Error{Code::kInvalid, "[chat] --system goes with a prompt; --messages holds its own system message"};
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(input.messages));
  THIMBLE_ASSIGN_OR_RETURN(const Json json, ParseRequestJson(text, input.messages));
  THIMBLE_ASSIGN_OR_RETURN(ClientRequest read, ParseClientRequest(json));
  if (!read.unused.empty()) Warn(Cat(NameOfSource(input.messages), ": not used: ", read.unused.Line()));
  Chat chat = std::move(read.chat);
  chat.tools = NormaliseTools(std::move(chat.tools));
  MergeSystemMessages(&chat);
  request->prompt = std::move(chat);
  ApplySettings(read.settings, request);
  if (from_file != nullptr) *from_file = {read.settings.context.value_or(0), std::move(read.used_settings)};
  return Done{};
}

Status ReadIds(const InputOptions& input, const CommonOptions& common, GenerateRequest* request) {
  if (!input.system.empty()) return Error{Code::kInvalid, "[ids] --system goes with a prompt, not with --ids"};
  THIMBLE_ASSIGN_OR_RETURN(std::vector<std::int32_t> ids, ParseIds(input.ids));
  request->prompt = PromptIds{std::move(ids), {}};
  for (const std::string& image : input.images) {
    THIMBLE_ASSIGN_OR_RETURN(Picture picture, LoadPicture(image, common));
    request->pictures.push_back(std::move(picture));
  }
  if (!input.frames.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(Picture video, LoadFrames(input.frames, input.fps, input.all_frames, common));
    request->pictures.push_back(std::move(video));
  }
  return Done{};
}

void WritePrompt(const InputOptions& input, GenerateRequest* request) {
  if (!input.system.empty()) request->chat().messages.push_back({"system", {TextPart(input.system)}, false, {}, {}});
  Message message;
  message.role = "user";
  for (std::size_t i = 0; i < input.images.size(); ++i) message.content.push_back({Part::Kind::kImage, "", ""});
  if (!input.frames.empty()) message.content.push_back({Part::Kind::kVideo, "", ""});
  message.content.push_back(TextPart(input.prompt));
  request->chat().messages.push_back(std::move(message));
}

}  // namespace

CommonOptions ForConversation(CommonOptions common) {
  if (common.alpha.empty()) common.alpha = common.exact ? "drop" : "white";
  common.shrinks_jpegs = !common.exact;
  return common;
}

Detail ChooseDetail(const CommonOptions& common) {
  if (common.exact || common.min_pixels.has_value() || common.max_pixels.has_value()) return Detail::kFile;
  return DetailOf(common.detail);
}

Result<GenerateRequest> BuildRequest(const InputOptions& input, const CommonOptions& given, Purpose purpose,
                                     FileSettings* from_file) {
  CommonOptions common = given;
  GenerateRequest request;
  if (purpose == Purpose::kConversation && input.ids.empty()) {
    request.detail = ChooseDetail(common);
    common = ForConversation(common);
    if (!common.detail.empty() && request.detail == Detail::kFile)
      Warn(Cat(common.exact ? "--exact reads" : "--min-pixels and --max-pixels rule: they read",
               " pictures as they say; --detail changes nothing"));
  }
  if (!input.ids.empty()) {
    THIMBLE_RETURN_IF_ERROR(ReadIds(input, common, &request));
    THIMBLE_RETURN_IF_ERROR(ReadTools(input, &request));
    return request;
  }
  if (!input.messages.empty()) {
    THIMBLE_RETURN_IF_ERROR(ReadMessages(input, &request, from_file));
  } else {
    WritePrompt(input, &request);
  }
  THIMBLE_RETURN_IF_ERROR(ReadTools(input, &request));
  THIMBLE_RETURN_IF_ERROR(FillPictures(input, common, &request));
  return request;
}

Status ApplyGenerate(const GenerateOptions& options, GenerateRequest* request) {
  const SamplerHints& s = options.sampling;
  for (const auto& number :
       {s.temperature, s.top_p, s.min_p, s.presence_penalty, s.frequency_penalty, s.repetition_penalty}) {
    if (number.has_value() && !std::isfinite(*number))
      return Error{Code::kInvalid, Cat("[sampling] finite numbers are needed, found ", *number)};
  }
  request->sampling = Merge(s, request->sampling);
  std::vector<std::pair<std::int32_t, double>> biases;
  for (const std::string& bias : options.logit_bias) {
    const std::size_t equals = bias.find('=');
    char* end = nullptr;
    const std::string value = equals == std::string::npos ? "" : bias.substr(equals + 1);
    const double number = std::strtod(value.c_str(), &end);
    auto id = ParseIds(bias.substr(0, equals));
    if (value.empty() || *end != '\0' || std::isnan(number) || !id.ok() || id.value().size() != 1)
      return Error{Code::kInvalid, Cat("[sampling] --logit-bias takes ID=X, found '", bias, "'")};
    biases.emplace_back(id.value()[0], number);
  }
  std::erase_if(request->logit_bias, [&](const auto& from_file) {
    return std::any_of(biases.begin(), biases.end(), [&](const auto& bias) { return bias.first == from_file.first; });
  });
  request->logit_bias.insert(request->logit_bias.end(), biases.begin(), biases.end());
  if (options.seed.has_value()) request->seed = options.seed;
  if (!options.stop.empty()) request->stop_strings = options.stop;
  if (options.max_tokens > 0) request->max_tokens = options.max_tokens;
  if (!options.think.empty()) {
    request->think = options.think == "on"    ? ThinkMode::kOn
                     : options.think == "off" ? ThinkMode::kOff
                                              : ThinkMode::kAuto;
    if (request->has_chat()) request->chat().options.enable_thinking.reset();
  }
  if (options.think_budget.has_value()) request->think_budget = options.think_budget;
  if (options.no_loop_guard) request->loop_guard = false;
  if (options.ignore_eos) request->ignore_eos = true;
  return Done{};
}

}  // namespace thimble::cli
