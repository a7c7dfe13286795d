// SPDX-License-Identifier: Apache-2.0
#include "measure/machine_limits.h"

#include "base/buffer.h"
#include "kernels/peak.h"
#include "sys/machine.h"
#include "sys/pages.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <vector>

namespace thimble {

namespace {

constexpr std::int64_t kBytesPerTask = std::int64_t{1} << 20;
// Rounds of a multiply-add loop a task: some hundred microseconds, so that waking threads does not count, and a task
// that was held up spoils one run only.
constexpr std::int64_t kRoundsPerTask = 20'000;
constexpr int kTasksPerThread = 4;
constexpr int kLeastRuns = 3;

struct Rates {
  double fastest = 0;
  double median = 0;
};

// What `run` (which returns an amount) does in a second, over as many runs as fit into `seconds`.
template <typename F>
Result<Rates> Repeat(double seconds, const std::function<bool()>& goes_on, const F& run) {
  std::vector<double> rates;
  const double begin = MonotonicSeconds();
  for (int i = 0; i < kLeastRuns || MonotonicSeconds() - begin < seconds; ++i) {
    if (goes_on && !goes_on()) return Error{Code::kCancelled, "[limits] cancelled"};
    const double start = MonotonicSeconds();
    const double amount = run();
    rates.push_back(amount / std::max(MonotonicSeconds() - start, 1e-9));
  }
  std::sort(rates.begin(), rates.end());
  return Rates{rates.back(), rates[rates.size() / 2]};
}

Result<double> MultiplyAdds(const Ops& ops, std::int64_t (*loop)(std::int64_t), const LimitOptions& options) {
  const auto run = [&] {
    std::atomic<std::int64_t> done{0};
    ops.pool.Run(ops.pool.num_threads() * kTasksPerThread, [&](int, int) { done += loop(kRoundsPerTask); });
    return static_cast<double>(done.load());
  };
  THIMBLE_ASSIGN_OR_RETURN(const Rates rates, Repeat(options.seconds / 4, options.goes_on, run));
  return rates.fastest;
}

// Every thread writes its pages itself, as loading does, and none stays the shared page of zeros.
void Fill(const Ops& ops, Buffer<std::byte>* memory) {
  ops.pool.Run(static_cast<int>(static_cast<std::int64_t>(memory->size()) / kBytesPerTask),
               [&](int task, int) { std::memset(memory->data() + task * kBytesPerTask, task + 1, kBytesPerTask); });
}

Result<Rates> ReadBytes(const Ops& ops, const Buffer<std::byte>& memory, const LimitOptions& options) {
  const kernels::PeakKernels peak = kernels::PeakOf(ops.kernels);
  std::atomic<std::uint64_t> sink{0};
  return Repeat(options.seconds / 4, options.goes_on, [&] {
    ops.pool.Run(static_cast<int>(static_cast<std::int64_t>(memory.size()) / kBytesPerTask),
                 [&](int task, int) { sink ^= peak.read(memory.data() + task * kBytesPerTask, kBytesPerTask); });
    return static_cast<double>(memory.size());
  });
}

}  // namespace

Result<MachineLimits> MeasureLimits(const Ops& ops, const LimitOptions& options) {
  static_assert(kBytesPerTask % kernels::kReadStep == 0);
  const kernels::PeakKernels peak = kernels::PeakOf(ops.kernels);
  MachineLimits limits;
  THIMBLE_ASSIGN_OR_RETURN(limits.int8_multiply_adds, MultiplyAdds(ops, peak.int8_multiply_adds, options));
  THIMBLE_ASSIGN_OR_RETURN(limits.float_multiply_adds, MultiplyAdds(ops, peak.float_multiply_adds, options));

  std::uint64_t bytes = options.read_bytes;
  if (const std::uint64_t available = AvailableMemoryBytes(); available > 0) bytes = std::min(bytes, available / 4);
  bytes = std::max<std::uint64_t>(bytes / kBytesPerTask, 2) * kBytesPerTask;
  {
    THIMBLE_ASSIGN_OR_RETURN(auto memory, Buffer<std::byte>::Create(static_cast<std::size_t>(bytes)));
    const std::uint64_t before = HugePageBytes();
    Fill(ops, &memory);
    const std::uint64_t after = HugePageBytes();
    limits.huge_page_share =
        std::clamp((static_cast<double>(after) - static_cast<double>(before)) / static_cast<double>(bytes), 0.0, 1.0);
    THIMBLE_ASSIGN_OR_RETURN(const Rates rates, ReadBytes(ops, memory, options));
    limits.read_bytes = rates.fastest;
    limits.typical_read_bytes = rates.median;
  }
  THIMBLE_ASSIGN_OR_RETURN(auto memory, Buffer<std::byte>::Create(static_cast<std::size_t>(bytes)));
  if (!UseSmallPages(memory.data(), memory.size())) return limits;
  Fill(ops, &memory);
  THIMBLE_ASSIGN_OR_RETURN(const Rates rates, ReadBytes(ops, memory, options));
  limits.read_bytes_small_pages = rates.fastest;
  return limits;
}

}  // namespace thimble
