// SPDX-License-Identifier: Apache-2.0
// Any bytes as the config.json of a folder with safetensors: an error, or sizes by which weights are found and loaded.
#include "small_model.h"

#include "base/text.h"
#include "files/model_file.h"
#include "model/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace thimble;
  static const bool is_right = [] {
    const auto folder = fuzz::SmallFolder({{"config.json", std::string(fuzz::kSmallConfig)}});
    return folder.ok() && fuzz::CheckModel(folder.value(), nullptr);
  }();
  fuzz::Require(is_right);
  const auto folder = fuzz::SmallFolder({{"config.json", {reinterpret_cast<const char*>(bytes), size}}});
  fuzz::Require(folder.ok());
  fuzz::CheckModel(folder.value(), nullptr);
  return 0;
}
