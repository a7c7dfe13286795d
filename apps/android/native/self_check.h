// SPDX-License-Identifier: Apache-2.0
// A look at the device: what runs here, how fast, and what the system lets this program do. For reports.
#pragma once

#include "files/json.h"

#include <string>
#include <string_view>

namespace thimble::android {

struct SelfCheckOptions {
  std::string version;
  int threads = 0;      // 0: as this processor is
  std::string builtin;  // a model file or pack that answers once; empty: none does
  std::string folder;   // where the folder of models is; empty: none. A pack of the built-in model in it goes first.
};

// An object, README.md tells what is in it. "passed" is false where something that answers need is wrong. Some seconds.
Json SelfCheck(const SelfCheckOptions& options);

// The name of the kernels that this processor runs.
std::string KernelsOfThis();

}  // namespace thimble::android
