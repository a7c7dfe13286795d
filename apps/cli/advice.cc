// SPDX-License-Identifier: Apache-2.0
#include "cli/advice.h"

#include "base/text.h"

#include <cstddef>

namespace thimble::cli {

namespace {

std::string WordsOf(const Advice& advice) {
  switch (advice.kind) {
    case Advice::kShorten:
      return "shorten it";
    case Advice::kLowerDetail:
      return "use smaller pictures (--detail low)";
    case Advice::kLowerPixels:
      return "use smaller pictures (--max-pixels)";
    case Advice::kRaiseImagePixels:
      return "raise --max-image-pixels";
    case Advice::kRaiseContext:
      return advice.value > 0 ? Cat("raise --context (at most ", advice.value, ")") : "a larger --context helps";
    case Advice::kLowerContext:
      return advice.value > 0 ? Cat("--context ", advice.value) : "a smaller --context";
    case Advice::kSmallerFile:
      return "try a smaller file";
    case Advice::kSmallerModel:
      return "try a smaller model";
    case Advice::kGiveAsPicture:
      return "pictures are given with --image";
    case Advice::kGiveAsVisionFile:
      return "name the text model, and give this one with --mmproj";
    case Advice::kUseModelsFiles:
      return "use the model's own files for --exact";
  }
  return "";
}

}  // namespace

std::string WordsOf(const Error& error) {
  std::string words = error.message;
  for (std::size_t i = 0; i < error.advice.size(); ++i) {
    // The message of a picture with too many pixels says itself that it could have fewer.
    if (error.advice[i].kind == Advice::kRaiseImagePixels)
      words += " or ";
    else
      words += i == 0 ? "; " : i + 1 < error.advice.size() ? ", " : ", or ";
    words += WordsOf(error.advice[i]);
  }
  return words;
}

}  // namespace thimble::cli
