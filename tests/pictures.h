// SPDX-License-Identifier: Apache-2.0
// Pictures of the fixtures for tests that are not about decoding.
#pragma once

#include "conformance/loaded_model.h"
#include "image/image.h"
#include "npy.h"

#if defined(THIMBLE_HAVE_CODECS)
#include "image/decode.h"
#endif

#include <string>

namespace thimble::testing {

// Builds without codecs lack what the fixtures have no decoded form of.
inline bool CanLoadPicture([[maybe_unused]] const std::string& name) {
#if defined(THIMBLE_HAVE_CODECS)
  return true;
#else
  return name != "large.png";
#endif
}

// vision/images/`name`; in builds without codecs as the reference decoded it.
inline Image LoadPicture(const std::string& name) {
#if defined(THIMBLE_HAVE_CODECS)
  return Get(DecodeImageFile(Fixture("vision/images/" + name), {}));
#else
  const Json index = LoadJson(Fixture("vision/processor/processor_cases.json"));
  for (const Json& item : index.Find("cases")->items()) {
    const Json* const decoded = item.Find("decoded_rgb");
    if (item.Find("image")->text() != name || decoded == nullptr) continue;
    const NpyArray pixels = LoadNpy(Fixture("vision/processor/" + std::string(decoded->Find("file")->text())));
    const auto bytes = pixels.As<std::uint8_t>();
    return Image{static_cast<int>(pixels.shape[1]), static_cast<int>(pixels.shape[0]), {bytes.begin(), bytes.end()}};
  }
  Fail(name + ": the fixtures have no decoded form of it");
#endif
}

}  // namespace thimble::testing
