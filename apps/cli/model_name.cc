// SPDX-License-Identifier: Apache-2.0
#include "cli/model_name.h"

#include "base/text.h"
#include "host/store.h"

namespace thimble::cli {

namespace {

std::string AdviceFor(host::MissingModel missing, const std::string& text) {
  switch (missing) {
    case host::MissingModel::kSaid:
      return "";
    case host::MissingModel::kNoBuiltin:
      return ": name a model of your own (thimble chat MODEL.gguf), or run scripts/get-builtin in the source folder";
    case host::MissingModel::kForeignName:
      return Cat(": give the path of a GGUF file (`ollama show --modelfile ", text,
                 "` tells it after FROM; `thimble import FILE` gives it a name). If it is a prompt, put a model before "
                 "it: thimble run builtin '",
                 text, "'");
    case host::MissingModel::kUnknownName:
      return "; `thimble list` shows the names there";
    case host::MissingModel::kEmptyStore:
      return "; download a GGUF file and give its path; `thimble import FILE` gives it a name";
  }
  return "";
}

}  // namespace

Result<std::string> ResolveModel(const std::string& text) {
  host::ModelSearch search = host::FindModelByName(text);
  if (!search.error.has_value()) return std::move(search.path);
  return Error{search.error->code, Cat(search.error->message, AdviceFor(search.missing, text))};
}

}  // namespace thimble::cli
