// SPDX-License-Identifier: Apache-2.0
#include "cli/input.h"

#include "base/text.h"
#include "cli/store.h"
#include "cli/terminal.h"
#include "image/decode.h"
#include "sys/byte_source.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <numeric>

namespace thimble::cli {

namespace fs = std::filesystem;

Result<std::shared_ptr<const Engine>> OpenEngine(const CommonOptions& options, int default_context) {
  OpenOptions open;
  THIMBLE_ASSIGN_OR_RETURN(open.model, ResolveModel(options.model));
  open.mmproj = options.mmproj;
  open.threads = options.threads;
  open.context = options.context > 0 ? options.context : default_context;
  open.precision = options.exact ? Precision::kExact : Precision::kFast;
  const char* isa = std::getenv("THIMBLE_ISA");
  open.isa = !options.isa.empty() ? options.isa : isa != nullptr ? isa : "";
  if (options.min_pixels.has_value() || options.max_pixels.has_value()) {
    PixelLimits limits;
    if (auto file = ModelFile::Open(open.model); file.ok()) limits = ReadPixelLimits(file.value());
    limits.min_pixels = options.min_pixels.value_or(limits.min_pixels);
    limits.max_pixels = options.max_pixels.value_or(limits.max_pixels);
    if (limits.min_pixels < 1 || limits.max_pixels < limits.min_pixels) {
      return Error{Code::kInvalid, Cat("[pixels] from --min-pixels ", limits.min_pixels, " to --max-pixels ",
                                       limits.max_pixels, " nothing fits")};
    }
    open.pixel_limits = limits;
  }
  ProgressBar bar("loading");
  open.progress = [&bar](double share) {
    bar.Show(share);
    return true;
  };
  auto engine = Engine::Open(open);
  bar.Clear();
  if (!engine.ok()) return engine.error();
  for (const std::string& warning : engine.value()->warnings()) Warn(warning);
  if (options.verbose) {
    std::fprintf(stderr, "thimble: %s on %d threads, %s kernels, context %d, loaded in %.2f s\n",
                 EscapeControls(open.model).c_str(), engine.value()->num_threads(), engine.value()->isa(),
                 engine.value()->context(), engine.value()->load_seconds());
  }
  return engine;
}

Result<std::string> ReadStandardInput() {
  constexpr std::size_t kMost = std::size_t{256} << 20;
  std::string text;
  char block[65536];
  while (true) {
    const ssize_t count = read(STDIN_FILENO, block, sizeof block);
    if (count < 0) return Error{Code::kSystem, "[input] standard input could not be read"};
    if (count == 0) return text;
    text.append(block, static_cast<std::size_t>(count));
    if (text.size() > kMost) return Error{Code::kInvalid, "[input] standard input is longer than 256 MiB"};
  }
}

Result<std::string> ReadTextFile(const std::string& path) {
  if (path == "-") return ReadStandardInput();
  THIMBLE_ASSIGN_OR_RETURN(const auto bytes, ReadFile(path, std::uint64_t{1} << 30));
  return std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

namespace {

Result<std::string> DecodeBase64(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value = -1;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    if (c >= '0' && c <= '9') value = c - '0' + 52;
    if (c == '+' || c == '-') value = 62;
    if (c == '/' || c == '_') value = 63;
    if (c == '=' || c == '\n' || c == '\r') continue;
    if (value < 0)
      return Error{Code::kInvalid, "[picture] a data URL's base64 has a character that does not belong there"};
    bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xFFFFFFu;
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<char>(bits >> count & 255u));
    }
  }
  return out;
}

std::string FilePath(const std::string& source) {
  if (!source.starts_with("file://")) return source;
  std::string path;
  for (std::size_t i = 7; i < source.size(); ++i) {
    unsigned value = 0;
    if (source[i] == '%' && i + 2 < source.size() &&
        std::from_chars(&source[i + 1], &source[i + 3], value, 16).ec == std::errc()) {
      path.push_back(static_cast<char>(value));
      i += 2;
    } else {
      path.push_back(source[i]);
    }
  }
  return path;
}

}  // namespace

Result<Picture> LoadPicture(const std::string& source, const CommonOptions& options) {
  const DecodeLimits limits{options.max_image_pixels};
  Picture picture;
  std::string bytes;
  if (source.starts_with("data:")) {
    const std::size_t comma = source.find(',');
    if (comma == std::string::npos || source.substr(0, comma).find(";base64") == std::string::npos) {
      return Error{Code::kInvalid, "[picture] a data URL must be base64: data:image/png;base64,..."};
    }
    THIMBLE_ASSIGN_OR_RETURN(bytes, DecodeBase64(std::string_view(source).substr(comma + 1)));
  } else if (source == "-") {
    THIMBLE_ASSIGN_OR_RETURN(bytes, ReadStandardInput());
  } else if (source.starts_with("http://") || source.starts_with("https://")) {
    return Error{Code::kUnsupported,
                 Cat("[picture] Thimble opens no network connection: save ", source, " and give its path")};
  } else {
    THIMBLE_ASSIGN_OR_RETURN(picture.image, DecodeImageFile(FilePath(source), limits));
    return picture;
  }
  THIMBLE_ASSIGN_OR_RETURN(picture.image, DecodeImage(std::as_bytes(std::span(bytes)), limits));
  return picture;
}

Result<Picture> LoadFrames(const InputOptions& input, const CommonOptions& options) {
  std::vector<fs::path> files;
  std::error_code error;
  for (fs::directory_iterator it(input.frames, error), end; !error && it != end; it.increment(error)) {
    if (fs::is_regular_file(it->path(), error) && it->path().filename().string()[0] != '.') files.push_back(it->path());
  }
  if (error || files.empty())
    return Error{Code::kNotFound, Cat("[frames] ", input.frames, " is no folder with pictures")};
  std::sort(files.begin(), files.end());
  const double fps = input.fps > 0 ? input.fps : 24.0;  // what the reference assumes when it is not known
  std::vector<int> indices;
  if (input.all_frames) {
    indices.resize(files.size());
    std::iota(indices.begin(), indices.end(), 0);
  } else {
    indices = SampleFrameIndices(static_cast<int>(files.size()), fps);
  }
  Picture picture;
  for (const int index : indices) {
    THIMBLE_ASSIGN_OR_RETURN(Image frame, DecodeImageFile(files[static_cast<std::size_t>(index)].string(),
                                                          DecodeLimits{options.max_image_pixels}));
    if (!picture.frames.empty() &&
        (frame.width != picture.frames[0].width || frame.height != picture.frames[0].height)) {
      return Error{Code::kInvalid,
                   Cat("[frames] ", files[static_cast<std::size_t>(index)].string(), " is ", frame.width, " x ",
                       frame.height, ", the first frame ", picture.frames[0].width, " x ", picture.frames[0].height)};
    }
    picture.frames.push_back(std::move(frame));
  }
  picture.timestamps = FrameTimestamps(indices, fps);
  return picture;
}

Result<std::vector<std::int32_t>> ParseIds(const std::string& text) {
  std::vector<std::int32_t> ids;
  const char* p = text.data();
  const char* end = p + text.size();
  while (p < end) {
    std::int32_t id = 0;
    const auto [next, error] = std::from_chars(p, end, id);
    if (error != std::errc())
      return Error{Code::kInvalid,
                   Cat("[ids] numbers with commas between them are needed, found '",
                       EscapeControls(std::string_view(p, static_cast<std::size_t>(end - p)).substr(0, 20)), "'")};
    ids.push_back(id);
    p = next;
    while (p < end && (*p == ',' || *p == ' ' || *p == '\n')) ++p;
  }
  if (ids.empty()) return Error{Code::kInvalid, "[ids] at least one token id is needed"};
  return ids;
}

namespace {

// Pictures for a conversation's slots: files of --image in order, then what an item itself names.
Status FillPictures(const InputOptions& input, const CommonOptions& common, GenerateRequest* request) {
  std::size_t next = 0;
  bool used_frames = false;
  for (const Message& message : request->chat.messages) {
    for (const Part& part : message.content) {
      if (part.kind == Part::Kind::kVideo) {
        if (input.frames.empty() || used_frames)
          return Error{Code::kInvalid, "[chat] a video is given as pictures: --frames FOLDER --fps X"};
        used_frames = true;
        THIMBLE_ASSIGN_OR_RETURN(Picture video, LoadFrames(input, common));
        request->pictures.push_back(std::move(video));
      } else if (part.kind == Part::Kind::kImage) {
        const std::string source = next < input.images.size() ? input.images[next++] : part.source;
        if (source.empty())
          return Error{Code::kInvalid,
                       Cat("[chat] picture ", request->pictures.size() + 1, " has no file: give it with --image")};
        THIMBLE_ASSIGN_OR_RETURN(Picture picture, LoadPicture(source, common));
        request->pictures.push_back(std::move(picture));
      }
    }
  }
  if (next < input.images.size())
    return Error{Code::kInvalid,
                 Cat("[chat] ", input.images.size(), " pictures given, the conversation has places for ", next)};
  return Done{};
}

}  // namespace

Result<GenerateRequest> BuildRequest(const InputOptions& input, const CommonOptions& common) {
  GenerateRequest request;
  if (!input.ids.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(request.ids, ParseIds(input.ids));
    for (const std::string& image : input.images) {
      THIMBLE_ASSIGN_OR_RETURN(Picture picture, LoadPicture(image, common));
      request.pictures.push_back(std::move(picture));
    }
    if (!input.frames.empty()) {
      THIMBLE_ASSIGN_OR_RETURN(Picture video, LoadFrames(input, common));
      request.pictures.push_back(std::move(video));
    }
    return request;
  }
  if (!input.messages.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(input.messages));
    THIMBLE_ASSIGN_OR_RETURN(const Json json,
                             Json::Parse(text, input.messages == "-" ? "standard input" : input.messages));
    THIMBLE_ASSIGN_OR_RETURN(request.chat, ParseChat(json, ArgumentStrings::kParse));
    // A conversation that is to be answered needs the generation prompt unless it says otherwise.
    const Json* options = json.Find("options");
    if (options == nullptr || options->Find("add_generation_prompt") == nullptr) {
      request.chat.options.add_generation_prompt = !request.chat.options.continue_final_message;
    }
  } else {
    if (!input.system.empty())
      request.chat.messages.push_back({"system", {{Part::Kind::kText, input.system, ""}}, false, {}, {}});
    Message message;
    message.role = "user";
    for (std::size_t i = 0; i < input.images.size(); ++i) message.content.push_back({Part::Kind::kImage, "", ""});
    if (!input.frames.empty()) message.content.push_back({Part::Kind::kVideo, "", input.frames});
    message.content.push_back({Part::Kind::kText, input.prompt, ""});
    request.chat.messages.push_back(std::move(message));
  }
  if (!input.tools.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(const std::string text, ReadTextFile(input.tools));
    THIMBLE_ASSIGN_OR_RETURN(const Json json, Json::Parse(text, input.tools));
    if (!json.IsArray()) return Error{Code::kInvalid, Cat("[tools] ", input.tools, " must hold a JSON list of tools")};
    request.chat.tools = json.items();
  }
  THIMBLE_RETURN_IF_ERROR(FillPictures(input, common, &request));
  return request;
}

Status ApplyGenerate(const GenerateOptions& options, GenerateRequest* request) {
  request->sampling = options.sampling;
  for (const std::string& bias : options.logit_bias) {
    const std::size_t equals = bias.find('=');
    char* end = nullptr;
    const std::string value = equals == std::string::npos ? "" : bias.substr(equals + 1);
    const double number = std::strtod(value.c_str(), &end);
    auto id = ParseIds(bias.substr(0, equals));
    if (value.empty() || *end != '\0' || !id.ok() || id.value().size() != 1)
      return Error{Code::kInvalid, Cat("[sampling] --logit-bias takes ID=X, found '", bias, "'")};
    request->logit_bias.emplace_back(id.value()[0], number);
  }
  request->seed = options.seed;
  request->stop_strings = options.stop;
  request->max_tokens = options.max_tokens;
  request->think = options.think == "on" ? ThinkMode::kOn : options.think == "off" ? ThinkMode::kOff : ThinkMode::kAuto;
  request->think_budget = options.think_budget;
  if (options.no_loop_guard) request->loop_guard = false;
  request->ignore_eos = options.ignore_eos;
  return Done{};
}

namespace {
std::atomic<Session*> interrupted_session{nullptr};
std::atomic<bool> interrupted{false};
struct sigaction previous_action;

void OnInterrupt(int) {
  interrupted.store(true);
  if (Session* session = interrupted_session.load(); session != nullptr) session->Cancel();
}
}  // namespace

InterruptGuard::InterruptGuard(Session* session) {
  interrupted.store(false);
  interrupted_session.store(session);
  struct sigaction action{};
  action.sa_handler = OnInterrupt;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_action);
}
InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_action, nullptr);
  interrupted_session.store(nullptr);
}
bool InterruptGuard::was_interrupted() { return interrupted.load(); }

}  // namespace thimble::cli
