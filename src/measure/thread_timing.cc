// SPDX-License-Identifier: Apache-2.0
#include "measure/thread_timing.h"

#include "base/buffer.h"
#include "base/rng.h"
#include "kernels/kernels.h"
#include "ops/matmul.h"
#include "ops/ops.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <memory>

namespace thimble {

namespace {

// Shapes like those of a small model: products of some megabytes each, one after the other, all of them more than the
// caches hold.
constexpr std::int64_t kCols = 1024;
constexpr std::int64_t kRows = 7168;
constexpr std::int64_t kPromptRows = 64;
constexpr std::int64_t kPromptOutputs = 2048;
constexpr int kMostMatrices = 12;
constexpr auto kFamily = kernels::Family::kU4Super;
constexpr double kWithin = 1.05;
constexpr int kLeastRounds = 2;

struct Work {
  Buffer<std::byte> bytes;
  std::vector<PackedMatrix> weights;
  Buffer<float> inputs;
  Buffer<float> outputs;
  Activations activations;

  void Decode(const Ops& ops) {
    activations.Set(MatView<const float>(inputs.data(), 1, kCols));
    for (const PackedMatrix& w : weights) MatMul(ops, &activations, w, MatView<float>(outputs.data(), 1, kRows));
  }
  void Prompt(const Ops& ops) {
    activations.Set(MatView<const float>(inputs.data(), kPromptRows, kCols));
    const auto size = static_cast<std::size_t>(PackedMatrix::PackedBytes(kFamily, kPromptOutputs, kCols));
    const PackedMatrix w =
        PackedMatrix::FromPanels(DType::kQ4_K, kFamily, kPromptOutputs, kCols, bytes.span().subspan(0, size));
    MatMul(ops, &activations, w, MatView<float>(outputs.data(), kPromptRows, kPromptOutputs));
  }
};

// Bytes whose 16-bit scales are small normal numbers: what is not a normal number would be slow on some processors.
void Fill(ThreadPool* pool, std::span<std::byte> bytes) {
  constexpr std::size_t kPiece = std::size_t{1} << 20;
  pool->Run(static_cast<int>((bytes.size() + kPiece - 1) / kPiece), [&](int task, int) {
    const std::size_t first = static_cast<std::size_t>(task) * kPiece;
    std::memset(bytes.data() + first, 0x15, std::min(kPiece, bytes.size() - first));
  });
}

Result<Work> MakeWork(ThreadPool* pool) {
  Work work;
  const std::uint64_t each = PackedMatrix::PackedBytes(kFamily, kRows, kCols);
  int count = kMostMatrices;
  if (const std::uint64_t available = AvailableMemoryBytes(); available > 0)
    count = static_cast<int>(std::clamp<std::uint64_t>(available / 8 / each, 1, kMostMatrices));
  THIMBLE_ASSIGN_OR_RETURN(work.bytes, Buffer<std::byte>::Create(static_cast<std::size_t>(each * count)));
  THIMBLE_ASSIGN_OR_RETURN(work.inputs, Buffer<float>::Create(kPromptRows * kCols));
  THIMBLE_ASSIGN_OR_RETURN(work.outputs, Buffer<float>::Create(std::max(kRows, kPromptRows * kPromptOutputs)));
  THIMBLE_ASSIGN_OR_RETURN(work.activations, Activations::Create(kPromptRows, kCols));
  Fill(pool, work.bytes.span());
  for (std::size_t i = 0; i < work.inputs.size(); ++i)
    work.inputs[i] = static_cast<float>(RandomBits(1, i) % 2001) / 1000.0F - 1.0F;
  for (int i = 0; i < count; ++i) {
    const auto size = static_cast<std::size_t>(each);
    work.weights.push_back(PackedMatrix::FromPanels(
        DType::kQ4_K, kFamily, kRows, kCols, work.bytes.span().subspan(static_cast<std::size_t>(i) * size, size)));
  }
  return work;
}

// What a count's runs took all together.
struct Spent {
  double wall = 0;
  double processors = 0;
};

template <typename F>
void Time(double* fastest, Spent* spent, const F& run) {
  const double processors = ProcessorSeconds();
  const double begin = MonotonicSeconds();
  run();
  const double seconds = MonotonicSeconds() - begin;
  *fastest = std::min(*fastest, seconds);
  spent->wall += seconds;
  spent->processors += ProcessorSeconds() - processors;
}

}  // namespace

Result<std::vector<ThreadTiming>> TimeThreads(const kernels::KernelTable& table, std::span<const ThreadCount> counts,
                                              double seconds, const std::function<bool()>& goes_on) {
  const double begin = MonotonicSeconds();
  constexpr double kNever = std::numeric_limits<double>::infinity();
  std::vector<std::unique_ptr<ThreadPool>> pools;
  std::vector<ThreadTiming> timings;
  for (const ThreadCount& count : counts) {
    auto pool = std::make_unique<ThreadPool>(count.threads, count.slowest_share);
    if (pool->num_threads() != count.threads) continue;
    pools.push_back(std::move(pool));
    timings.push_back({count.threads, kNever, kNever});
  }
  if (pools.empty()) return timings;
  std::vector<Spent> spent(pools.size());
  THIMBLE_ASSIGN_OR_RETURN(Work work, MakeWork(pools.back().get()));
  for (int round = 0; round < kLeastRounds || MonotonicSeconds() - begin < seconds; ++round) {
    for (std::size_t i = 0; i < pools.size(); ++i) {
      if (goes_on && !goes_on()) return Error{Code::kCancelled, "[threads] cancelled"};
      const Ops ops{table, *pools[i]};
      Time(&timings[i].prompt_seconds, &spent[i], [&] { work.Prompt(ops); });
      Time(&timings[i].decode_seconds, &spent[i], [&] { work.Decode(ops); });
    }
  }
  for (std::size_t i = 0; i < pools.size(); ++i) {
    if (spent[i].processors > 0)
      timings[i].core_share = std::min(1.0, spent[i].processors / (spent[i].wall * timings[i].threads));
  }
  return timings;
}

Result<std::vector<ThreadTiming>> MeasureThreads(const CpuTopology& topology, std::span<const int> counts,
                                                 const std::string& isa, const std::function<bool()>& goes_on) {
  constexpr double kSeconds = 0.25;
  std::vector<std::string> warnings;  // Engine::Open says them
  THIMBLE_ASSIGN_OR_RETURN(const kernels::KernelTable* table,
                           kernels::ChooseTested(DetectCpuFeatures(), isa, &warnings));
  std::vector<ThreadCount> pools;
  pools.reserve(counts.size());
  for (const int count : counts) pools.push_back({count, SlowestShare(topology, count)});
  return TimeThreads(*table, pools, kSeconds, goes_on);
}

bool WereCoresBusy(std::span<const ThreadTiming> timings) {
  constexpr double kLeastShare = 0.8;
  return std::any_of(timings.begin(), timings.end(),
                     [](const ThreadTiming& timing) { return timing.core_share < kLeastShare; });
}

int BestThreads(std::span<const ThreadTiming> timings) {
  double decode = std::numeric_limits<double>::infinity();
  double prompt = decode;
  for (const ThreadTiming& timing : timings) {
    decode = std::min(decode, timing.decode_seconds);
    prompt = std::min(prompt, timing.prompt_seconds);
  }
  const auto cost = [&](const ThreadTiming& timing) {
    return timing.decode_seconds / decode + timing.prompt_seconds / prompt;
  };
  double least = std::numeric_limits<double>::infinity();
  for (const ThreadTiming& timing : timings) least = std::min(least, cost(timing));
  int best = 0;
  for (const ThreadTiming& timing : timings) {
    if (cost(timing) <= kWithin * least && (best == 0 || timing.threads < best)) best = timing.threads;
  }
  return best;
}

}  // namespace thimble
