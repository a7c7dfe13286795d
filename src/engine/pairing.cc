// SPDX-License-Identifier: Apache-2.0
#include "engine/pairing.h"

#include "base/text.h"
#include "sys/folder.h"

#include <algorithm>
#include <cctype>

namespace thimble {

namespace {

std::string Lower(std::string text) {
  for (char& c : text) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return text;
}

// "models/mmproj-qwen3.5-0.8b-f16.gguf" -> "qwen3.5-0.8b-f16"
std::string StemOf(const std::string& path) {
  std::string stem = Lower(NameOf(path));
  stem.resize(std::min(stem.rfind('.'), stem.size()));
  for (const char* part : {"mmproj-", "-mmproj", "mmproj_", "_mmproj", ".mmproj", "mmproj"}) {
    if (const std::size_t at = stem.find(part); at != std::string::npos) {
      stem.erase(at, std::string(part).size());
      break;
    }
  }
  return stem;
}

// The stem without what looks like a storage type: "qwen3.5-0.8b-q4_k_m" -> "qwen3.5-0.8b".
std::string WithoutType(const std::string& stem) {
  const std::size_t at = stem.find_last_of("-.");
  if (at == std::string::npos) return stem;
  const std::string last = stem.substr(at + 1);
  const bool is_type = last.starts_with("q") || last.starts_with("iq") || last.starts_with("bf16") ||
                       last.starts_with("f16") || last.starts_with("f32") || last.starts_with("ud");
  return is_type ? stem.substr(0, at) : stem;
}

}  // namespace

std::shared_ptr<const ModelFile> FindVisionFile(const ModelFile& text, int width,
                                                const std::function<bool(const ModelFile&)>& is_whole,
                                                std::vector<std::string>* warnings) {
  if (text.format() != ModelFile::Format::kGguf || text.shard_paths().empty()) return nullptr;
  const std::string& model = text.shard_paths().front();
  const std::string folder = FolderOf(model);
  const auto names = NamesInFolder(folder);
  if (!names.ok()) return nullptr;  // a model given as an open file may lie where we cannot look
  struct Candidate {
    std::string path;
    std::shared_ptr<const ModelFile> file;
  };
  std::vector<Candidate> fitting;
  int seen = 0;
  std::string fault;  // of the first that could not be read
  for (const std::string& file_name : names.value()) {
    const std::string name = Lower(file_name);
    if (!name.ends_with(".gguf") || name.find("mmproj") == std::string::npos) continue;
    if (++seen > 64) break;
    std::string path = folder;
    path.append("/").append(file_name);
    auto file = ModelFile::Open(path);
    if (!file.ok()) {
      if (fault.empty()) fault = file.error().message;
      continue;
    }
    if (file.value().metadata().Int("clip.vision.projection_dim").value_or(0) != width) continue;
    fitting.push_back({path, std::make_shared<const ModelFile>(std::move(file).value())});
  }
  if (fitting.size() > 1) std::erase_if(fitting, [&](const Candidate& other) { return !is_whole(*other.file); });
  if (fitting.size() == 1) return fitting.front().file;
  if (fitting.empty()) {
    if (!fault.empty()) {
      warnings->push_back(Cat("no pictures, the vision file beside the model cannot be read: ", fault));
    } else if (seen > 0) {
      warnings->push_back(Cat(seen == 1 ? "the vision file beside the model does not give"
                                        : Cat("none of the ", seen, " vision files beside the model gives"),
                              " rows of ", width, " numbers, as this model needs: no pictures"));
    }
    return nullptr;
  }
  // Several fit: the same name, else the same name but for the storage type.
  const std::string stem = StemOf(model);
  const auto only = [&](const auto& is_match) -> std::shared_ptr<const ModelFile> {
    std::shared_ptr<const ModelFile> found;
    for (const Candidate& candidate : fitting) {
      if (!is_match(StemOf(candidate.path))) continue;
      if (found != nullptr) return nullptr;
      found = candidate.file;
    }
    return found;
  };
  if (auto found = only([&](const std::string& other) { return other == stem; }); found != nullptr) return found;
  if (auto found = only([&](const std::string& other) { return WithoutType(other) == WithoutType(stem); });
      found != nullptr)
    return found;
  warnings->push_back(
      Cat(fitting.size(), " vision files beside the model fit it: name one with --mmproj; no pictures until then"));
  return nullptr;
}

}  // namespace thimble
