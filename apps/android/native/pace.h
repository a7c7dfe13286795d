// SPDX-License-Identifier: Apache-2.0
// Pace: what the governor decided from the app's last readings, and what it is applied to: the engine's thread, the
// open model's threads, requests.
#pragma once

#include "base/thread_annotations.h"
#include "engine/engine.h"
#include "engine/governor.h"
#include "engine/request.h"
#include "sys/mutex.h"
#include "sys/topology.h"

#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace thimble::android {

// Any thread.
class Pace {
 public:
  // `most_threads`: what the engine computes with unhindered. `topology`: all cores of the phone (DetectAllCores).
  Pace(int most_threads, CpuTopology topology);

  // The decision, where it is another one than before. Engines' threads are placed each time: an app that was in the
  // background had other processors, and the system forgets then what was asked for.
  std::optional<GovernorDecision> Take(const DeviceReadings& readings, PowerMode mode);
  // From now on this engine's threads follow.
  void SetEngine(const Engine& engine);
  // Where the engine's threads are to run now; empty: where the system puts them.
  [[nodiscard]] std::vector<int> processors() const;
  // Asks for less of what the request leaves open or wants more of.
  void Temper(GenerateRequest* request) const;

  // Nothing is to be computed now.
  [[nodiscard]] bool is_stopped() const;
  // Seconds to rest after a step of the engine.
  [[nodiscard]] double rest_seconds() const;

 private:
  void Apply() THIMBLE_REQUIRES(mutex_);

  const int most_threads_;
  const CpuTopology topology_;
  mutable Mutex mutex_;
  std::optional<GovernorDecision> decision_ THIMBLE_GUARDED_BY(mutex_);
  std::vector<int> processors_ THIMBLE_GUARDED_BY(mutex_);
  std::weak_ptr<const Engine> engine_ THIMBLE_GUARDED_BY(mutex_);
};

}  // namespace thimble::android
