// SPDX-License-Identifier: Apache-2.0
// Any bytes as one of the files that say how pictures and videos are prepared; the first byte chooses which. Whatever
// they say, limits are positive, and pictures of many shapes get a size or an error.
#include "small_model.h"

#include "files/model_file.h"
#include "image/preprocess.h"
#include "model/config.h"

#include <array>

namespace {

using namespace thimble;

void CheckSizes(const PixelLimits& limits, const VideoLimits& video) {
  fuzz::Require(limits.min_pixels > 0 && limits.max_pixels > 0 && video.min_pixels > 0 && video.max_pixels > 0);
  const PatchSizes sizes;
  for (const auto& [height, width] : {std::pair{1, 1}, {1, 199}, {640, 480}, {30000, 20000}, {1 << 20, 1 << 20}}) {
    for (const auto& size :
         {SmartResize(height, width, sizes, limits), SmartResizeVideo(7, height, width, sizes, video)}) {
      if (!size.ok()) {
        fuzz::Require(!size.error().message.empty());
        continue;
      }
      const int block = sizes.patch * sizes.merge;
      fuzz::Require(size.value().width > 0 && size.value().height > 0);
      fuzz::Require(size.value().width % block == 0 && size.value().height % block == 0);
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  constexpr std::array kNames = {"preprocessor_config.json", "processor_config.json", "video_preprocessor_config.json"};
  if (size == 0) return 0;
  const std::string text(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const auto folder =
      fuzz::SmallFolder({{"config.json", std::string(fuzz::kSmallConfig)}, {kNames[bytes[0] % kNames.size()], text}});
  fuzz::Require(folder.ok());
  std::vector<std::string> warnings;
  const auto config = ReadModelConfig(folder.value(), nullptr, &warnings);
  fuzz::Require(config.ok() && config.value().vision.has_value());
  const auto limits = ReadPixelLimits(folder.value());
  const auto video = ReadVideoLimits(folder.value());
  // Bytes in memory can always be read; what they say is at worst left alone, with a warning.
  fuzz::Require(limits.ok() && video.ok());
  CheckSizes(limits.value(), video.value());
  return 0;
}
