// SPDX-License-Identifier: Apache-2.0
#include "common/gather_files.h"

#include "base/text.h"
#include "common/stored_source.h"
#include "files/gguf.h"
#include "host/model_folder.h"
#include "model/config.h"

#include <algorithm>
#include <map>
#include <memory>
#include <utility>

namespace thimble::common {

namespace {

// Keys of a GGUF file that say what it is stand before its vocabulary.
constexpr std::size_t kLabelBytes = std::size_t{16} << 10;

// Opens each file once.
class Sources {
 public:
  explicit Sources(Storage* storage) : storage_(storage) {}

  Result<std::shared_ptr<const ByteSource>> Of(const ModelPlace& place) {
    if (const auto open = open_.find(place.stored); open != open_.end()) return open->second;
    auto source = OpenStoredSource(storage_, place.stored);
    if (!source.ok()) return WithPlace(source.error(), EscapeControls(place.shown));
    open_.emplace(place.stored, source.value());
    return source;
  }

 private:
  Storage* storage_;
  std::map<std::string, std::shared_ptr<const ByteSource>> open_;
};

bool IsVision(const ByteSource& source, const std::string& shown) {
  const auto head = source.View(0, std::min<std::uint64_t>(source.size(), kLabelBytes));
  return host::IsVisionFile(shown, head.ok() ? ReadGgufLabel(head.value().span()) : GgufLabel{});
}

struct Half {
  std::vector<ModelPlace> text;
  std::vector<ModelPlace> vision;
};

Result<Half> Sort(const std::vector<ModelPlace>& places, Sources* sources) {
  Half half;
  for (const ModelPlace& place : places) {
    if (!host::IsNamedLike(place.shown, ".gguf")) continue;
    THIMBLE_ASSIGN_OR_RETURN(const auto source, sources->Of(place));
    (IsVision(*source, place.shown) ? half.vision : half.text).push_back(place);
  }
  return half;
}

// The parts of a model that is split into `count`, by what their headers say.
Result<std::vector<NamedSource>> PartsAmong(const std::vector<ModelPlace>& text, std::int64_t count, Sources* sources) {
  std::vector<NamedSource> parts(static_cast<std::size_t>(std::max<std::int64_t>(0, count)));
  if (static_cast<std::uint64_t>(count) > text.size() + 1) parts.resize(text.size() + 1);
  for (const ModelPlace& place : text) {
    THIMBLE_ASSIGN_OR_RETURN(auto source, sources->Of(place));
    const auto held = ReadGgufHeader(*source);
    if (!held.ok()) return WithPlace(held.error(), EscapeControls(place.shown));
    const Metadata& metadata = held.value().header.metadata;
    const auto number = metadata.Int("split.no").value_or(-1);
    if (metadata.Int("split.count").value_or(1) != count || number < 0 ||
        static_cast<std::uint64_t>(number) >= parts.size())
      continue;
    parts[static_cast<std::size_t>(number)] = {place.shown, std::move(source)};
  }
  for (std::size_t i = 0; i < parts.size(); ++i) {
    if (parts[i].source == nullptr)
      return Error{Code::kNotFound, Cat("[gguf] part ", i + 1, " of ", count, " is missing: send it too")};
  }
  return parts;
}

// Files that cannot be read now, or for want of memory, are no files that do not fit: that is an error.
Status TakeVision(const std::vector<ModelPlace>& vision, Sources* sources, GatheredModel* model) {
  VisionChoice& choice = model->files.vision_choice;
  choice.why = "no vision file (mmproj) came with the model";
  const auto alone = ReadModelConfig(*model->files.text, nullptr, nullptr);
  if (!alone.ok() || alone.value().vision.has_value()) return Done{};  // opening it says what is wrong
  for (const ModelPlace& place : vision) {
    THIMBLE_ASSIGN_OR_RETURN(auto source, sources->Of(place));
    auto file = ModelFile::FromGguf(std::move(source), place.shown);
    Status fits = file.ok() ? CheckTowerFits(*model->files.text, file.value()) : Status(file.error());
    if (!fits.ok()) {
      if (const Code code = fits.error().code; code == Code::kSystem || code == Code::kExhausted) return fits;
      choice.why = Cat("no pictures, the vision file does not fit: ", fits.error().message);
      choice.is_refusal = true;
      continue;
    }
    model->files.vision = std::make_shared<const ModelFile>(std::move(file).value());
    model->vision_stored = place.stored;
    choice = {place.shown, "the vision file that came with the model", {}, false};
    choice.is_found = true;
    return Done{};
  }
  return Done{};
}

}  // namespace

Result<bool> IsWholeModel(Storage* storage, const ModelPlace& file) {
  const std::string shown = EscapeControls(file.shown);
  const auto source = OpenStoredSource(storage, file.stored);
  if (!source.ok()) return WithPlace(source.error(), shown);
  const auto held = ReadGgufHeader(*source.value());
  if (!held.ok()) return WithPlace(held.error(), shown);
  const Metadata& metadata = held.value().header.metadata;
  return metadata.Int("split.count").value_or(1) <= 1 && !host::IsVisionFile(file.shown, LabelOf(metadata));
}

Result<GatheredModel> GatherModel(Storage* storage, const std::vector<ModelPlace>& places) {
  Sources sources(storage);
  THIMBLE_ASSIGN_OR_RETURN(Half half, Sort(places, &sources));
  if (half.text.empty())
    return Error{Code::kNotFound,
                 "[store] there is no model that writes text among the files: send its .gguf file too"};
  GatheredModel model;
  THIMBLE_ASSIGN_OR_RETURN(auto source, sources.Of(half.text.front()));
  NamedSource first{half.text.front().shown, std::move(source)};
  auto text = ModelFile::FromGguf(std::move(first), half.text.front().shown, [&](std::int64_t, std::int64_t count) {
    return PartsAmong(half.text, count, &sources);
  });
  if (!text.ok()) return text.error();
  if (text.value().shard_paths().size() < half.text.size()) {
    return Error{Code::kInvalid, Cat("[store] there are ", half.text.size(), " models among the files (",
                                     EscapeControls(half.text[0].shown), ", ", EscapeControls(half.text[1].shown),
                                     "): send the files of one")};
  }
  model.files.text = std::make_shared<const ModelFile>(std::move(text).value());
  THIMBLE_RETURN_IF_ERROR(TakeVision(half.vision, &sources, &model));
  return model;
}

}  // namespace thimble::common
