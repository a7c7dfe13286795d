// SPDX-License-Identifier: Apache-2.0
// Where the system does not say which cores it has: WebAssembly, and POSIX systems other than Linux.
#include "sys/machine.h"
#include "sys/topology.h"

namespace thimble {

CpuTopology DetectCpuTopology() {
  const int count = NumUsableCores();
  return CpuTopology{{CoreClass{count, count, 1.0}}, count};
}

CpuTopology DetectAllCores() { return DetectCpuTopology(); }

}  // namespace thimble
