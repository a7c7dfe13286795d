// SPDX-License-Identifier: Apache-2.0
// thimble bench: how fast a model runs on this machine, and how much of the machine that takes.

#include "base/text.h"
#include "cli/input.h"
#include "cli/interrupt.h"
#include "cli/options.h"
#include "cli/reply_json.h"
#include "cli/terminal.h"
#include "host/find_model.h"
#include "measure/model_bench.h"
#include "sys/machine.h"
#include "sys/pages.h"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <vector>

namespace thimble::cli {

namespace {

// Loading is repeated too, but a large model is not to be loaded for minutes.
constexpr double kMostLoadSeconds = 10.0;

Result<ImageSize> ParseSize(const std::string& text) {
  constexpr int kMostSide = 16384;
  ImageSize size{};
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

// The measurement, and what is known besides.
struct Report {
  std::shared_ptr<const Engine> engine;
  host::ThreadChoice threads;
  std::vector<double> load_seconds;
  BenchReport bench;
};

bool GoesOn() { return !InterruptGuard::was_interrupted(); }

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
  BenchPlan plan;
  plan.prompt = options.prompt;
  plan.decode = options.decode;
  plan.depth = options.depth;
  plan.repeat = options.repeat;
  plan.sessions = options.sessions;
  plan.goes_on = GoesOn;
  if (!options.image.empty()) {
    THIMBLE_ASSIGN_OR_RETURN(plan.picture, ParseSize(options.image));
  }
  CommonOptions common = options.common;
  // Several conversations need room to write while one of them reads a long prompt.
  constexpr int kSessionsContext = 4096;
  if (common.context == 0)
    common.context = options.sessions > 0 ? std::max(plan.context(), kSessionsContext) : plan.context();
  Report report;
  using host::MeasureThreadsWhen;
  THIMBLE_ASSIGN_OR_RETURN(
      report.threads, ThreadsFor(common, options.calibrate ? MeasureThreadsWhen::kAnew : MeasureThreadsWhen::kNeeded));
  common.threads = report.threads.threads;
  THIMBLE_ASSIGN_OR_RETURN(report.engine, Load(options, common, &report.load_seconds));
  if (plan.context() > report.engine->context()) {
    return Error{Code::kExhausted, Cat("[bench] a context of ", report.engine->context(), " tokens, but ",
                                       plan.context(), " are asked for with --prompt, --depth and --decode")};
  }
  std::optional<ProgressBar> bar(std::in_place, "measuring");
  plan.progress = [&](double share) { bar->Show(share); };
  plan.sessions_progress = [&, is_first = true](double share) mutable {
    if (is_first) bar.emplace("together");
    is_first = false;
    bar->Show(share);
  };
  THIMBLE_ASSIGN_OR_RETURN(report.bench, MeasureModel(report.engine, plan));
  return report;
}

Json AmountJson(std::uint64_t value) { return Json::Integer(static_cast<std::int64_t>(value)); }
// Unknown limits are null.
Json PositiveJson(double value) { return value > 0 ? Json::Float(value) : Json(); }

const char* LimitName(const BenchRuns& runs, const MachineLimits& limits) {
  return runs.IsMemoryBound(limits) ? "reading" : "multiply-adds";
}

Json PartJson(const BenchRuns& part, const MachineLimits& limits) {
  std::vector<Json> runs;
  runs.reserve(part.seconds.size());
  for (const double seconds : part.seconds) runs.push_back(Json::Float(seconds));
  return Json::Object({{"tokens", Json::Integer(part.tokens)},
                       {"tokens_per_second", Json::Float(part.tokens / part.Median())},
                       {"slowest_tokens_per_second", Json::Float(part.tokens / part.Slowest())},
                       {"fastest_tokens_per_second", Json::Float(part.tokens / part.Fastest())},
                       {"seconds", Json::Float(part.Median())},
                       {"runs", Json::Array(std::move(runs))},
                       {"percent_of_limit", PositiveJson(part.PercentOfLimit(limits))},
                       {"limit", Json::String(LimitName(part, limits))},
                       {"bytes", AmountJson(part.work.bytes())},
                       {"int8_multiply_adds", AmountJson(part.work.int8_multiply_adds)},
                       {"float_multiply_adds", AmountJson(part.work.float_multiply_adds)}});
}

BenchRuns LoadRuns(const Report& report) { return BenchRuns{0, report.load_seconds, {}}; }

Json DecodeJson(const BenchOptions& options, const BenchReport& bench) {
  if (!bench.decode.has_value()) return {};
  Json decode = PartJson(*bench.decode, bench.limits);
  decode.Set("depth", Json::Integer(options.depth));
  decode.Set("head", Json());  // of versions that could screen it
  return decode;
}

Json ImageJson(const BenchReport& bench) {
  if (!bench.image.has_value()) return {};
  Json image = PartJson(*bench.image, bench.limits);
  image.Set("width", Json::Integer(bench.image_size.width));
  image.Set("height", Json::Integer(bench.image_size.height));
  image.Set("preprocess_seconds", Json::Float(bench.preprocess_seconds));
  return image;
}

Json SessionsJson(const BenchReport& bench) {
  if (!bench.sessions.has_value()) return {};
  const SessionsReport& s = *bench.sessions;
  return Json::Object({{"count", Json::Integer(s.count)},
                       {"one", Json::Float(MedianOf(s.one))},
                       {"all", Json::Float(MedianOf(s.all))},
                       {"ratio", Json::Float(MedianOf(Ratios(s)))},
                       {"longest_gap_ms", PositiveJson(s.longest_gap_ms)},
                       {"gap_prompt", Json::Integer(s.gap_prompt)}});
}

Json LimitsJson(const MachineLimits& limits) {
  return Json::Object({{"read_bytes_per_second", PositiveJson(limits.read_bytes)},
                       {"typical_read_bytes_per_second", PositiveJson(limits.typical_read_bytes)},
                       {"huge_page_share", Json::Float(limits.huge_page_share)},
                       {"read_bytes_per_second_small_pages", PositiveJson(limits.read_bytes_small_pages)},
                       {"int8_multiply_adds_per_second", PositiveJson(limits.int8_multiply_adds)},
                       {"float_multiply_adds_per_second", PositiveJson(limits.float_multiply_adds)}});
}

Json ModelJson(const Engine& engine) {
  return Json::Object(
      {{"path", Json::String(engine.text_file().path())},
       {"name", Json::String(engine.config().name)},
       {"file_type", Json::String(FileTypes(engine.text_file()))},
       {"file_bytes", AmountJson(engine.text_file().total_bytes())},
       {"weights_bytes", AmountJson(engine.memory_needs().weights_bytes + engine.memory_needs().mapped_bytes)},
       {"vision_file_type",
        engine.vision_file() != nullptr ? Json::String(FileTypes(*engine.vision_file())) : Json()}});
}

Json ReportJson(const BenchOptions& options, const Report& report) {
  const Engine& engine = *report.engine;
  const BenchReport& bench = report.bench;
  const BenchRuns load = LoadRuns(report);
  std::vector<Json> loads;
  loads.reserve(load.seconds.size());
  for (const double seconds : load.seconds) loads.push_back(Json::Float(seconds));
  return Json::Object(
      {{"prompt", bench.prompt.has_value() ? PartJson(*bench.prompt, bench.limits) : Json()},
       {"decode", DecodeJson(options, bench)},
       {"image", ImageJson(bench)},
       {"sessions", SessionsJson(bench)},
       {"load", Json::Object({{"seconds", Json::Float(load.Median())}, {"runs", Json::Array(std::move(loads))}})},
       {"limits", LimitsJson(bench.limits)},
       {"isa", Json::String(engine.isa())},
       {"threads", Json::Integer(engine.num_threads())},
       {"threads_why", Json::String(report.threads.why)},
       {"exact", Json::Bool(options.common.exact)},
       {"repeat", Json::Integer(options.repeat)},
       {"model", ModelJson(engine)},
       {"huge_page_bytes", AmountJson(HugePageBytes())},
       {"cpu", Json::String(CpuFeatureNames(DetectCpuFeatures()))},
       {"version", Json::String(THIMBLE_VERSION)}});
}

std::string Billions(double value, int digits) { return value > 0 ? Fixed(value * 1e-9, digits) : "?"; }

void PrintPart(const std::string& name, const BenchRuns& part, const MachineLimits& limits) {
  std::printf("%-26s %9s tokens/s  (%s to %s)  %5s %% of the limit: %s\n", name.c_str(),
              Fixed(part.tokens / part.Median(), 1).c_str(), Fixed(part.tokens / part.Slowest(), 1).c_str(),
              Fixed(part.tokens / part.Fastest(), 1).c_str(), Fixed(part.PercentOfLimit(limits), 0).c_str(),
              LimitName(part, limits));
}

void PrintMachine(const BenchOptions& options, const Report& report) {
  const Engine& engine = *report.engine;
  const MachineLimits& limits = report.bench.limits;
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
}

void PrintSessions(const SessionsReport& s) {
  std::printf("%-26s %9s tokens/s  in all, %s times one's %s", Cat(s.count, " conversations at once").c_str(),
              Fixed(MedianOf(s.all), 1).c_str(), Fixed(MedianOf(Ratios(s)), 2).c_str(),
              Fixed(MedianOf(s.one), 1).c_str());
  if (s.longest_gap_ms > 0)
    std::printf("; %s ms at most between two tokens while one reads %d", Fixed(s.longest_gap_ms, 0).c_str(),
                s.gap_prompt);
  std::printf("\n");
}

void PrintReport(const BenchOptions& options, const Report& report) {
  const BenchReport& bench = report.bench;
  const MachineLimits& limits = bench.limits;
  PrintMachine(options, report);
  if (bench.prompt.has_value()) PrintPart(Cat("prompt of ", bench.prompt->tokens), *bench.prompt, limits);
  if (bench.decode.has_value()) {
    PrintPart(Cat("decoding ", bench.decode->tokens, options.depth > 0 ? Cat(" after ", options.depth) : ""),
              *bench.decode, limits);
  }
  if (bench.image.has_value()) {
    PrintPart(Cat("picture of ", bench.image_size.width, " x ", bench.image_size.height), *bench.image, limits);
    std::printf("%-26s %9s s for %d tokens, and %s s before to cut it into patches\n", "",
                Fixed(bench.image->Median(), 3).c_str(), bench.image->tokens,
                Fixed(bench.preprocess_seconds, 3).c_str());
  }
  if (bench.sessions.has_value()) PrintSessions(*bench.sessions);
  const BenchRuns load = LoadRuns(report);
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
