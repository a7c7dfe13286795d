// SPDX-License-Identifier: Apache-2.0
#include "measure/model_bench.h"

#include "base/text.h"
#include "measure/bench.h"
#include "measure/least_time.h"
#include "sys/machine.h"

#include <algorithm>
#include <map>

namespace thimble {

namespace {

constexpr double kLimitSeconds = 1.0;

// One plan being carried out.
class Measurement {
 public:
  Measurement(const std::shared_ptr<const Engine>& engine, const BenchPlan& plan) : engine_(engine), plan_(plan) {}

  Status Prepare() {
    if (plan_.picture.has_value()) {
      const double begin = MonotonicSeconds();
      THIMBLE_ASSIGN_OR_RETURN(patches_, MakeBenchPicture(*engine_, plan_.picture->width, plan_.picture->height));
      report_.preprocess_seconds = MonotonicSeconds() - begin;
      report_.image_size = patches_->resized;
    }
    THIMBLE_ASSIGN_OR_RETURN(bench_, Bench::Create(engine_, plan_.context(), plan_.goes_on));
    THIMBLE_ASSIGN_OR_RETURN(report_.limits, bench_->MeasureMachine(kLimitSeconds));
    Show(1);
    if (plan_.decode > 0) THIMBLE_RETURN_IF_ERROR(bench_->Fill(plan_.depth));
    if (plan_.prompt > 0) report_.prompt = BenchRuns{plan_.prompt, {}, bench_->PromptWork(plan_.prompt)};
    if (plan_.decode > 0) report_.decode = BenchRuns{plan_.decode, {}, bench_->DecodeWork(plan_.decode)};
    if (patches_.has_value()) {
      const int merge = engine_->config().vision->patches.merge;
      const int tokens = static_cast<int>(patches_->num_patches() / (merge * merge));
      report_.image = BenchRuns{tokens, {}, bench_->PictureWork(*patches_)};
    }
    return Done{};
  }

  // In turns, so that a noisy minute of the machine spoils a run of each instead of all of one.
  Status Run() {
    for (int round = 0; round <= plan_.repeat; ++round) {
      const auto keep = [&](BenchRuns* runs, double seconds) {
        if (round > 0) runs->seconds.push_back(seconds);
      };
      if (report_.prompt.has_value()) {
        THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench_->ReadPrompt(plan_.prompt));
        keep(&*report_.prompt, seconds);
      }
      if (report_.decode.has_value()) {
        THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench_->Decode(plan_.decode));
        keep(&*report_.decode, seconds);
      }
      if (report_.image.has_value()) {
        THIMBLE_ASSIGN_OR_RETURN(const double seconds, bench_->EncodePicture(*patches_));
        keep(&*report_.image, seconds);
      }
      Show(round + 2);
    }
    return Done{};
  }

  BenchReport Take() { return std::move(report_); }

 private:
  // The limits count as one round, what is not measured yet (caches and clocks warm up) as another.
  void Show(int rounds) const {
    if (plan_.progress) plan_.progress(rounds / (plan_.repeat + 2.0));
  }

  const std::shared_ptr<const Engine>& engine_;
  const BenchPlan& plan_;
  std::optional<Patches> patches_;
  std::unique_ptr<Bench> bench_;
  BenchReport report_;
};

}  // namespace

double MedianOf(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t middle = values.size() / 2;
  if (values.empty()) return 0;
  return values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
}

double BenchRuns::Fastest() const { return *std::min_element(seconds.begin(), seconds.end()); }
double BenchRuns::Slowest() const { return *std::max_element(seconds.begin(), seconds.end()); }
double BenchRuns::PercentOfLimit(const MachineLimits& limits) const {
  return 100 * LeastTimeFor(work, limits).seconds / Median();
}
bool BenchRuns::IsMemoryBound(const MachineLimits& limits) const { return LeastTimeFor(work, limits).is_memory_bound; }

int BenchPlan::context() const { return std::max({1, prompt, decode > 0 ? depth + decode : 0}); }

Result<BenchReport> MeasureModel(const std::shared_ptr<const Engine>& engine, const BenchPlan& plan) {
  if (plan.context() > engine->context()) {
    return Error{Code::kExhausted, Cat("[bench] a context of ", engine->context(), " tokens, but ", plan.context(),
                                       " are asked for by the prompt, or the depth and the tokens to decode")};
  }
  Measurement measurement(engine, plan);
  THIMBLE_RETURN_IF_ERROR(measurement.Prepare());
  THIMBLE_RETURN_IF_ERROR(measurement.Run());
  BenchReport report = measurement.Take();
  if (plan.sessions > 0) {
    const auto goes_on = [&] { return !plan.goes_on || plan.goes_on(); };
    const auto show = [&](double share) {
      if (plan.sessions_progress) plan.sessions_progress(share);
    };
    THIMBLE_ASSIGN_OR_RETURN(
        report.sessions, MeasureSessions(engine, plan.sessions, std::max(2, plan.decode), plan.repeat, goes_on, show));
  }
  return report;
}

std::vector<double> Ratios(const SessionsReport& report) {
  std::vector<double> ratios;
  for (std::size_t i = 0; i < report.one.size(); ++i) {
    if (report.one[i] > 0) ratios.push_back(report.all[i] / report.one[i]);
  }
  return ratios;
}

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

}  // namespace thimble
