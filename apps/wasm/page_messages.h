// SPDX-License-Identifier: Apache-2.0
// What the page's worker says to the module, as JSON: how to start. (Heads of requests: common/request_head.h.)
// Untrusted.
#pragma once

#include "base/result.h"
#include "engine/engine.h"
#include "files/json.h"

#include <cstdint>
#include <string>
#include <string_view>

namespace thimble::browser {

struct StartConfig {
  int threads = 1;
  int context = 4096;
  KvType kv = KvType::kF16;
  std::string version;
  Json page = Json::Object();      // what the page knows of itself, for /thimble/v1/info
  std::uint64_t memory_bytes = 0;  // that the module's memory may grow to; 0: as much as the module itself allows
};

// {"threads": 2, "context": 4096, "kv": "f16", "version": "0.6.0", "page": {...}, "memory_bytes": 1073741824}, of which
// everything may be missing. kInvalid for what is none of that.
Result<StartConfig> ParseStartConfig(std::string_view text);

}  // namespace thimble::browser
