// SPDX-License-Identifier: Apache-2.0
// thimble version: what this program is and what it runs on.
#include "cli/options.h"
#include "cli/terminal.h"
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <cstdio>

namespace thimble::cli {

int Version(bool json) {
  const CpuFeatures features = DetectCpuFeatures();
  const auto table = kernels::Choose(features, "");
  const std::string isa = table.ok() ? table.value()->name : "";
  if (json) {
    return PrintJson(Json::Object({{"version", Json::String(THIMBLE_VERSION)},
                                   {"isa", Json::String(isa)},
                                   {"cpu", Json::String(CpuFeatureNames(features))},
                                   {"threads", Json::Integer(NumUsableCores())}}));
  }
  std::printf("thimble %s\nkernels %s (processor: %s), %d usable cores\n", THIMBLE_VERSION, isa.c_str(),
              CpuFeatureNames(features).c_str(), NumUsableCores());
  return kExitOk;
}

}  // namespace thimble::cli
