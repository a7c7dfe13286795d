// SPDX-License-Identifier: Apache-2.0
// Splits work on independent rows over threads, where there is enough of it to pay for waking them.
#pragma once

#include "ops/ops.h"

#include <algorithm>
#include <cstdint>

namespace thimble {

// Calls body(row) for every row. `cost` is the work of one row in simple operations; below some 30,000 in all (about
// ten microseconds) the caller does everything itself.
template <typename F>
void ForEachRow(const Ops& ops, std::int64_t rows, std::int64_t cost, const F& body) {
  constexpr std::int64_t kWorthATask = 16384;
  const std::int64_t per_task = std::max<std::int64_t>(1, kWorthATask / std::max<std::int64_t>(1, cost));
  if (rows <= per_task || rows * cost < 2 * kWorthATask) {
    for (std::int64_t row = 0; row < rows; ++row) body(row);
    return;
  }
  ops.pool.Run(static_cast<int>((rows + per_task - 1) / per_task), [&](int task, int) {
    const std::int64_t first = task * per_task;
    const std::int64_t end = std::min(rows, first + per_task);
    for (std::int64_t row = first; row < end; ++row) body(row);
  });
}

}  // namespace thimble
