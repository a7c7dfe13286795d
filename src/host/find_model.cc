// SPDX-License-Identifier: Apache-2.0
#include "host/find_model.h"

#include "base/no_memory.h"
#include "engine/text_model.h"
#include "host/find_vision.h"
#include "host/model_folder.h"
#include "host/open_model_file.h"
#include "model/config.h"
#include "sys/machine.h"

#include <utility>

namespace thimble::host {

namespace {

// Takes the vision file that lies beside the model, if there is one to take.
void PairVision(ModelFiles* files) {
  const ModelFile& text = *files->text;
  // What is wrong with the model opening it will say.
  const auto config = ReadModelConfig(text, nullptr, nullptr);
  if (!config.ok() || config.value().vision.has_value()) return;
  FoundVisionFile found =
      FindVisionFile(text, config.value().width, [&](const ModelFile& vision) { return CheckTowerFits(text, vision); });
  files->vision = std::move(found.file);
  files->vision_choice = std::move(found.choice);
  files->vision_choice.is_found = files->vision != nullptr;
}

Result<ModelFiles> Find(const std::string& path, const FindOptions& options) {
  ModelFiles files;
  THIMBLE_ASSIGN_OR_RETURN(auto text, OpenModelFile(path));
  files.text = std::make_shared<const ModelFile>(std::move(text));
  if (files.text->tensors().empty()) files.why_no_weights = WhyNoModel(path);
  if (options.mmproj.empty()) {
    PairVision(&files);
    return files;
  }
  // Of two things wrong the model's own is said first.
  if (const auto config = ReadModelConfig(*files.text, nullptr, nullptr); !config.ok()) return files;
  THIMBLE_ASSIGN_OR_RETURN(auto vision, OpenModelFile(options.mmproj));
  files.vision = std::make_shared<const ModelFile>(std::move(vision));
  files.vision_choice = {files.vision->path(), "given with --mmproj", {}, false};
  return files;
}

Result<ModelFiles> FindFor(const OpenOptions& options) {
  return ExhaustedIfNoMemory([&] { return FindModel(options.model, {options.mmproj}); });
}

}  // namespace

Result<ModelFiles> FindModel(const std::string& path, const FindOptions& options) {
  const double begin = MonotonicSeconds();
  auto files = ExhaustedIfNoMemory([&] { return Find(path, options); });
  if (files.ok()) files.value().seconds = MonotonicSeconds() - begin;
  return files;
}

Result<std::shared_ptr<const Engine>> OpenModel(const OpenOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const ModelFiles files, FindFor(options));
  return Engine::Open(files, options);
}

Result<Engine::Description> DescribeModel(const OpenOptions& options) {
  THIMBLE_ASSIGN_OR_RETURN(const ModelFiles files, FindFor(options));
  return Engine::Describe(files, options);
}

Result<TextModel> OpenTextModel(const std::string& path) {
  return ExhaustedIfNoMemory([&]() -> Result<TextModel> {
    THIMBLE_ASSIGN_OR_RETURN(const ModelFile file, OpenModelFile(path));
    return ReadTextModel(file);
  });
}

}  // namespace thimble::host
