// SPDX-License-Identifier: Apache-2.0
// A model on this machine: runs of each kind in turns, held against what the machine can do at most.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "measure/machine_limits.h"
#include "measure/sessions.h"
#include "model/workload.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace thimble {

// The middle value, or the mean of the middle two; 0 of none.
double MedianOf(std::vector<double> values);

// Runs of one kind, what they had to do, and in what unit people count it.
struct BenchRuns {
  int tokens = 0;
  std::vector<double> seconds;  // never empty once measured
  Workload work;

  [[nodiscard]] double Median() const { return MedianOf(seconds); }
  [[nodiscard]] double Fastest() const;
  [[nodiscard]] double Slowest() const;
  // The least time on such a machine, of the median; 0 where limits are not known.
  [[nodiscard]] double PercentOfLimit(const MachineLimits& limits) const;
  // Whether reading is that limit; else multiply-adds are.
  [[nodiscard]] bool IsMemoryBound(const MachineLimits& limits) const;
};

struct BenchPlan {
  int prompt = 0;                    // tokens to read; 0: none
  int decode = 0;                    // tokens to decode; 0: none
  int depth = 0;                     // tokens in the context before decoding
  std::optional<ImageSize> picture;  // to encode
  int repeat = 1;                    // runs that count, after one that does not
  int sessions = 0;                  // conversations that write at once; 0: not measured
  // Asked often; false ends it with kCancelled. This and the next two may be empty.
  std::function<bool()> goes_on;
  // Share of the runs done, then of those of several conversations.
  std::function<void(double share)> progress;
  std::function<void(double share)> sessions_progress;

  // Tokens of context that the runs need; those of several conversations need their own (SessionsReport).
  [[nodiscard]] int context() const;
};

struct BenchReport {
  MachineLimits limits;
  std::optional<BenchRuns> prompt;
  std::optional<BenchRuns> decode;
  std::optional<BenchRuns> image;
  std::optional<SessionsReport> sessions;
  double preprocess_seconds = 0;
  ImageSize image_size;
};

// Errors: kExhausted where the plan needs more context than the engine has, or more memory than is free; kUnsupported
// for a picture without a vision tower; kCancelled.
Result<BenchReport> MeasureModel(const std::shared_ptr<const Engine>& engine, const BenchPlan& plan);

// How many times as fast all together are as one, of each round.
std::vector<double> Ratios(const SessionsReport& report);

// The types of a model's tensors by the bytes they take, largest first: "Q4_K 58 %, Q6_K 41 %". Those below one in a
// hundred are left out.
std::string FileTypes(const ModelFile& file);

}  // namespace thimble
