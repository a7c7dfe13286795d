// SPDX-License-Identifier: Apache-2.0
// Any bytes as a GGUF model: sizes read, weights found and checked. Nothing may happen but an error or a loaded model.
#include "files/model_file.h"
#include "model/config.h"
#include "model/load.h"
#include "sys/byte_source.h"
#include "sys/thread_pool.h"

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
  std::vector<std::byte> copy(size);
  if (size > 0) std::memcpy(copy.data(), bytes, size);
  const auto file = ModelFile::FromGguf(MemorySource(std::move(copy)), "fuzz.gguf");
  if (!file.ok()) return 0;
  std::vector<std::string> warnings;
  const auto config = ReadModelConfig(file.value(), nullptr, &warnings);
  if (!config.ok()) {
    if (config.error().message.empty()) std::abort();
    return 0;
  }
  const auto unused = FindUnusedTensors(file.value(), nullptr, config.value());
  WarnOfUnused(unused, &warnings);
  if (const Status status = CheckUnused(unused); !status.ok() && status.error().message.empty()) std::abort();
  static ThreadPool pool(1);
  for (const Precision precision : {Precision::kExact, Precision::kFast}) {
    LoadOptions options;
    options.pool = &pool;
    options.precision = precision;
    options.warnings = &warnings;
    const auto weights = LoadWeights(file.value(), nullptr, config.value(), options);
    if (!weights.ok() && weights.error().message.empty()) std::abort();
  }
  return 0;
}
