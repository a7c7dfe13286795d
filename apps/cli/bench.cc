// SPDX-License-Identifier: Apache-2.0
// thimble bench: how fast a model runs on this machine, and how much of the machine that takes.
#include "engine/bench.h"

#include "base/text.h"
#include "cli/bench_sessions.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"
#include "cli/thread_choice.h"
#include "host/find_model.h"
#include "sys/machine.h"
#include "sys/pages.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <map>
#include <optional>
#include <vector>

namespace thimble::cli {

namespace {

constexpr double kLimitSeconds = 1.0;
// Loading is repeated too, but a large model is not to be loaded for minutes.
constexpr double kMostLoadSeconds = 10.0;

struct Size {
  int width;
  int height;
};

Result<Size> ParseSize(const std::string& text) {
  constexpr int kMostSide = 16384;
  Size size{};
  const char* end = text.data() + text.size();
  auto [at, fault] = std::from_chars(text.data(), end, size.width);
  if (fault == std::errc() && at != end && (*at == 'x' || *at == 'X')) {
    const auto [rest, second_fault] = std::from_chars(at + 1, end, size.height);
    if (second_fault == std::errc() && rest == end && size.width >= 1 && size.width <= kMostSide && size.height >= 1 &&
        size.height <= kMostSide)
      return size;
  }
  return Error{Code::kInvalid, Cat("[bench] --image wants WIDTHxHEIGHT in pixels, like 768x512, sides from 1 to ",
                                   kMostSide, "; found '", text, "'")};
}

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.empty()) return 0;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

// How many times as fast all together are as one, of each round.
std::vector<double> Ratios(const SessionsReport& report) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < report.one.size(); ++i) {
    if (report.one[i] > 0) ratios.push_back(report.all[i] / report.one[i]);
  }
  return ratios;
}

// Runs of one kind, what they had to do, and in what unit people count it.
struct Part {
  int tokens = 0;
  std::vector<double> seconds;
  Workload work;

  [[nodiscard]] double Median() const { return MedianOf(seconds); }
  [[nodiscard]] double Fastest() const { return *std::min_element(seconds.begin(), seconds.end()); }
  [[nodiscard]] double Slowest() const { return *std::max_element(seconds.begin(), seconds.end()); }
};

struct Report {
  std::shared_ptr<const Engine> engine;
  ThreadChoice threads;
  MachineLimits limits;
  std::vector<double> load_seconds;
  std::optional<Part> prompt;
  std::optional<Part> decode;
  std::optional<Part> image;
  std::optional<SessionsReport> sessions;
  ScreenCounts head;  // of decoding
  double preprocess_seconds = 0;
  ImageSize image_size;
};

bool GoesOn() { return !InterruptGuard::was_interrupted(); }

// The types of a model's tensors by the bytes they take, largest first: "Q4_K 58 %, Q6_K 41 %". Those below one in a
// hundred are left out.
std::string FileTypes(const ModelFile& file) {
  std::map<std::string_view, std::uint64_t> bytes;
  std::uint64_t total = 0;
  for (const TensorEntry& tensor : file.tensors()) {
    bytes[TraitsOf(tensor.dtype).name] += tensor.size_bytes;
    total += tensor.size_bytes;
  }
  std::vector<std::pair<std::string_view, std::uint64_t>> sorted(bytes.begin(), bytes.end());
  std::sort(sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.second > b.second; });
  std::string text;
  for (const auto& [name, size] : sorted) {
    const double share = 100.0 * static_cast<double>(size) / static_cast<double>(std::max<std::uint64_t>(1, total));
    if (share >= 1) text += Cat(text.empty() ? "" : ", ", name, " ", Fixed(share, 0), " %");
  }
  return text;
}

// Opens the model again and again; the last one stays.
Result<std::shared_ptr<const Engine>> Load(const BenchOptions& options, const CommonOptions& common,
                                           std::vector<double>* seconds) {
  THIMBLE_ASSIGN_OR_RETURN(auto engine, OpenEngine(common));
  seconds->push_back(engine->load_seconds());
  double all = engine->load_seconds();
  THIMBLE_ASSIGN_OR_RETURN(host::OpenOptions open, ToOpenOptions(common));
  open.progress = [](double) { return GoesOn(); };
  for (int run = 1; run < options.repeat && all + engine->load_seconds() < kMostLoadSeconds; ++run) {
    engine.reset();  // never two in memory
    THIMBLE_ASSIGN_OR_RETURN(engine, host::OpenModel(open));
    seconds->push_back(engine->load_seconds());
    all += engine->load_seconds();
  }
  return engine;
}

Result<Report> Measure(const BenchOptions& options) {
  std::optional<Size> size;
  if (!options.image.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(size, ParseSize(options.image));
  }
  CommonOptions common = options.common;
  const int needed = std::max({1, options.prompt, options.decode > 0 ? options.depth + options.decode : 0});
  // Several conversations need room to write while one of them reads a long prompt.
  constexpr int kSessionsContext = 4096;
  if (common.context == 0) common.context = options.sessions > 0 ? std::max(needed, kSessionsContext) : needed;
  Report report;
  THIMBLE_ASSIGN_OR_RETURN(
      report.threads, ThreadsFor(common, options.calibrate ? MeasureThreadsWhen::kAnew : MeasureThreadsWhen::kNeeded));
  common.threads = report.threads.threads;
  THIMBLE_ASSIGN_OR_RETURN(report.engine, Load(options, common, &report.load_seconds));
  const Engine& engine = *report.engine;
  if (needed > engine.context()) {
    return Error{Code::kExhausted, Cat("[bench] a context of ", engine.context(), " tokens, but ", needed,
                                       " are asked for with --prompt, --depth and --decode")};
  }
  std::optional<Patches> patches;
  if (size.has_value()) {
    const double begin = MonotonicSeconds();
    THIMBLE_ASSIGN_OR_RETURN(patches, MakeBenchPicture(engine, size->width, size->height));
    report.preprocess_seconds = MonotonicSeconds() - begin;
    report.image_size = patches->resized;
  }
  ProgressBar bar("measuring");
  // The limits count as one round, what is not measured yet (caches and clocks warm up) as another.
  const double rounds = options.repeat + 2;
  THIMBLE_ASSIGN_OR_RETURN(const auto bench, Bench::Create(report.engine, needed, [&] { return GoesOn(); }));
  THIMBLE_ASSIGN_OR_RETURN(report.limits, bench->MeasureMachine(kLimitSeconds));
  bar.Show(1 / rounds);
  if (options.decode > 0) THIMBLE_RETURN_IF_ERROR(bench->Fill(options.depth));
  if (options.prompt > 0) report.prompt = Part{options.prompt, {}, bench->PromptWork(options.prompt)};
  if (options.decode > 0) report.decode = Part{options.decode, {}, bench->DecodeWork(options.decode)};
  if (patches.has_value()) {
    const int merge = engine.config().vision->patches.merge;
    report.image = Part{static_cast<int>(patches->num_patches() / (merge * merge)), {}, bench->PictureWork(*patches)};
  }
  // In turns, so that a noisy minute of the machine spoils a run of each instead of all of one.
  for (int round = 0; round <= options.repeat; ++round) {
    const auto keep = [&](Part* part, double seconds) {
      if (round > 0) part->seconds.push_back(seconds);
    };
    if (report.prompt.has_value()) {
      THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench->ReadPrompt(options.prompt));
      keep(&*report.prompt, seconds);
    }
    if (report.decode.has_value()) {
      THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench->Decode(options.decode));
      keep(&*report.decode, seconds);
    }
    if (report.image.has_value()) {
      THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench->EncodePicture(*patches));
      keep(&*report.image, seconds);
    }
    bar.Show((round + 2) / rounds);
  }
  report.head = bench->head_counts();
  if (options.sessions > 0) {
    ProgressBar together("together");
    THIMBLE_ASSIGN_OR_RETURN(
        report.sessions, MeasureSessions(report.engine, options.sessions, std::max(2, options.decode), options.repeat,
                                         GoesOn, [&](double share) { together.Show(share); }));
  }
  return report;
}

// Unknown limits are null.
Json PositiveJson(double value) { return value > 0 ? Json::Float(value) : Json(); }

double PercentOfLimit(const Part& part, const MachineLimits& limits) {
  return 100 * LeastTimeFor(part.work, limits).seconds / part.Median();
}
const char* LimitName(const Part& part, const MachineLimits& limits) {
  return LeastTimeFor(part.work, limits).is_memory_bound ? "reading" : "multiply-adds";
}

Json PartJson(const Part& part, const MachineLimits& limits) {
  const auto amount = [](std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); };
  std::vector<Json> runs;
  runs.reserve(part.seconds.size());
  for (const double seconds : part.seconds) runs.push_back(Json::Float(seconds));
  return Json::Object({{"tokens", Json::Integer(part.tokens)},
                       {"tokens_per_second", Json::Float(part.tokens / part.Median())},
                       {"slowest_tokens_per_second", Json::Float(part.tokens / part.Slowest())},
                       {"fastest_tokens_per_second", Json::Float(part.tokens / part.Fastest())},
                       {"seconds", Json::Float(part.Median())},
                       {"runs", Json::Array(std::move(runs))},
                       {"percent_of_limit", PositiveJson(PercentOfLimit(part, limits))},
                       {"limit", Json::String(LimitName(part, limits))},
                       {"bytes", amount(part.work.bytes())},
                       {"int8_multiply_adds", amount(part.work.int8_multiply_adds)},
                       {"float_multiply_adds", amount(part.work.float_multiply_adds)}});
}

Part LoadPart(const Report& report) { return Part{0, report.load_seconds, {}}; }

Json ReportJson(const BenchOptions& options, const Report& report) {
  const Engine& engine = *report.engine;
  const MachineLimits& limits = report.limits;
  const auto bytes = [](std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); };
  Json prompt;
  if (report.prompt.has_value()) prompt = PartJson(*report.prompt, limits);
  Json decode;
  if (report.decode.has_value()) {
    decode = PartJson(*report.decode, limits);
    decode.Set("depth", Json::Integer(options.depth));
    decode.Set("head", HeadJson(report.head));
  }
  Json image;
  if (report.image.has_value()) {
    image = PartJson(*report.image, limits);
    image.Set("width", Json::Integer(report.image_size.width));
    image.Set("height", Json::Integer(report.image_size.height));
    image.Set("preprocess_seconds", Json::Float(report.preprocess_seconds));
  }
  Json sessions;
  if (report.sessions.has_value()) {
    const SessionsReport& s = *report.sessions;
    sessions = Json::Object({{"count", Json::Integer(s.count)},
                             {"one", Json::Float(MedianOf(s.one))},
                             {"all", Json::Float(MedianOf(s.all))},
                             {"ratio", Json::Float(MedianOf(Ratios(s)))},
                             {"longest_gap_ms", PositiveJson(s.longest_gap_ms)},
                             {"gap_prompt", Json::Integer(s.gap_prompt)}});
  }
  const Part load = LoadPart(report);
  std::vector<Json> loads;
  loads.reserve(load.seconds.size());
  for (const double seconds : load.seconds) loads.push_back(Json::Float(seconds));
  Json model =
      Json::Object({{"path", Json::String(engine.text_file().path())},
                    {"name", Json::String(engine.config().name)},
                    {"file_type", Json::String(FileTypes(engine.text_file()))},
                    {"file_bytes", bytes(engine.text_file().total_bytes())},
                    {"weights_bytes", bytes(engine.memory_needs().weights_bytes + engine.memory_needs().mapped_bytes)},
                    {"vision_file_type",
                     engine.vision_file() != nullptr ? Json::String(FileTypes(*engine.vision_file())) : Json()}});
  return Json::Object(
      {{"prompt", std::move(prompt)},
       {"decode", std::move(decode)},
       {"image", std::move(image)},
       {"sessions", std::move(sessions)},
       {"load", Json::Object({{"seconds", Json::Float(load.Median())}, {"runs", Json::Array(std::move(loads))}})},
       {"limits", Json::Object({{"read_bytes_per_second", PositiveJson(limits.read_bytes)},
                                {"typical_read_bytes_per_second", PositiveJson(limits.typical_read_bytes)},
                                {"huge_page_share", Json::Float(limits.huge_page_share)},
                                {"read_bytes_per_second_small_pages", PositiveJson(limits.read_bytes_small_pages)},
                                {"int8_multiply_adds_per_second", PositiveJson(limits.int8_multiply_adds)},
                                {"float_multiply_adds_per_second", PositiveJson(limits.float_multiply_adds)}})},
       {"isa", Json::String(engine.isa())},
       {"threads", Json::Integer(engine.num_threads())},
       {"threads_why", Json::String(report.threads.why)},
       {"exact", Json::Bool(options.common.exact)},
       {"repeat", Json::Integer(options.repeat)},
       {"model", std::move(model)},
       {"huge_page_bytes", bytes(HugePageBytes())},
       {"cpu", Json::String(CpuFeatureNames(DetectCpuFeatures()))},
       {"version", Json::String(THIMBLE_VERSION)}});
}

std::string Billions(double value, int digits) { return value > 0 ? Fixed(value * 1e-9, digits) : "?"; }

void PrintPart(const std::string& name, const Part& part, const MachineLimits& limits) {
  std::printf("%-26s %9s tokens/s  (%s to %s)  %5s %% of the limit: %s\n", name.c_str(),
              Fixed(part.tokens / part.Median(), 1).c_str(), Fixed(part.tokens / part.Slowest(), 1).c_str(),
              Fixed(part.tokens / part.Fastest(), 1).c_str(), Fixed(PercentOfLimit(part, limits), 0).c_str(),
              LimitName(part, limits));
}

void PrintReport(const BenchOptions& options, const Report& report) {
  const Engine& engine = *report.engine;
  const MachineLimits& limits = report.limits;
  const std::string& name = engine.config().name;
  std::printf("%-26s %s, %s in memory\n", EscapeControls(name.empty() ? engine.text_file().path() : name).c_str(),
              FileTypes(engine.text_file()).c_str(),
              FormatBytes(engine.memory_needs().weights_bytes + engine.memory_needs().mapped_bytes).c_str());
  std::printf("%-26s %s kernels, %d threads (%s)%s\n", "", engine.isa(), engine.num_threads(),
              EscapeControls(report.threads.why).c_str(), options.common.exact ? ", float32 throughout" : "");
  std::printf("%-26s reads %s GB/s (small pages: %s), multiplies and adds %s G/s in int8, %s G/s in float32\n\n",
              "this machine, at most", Billions(limits.read_bytes, 1).c_str(),
              Billions(limits.read_bytes_small_pages, 1).c_str(), Billions(limits.int8_multiply_adds, 0).c_str(),
              Billions(limits.float_multiply_adds, 0).c_str());
  if (report.prompt.has_value()) PrintPart(Cat("prompt of ", report.prompt->tokens), *report.prompt, limits);
  if (report.decode.has_value()) {
    PrintPart(Cat("decoding ", report.decode->tokens, options.depth > 0 ? Cat(" after ", options.depth) : ""),
              *report.decode, limits);
    if (const ScreenCounts& h = report.head; h.passes > 0) {
      const double tried = static_cast<double>(std::max<std::int64_t>(1, h.tried));
      std::printf("%-26s head screened in %s %% of passes, %s %% rows in %s %% of panels left, enough in %s %%\n", "",
                  Fixed(100.0 * static_cast<double>(h.tried) / static_cast<double>(h.passes), 0).c_str(),
                  Fixed(100 * h.surviving_rows / tried, 2).c_str(), Fixed(100 * h.surviving_panels / tried, 1).c_str(),
                  Fixed(100.0 * static_cast<double>(h.answered) / tried, 0).c_str());
    }
  }
  if (report.image.has_value()) {
    PrintPart(Cat("picture of ", report.image_size.width, " x ", report.image_size.height), *report.image, limits);
    std::printf("%-26s %9s s for %d tokens, and %s s before to cut it into patches\n", "",
                Fixed(report.image->Median(), 3).c_str(), report.image->tokens,
                Fixed(report.preprocess_seconds, 3).c_str());
  }
  if (report.sessions.has_value()) {
    const SessionsReport& s = *report.sessions;
    std::printf("%-26s %9s tokens/s  in all, %s times one's %s", Cat(s.count, " conversations at once").c_str(),
                Fixed(MedianOf(s.all), 1).c_str(), Fixed(MedianOf(Ratios(s)), 2).c_str(),
                Fixed(MedianOf(s.one), 1).c_str());
    if (s.longest_gap_ms > 0)
      std::printf("; %s ms at most between two tokens while one reads %d", Fixed(s.longest_gap_ms, 0).c_str(),
                  s.gap_prompt);
    std::printf("\n");
  }
  const Part load = LoadPart(report);
  std::printf("%-26s %9s s         (%s to %s)\n", "loading", Fixed(load.Median(), 2).c_str(),
              Fixed(load.Fastest(), 2).c_str(), Fixed(load.Slowest(), 2).c_str());
}

}  // namespace

int RunBench(const BenchOptions& options) {
  const InterruptGuard guard;
  auto report = Measure(options);
  if (!report.ok()) return Fail(report.error());
  if (options.common.json) return PrintJson(ReportJson(options, report.value()));
  PrintReport(options, report.value());
  return kExitOk;
}

}  // namespace thimble::cli
