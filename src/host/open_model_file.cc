// SPDX-License-Identifier: Apache-2.0
#include "host/open_model_file.h"

#include "base/text.h"
#include "files/file_kind.h"
#include "files/gguf.h"
#include "files/safetensors.h"
#include "host/model_folder.h"
#include "sys/folder.h"

#include <algorithm>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

namespace thimble::host {

namespace {

constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{4} << 20;
constexpr std::string_view kSingleName = "model.safetensors";
constexpr std::string_view kSafetensorsEnding = ".safetensors";

bool IsFile(const std::string& path) { return KindOfPath(path) == PathKind::kFile; }

// Names of the folder's files that end like that, sorted.
Result<std::vector<std::string>> FilesEndingWith(const std::string& folder, std::string_view ending) {
  THIMBLE_ASSIGN_OR_RETURN(std::vector<std::string> names, NamesInFolder(folder));
  std::erase_if(names,
                [&](const std::string& name) { return !IsNamedLike(name, ending) || !IsFile(Cat(folder, "/", name)); });
  return names;
}

std::string Listed(const std::vector<std::string>& names) {
  constexpr std::size_t kMaxListed = 10;
  std::string text;
  for (std::size_t index = 0; index < std::min(names.size(), kMaxListed); ++index) {
    text += Cat(index == 0 ? "" : ", ", EscapeControls(names[index]));
  }
  return names.size() > kMaxListed ? text + ", ..." : text;
}

// "name-00002-of-00005.gguf", the way in which a GGUF model is split.
struct SplitName {
  std::string stem;  // with its folder
  std::int64_t number = 0;
  std::int64_t count = 0;

  [[nodiscard]] std::string Part(std::int64_t part) const {
    const auto padded = [](std::int64_t value) {
      const std::string digits = Cat(value);
      return std::string(digits.size() < 5 ? 5 - digits.size() : 0, '0') + digits;
    };
    return Cat(stem, "-", padded(part), "-of-", padded(count), ".gguf");
  }
};

std::optional<SplitName> ParseSplitName(const std::string& path) {
  constexpr std::string_view kPattern = "-00000-of-00000.gguf";
  if (path.size() < kPattern.size()) return std::nullopt;
  const std::string_view tail = std::string_view(path).substr(path.size() - kPattern.size());
  for (std::size_t index = 0; index < tail.size(); ++index) {
    const bool is_digit = tail[index] >= '0' && tail[index] <= '9';
    if (kPattern[index] == '0' ? !is_digit : tail[index] != kPattern[index]) return std::nullopt;
  }
  SplitName name;
  name.stem = path.substr(0, path.size() - kPattern.size());
  std::from_chars(tail.data() + 1, tail.data() + 6, name.number);
  std::from_chars(tail.data() + 10, tail.data() + 15, name.count);
  return name;
}

// "model-00002-of-00005.safetensors"
bool IsSafetensorsPart(const std::string& name) {
  const std::string stem = name.substr(0, name.size() - std::min(name.size(), kSafetensorsEnding.size()));
  return ParseSplitName(stem + ".gguf").has_value();
}

bool IsLaterPart(const std::string& name) {
  const std::optional<SplitName> split = ParseSplitName(name);
  return split && split->number != 1;
}

// Of a folder's GGUF files those that may be models: vision files, adapters and the like are told by their headers, as
// far as these say something, of at most so many files.
std::vector<std::string> TextModelsOf(const std::string& folder, std::vector<std::string> ggufs) {
  constexpr std::size_t kMostLabels = 64;
  std::size_t num_labels = 0;
  std::erase_if(ggufs, [&](const std::string& name) {
    const std::string path = Cat(folder, "/", name);
    const GgufLabel label = ++num_labels <= kMostLabels ? LabelOfFile(path) : GgufLabel{};
    return IsVisionFile(path, label) || RefusalOf(label).has_value();
  });
  return ggufs;
}

Result<NamedSource> Mapped(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(std::shared_ptr<const ByteSource> source, MapFile(path));
  return NamedSource{path, std::move(source)};
}

// What the file at `path` begins as; kUnknown where it cannot be read, which opening it will say.
FileKind StartsAs(const std::string& path) {
  if (!IsFile(path)) return FileKind::kUnknown;  // reading a pipe could wait for ever
  const auto head = ReadHead(path, kLookedAtBytes);
  return head.ok() ? LookAtFile(head.value(), path).kind : FileKind::kUnknown;
}

// All files of the split model of which the one at `path` is part `part` (from 0) of `count`, says its header.
Result<std::vector<NamedSource>> PartsBeside(const std::string& path, std::int64_t part, std::int64_t count) {
  const std::optional<SplitName> name = ParseSplitName(path);
  if (!name || name->count != count || name->number != part + 1) {
    return Error{Code::kInvalid,
                 Cat(EscapeControls(path), ": [gguf] is part ", part + 1, " of a model split into ", count,
                     " files: give it the name it was published under, which says so (", "model-00001-of-00002.gguf)")};
  }
  std::vector<NamedSource> parts;
  for (std::int64_t number = 1; number <= count; ++number) {
    const std::string part_path = name->Part(number);
    if (!IsFile(part_path)) {
      return Error{Code::kNotFound, Cat(EscapeControls(part_path), ": [gguf] part ", number, " of ", count,
                                        " is missing: fetch it too")};
    }
    THIMBLE_ASSIGN_OR_RETURN(NamedSource source, Mapped(part_path));
    parts.push_back(std::move(source));
  }
  return parts;
}

Result<std::map<std::string, std::string>> ReadIndex(const std::string& folder) {
  const std::string path = Cat(folder, "/", kSafetensorsIndexName);
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(path, kMaxIndexBytes));
  auto index = ParseSafetensorsIndex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
  if (!index.ok()) return WithPlace(index.error(), EscapeControls(path));
  return index;
}

// Finds the files of the model at one path.
class Finder {
 public:
  explicit Finder(std::string path) : path_(std::move(path)) {}

  Result<ModelFile> Open() const {
    const PathKind kind = KindOfPath(path_);
    if (kind == PathKind::kNothing) {
      const std::string target = LinkTarget(path_);
      return Error{Code::kNotFound,
                   Cat(EscapeControls(path_),
                       target.empty() ? std::string(": [file] there is no such file or folder")
                                      : Cat(": [file] is a link to ", EscapeControls(target), ", where nothing is"))};
    }
    if (kind == PathKind::kFolder) return OpenFolder(path_);
    // aria2 lays it beside a file of the full size, full of holes, and takes it away in the end.
    if (IsFile(path_ + ".aria2")) {
      return Error{Code::kCorrupt, Cat(EscapeControls(path_),
                                       ": [file] is not downloaded whole, says the .aria2 file beside it: let the "
                                       "download end, or delete that file if it did")};
    }
    if (IsNamedLike(NameOf(path_), kSafetensorsEnding)) return OpenSafetensorsFile(path_);
    return OpenGguf(path_);
  }

 private:
  Result<ModelFile> OpenFolder(const std::string& folder) const {
    if (IsFile(Cat(folder, "/", kSingleName))) return OpenSingleSafetensors(folder, std::string(kSingleName));
    if (IsFile(Cat(folder, "/", kSafetensorsIndexName))) return OpenIndexedSafetensors(folder);
    THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::string> safetensors, FilesEndingWith(folder, kSafetensorsEnding));
    if (safetensors.size() == 1) return OpenSingleSafetensors(folder, safetensors[0]);
    if (safetensors.size() > 1 && std::all_of(safetensors.begin(), safetensors.end(), IsSafetensorsPart)) {
      return Error{Code::kNotFound,
                   Cat(EscapeControls(folder), ": [folder] holds a model in ", safetensors.size(),
                       " files and not the index that goes with them: fetch ", kSafetensorsIndexName, " too")};
    }
    if (safetensors.size() > 1) {
      return Error{Code::kInvalid, Cat(EscapeControls(folder), ": [folder] holds several safetensors files and no ",
                                       kSafetensorsIndexName, ": add the index or name one of ", Listed(safetensors))};
    }
    THIMBLE_ASSIGN_OR_RETURN(std::vector<std::string> ggufs, FilesEndingWith(folder, ".gguf"));
    const std::string first = ggufs.empty() ? std::string() : ggufs[0];
    std::erase_if(ggufs, IsLaterPart);
    if (ggufs.empty() && !first.empty()) return OpenGguf(Cat(folder, "/", first));  // names the missing first part
    const std::size_t num_ggufs = ggufs.size();
    if (ggufs.size() > 1) ggufs = TextModelsOf(folder, std::move(ggufs));
    if (ggufs.size() == 1) return OpenOnlyGguf(folder, Cat(folder, "/", ggufs[0]));
    if (ggufs.empty() && num_ggufs > 0) {
      return Error{Code::kNotFound, Cat(EscapeControls(folder), ": [folder] holds ", num_ggufs,
                                        " GGUF files, none of them a model that writes text (they are vision files or "
                                        "adapters): fetch the model too")};
    }
    if (ggufs.size() > 1) {
      return Error{Code::kInvalid, Cat(EscapeControls(folder), ": [folder] holds ", ggufs.size(),
                                       " GGUF models, name one of them: ", Listed(ggufs))};
    }
    if (IsFile(folder + "/tokenizer.json")) return ModelFile::FromSafetensors(ModelIn(folder));
    return Error{Code::kNotFound, Cat(EscapeControls(folder),
                                      ": [folder] must hold a model (.gguf, or .safetensors with "
                                      "config.json) or a tokenizer.json, found neither",
                                      WhyNoModel(folder))};
  }

  // The folder's one GGUF. Where that is a vision file, the folder may say why the model is not there.
  Result<ModelFile> OpenOnlyGguf(const std::string& folder, const std::string& path) const {
    if (IsVisionFile(path, LabelOfFile(path))) {
      if (const std::string why = WhyNoModel(folder); !why.empty()) {
        return Error{Code::kNotFound, Cat(EscapeControls(folder), ": [folder] holds the vision file ",
                                          EscapeControls(NameOf(path)), " and no model that writes text", why)};
      }
    }
    return OpenGguf(path);
  }

  // Of a Hugging Face folder, without parts.
  [[nodiscard]] SafetensorsModel ModelIn(const std::string& folder) const {
    SafetensorsModel model;
    model.name = path_;
    model.folder = folder;
    model.side_files = [folder](const std::string& name) { return MapFile(Cat(folder, "/", name)); };
    return model;
  }

  Result<ModelFile> OpenSafetensorsFile(const std::string& path) const {
    const std::string folder = FolderOf(path);
    const std::string name = NameOf(path);
    if (name != kSingleName && IsFile(Cat(folder, "/", kSafetensorsIndexName))) {
      THIMBLE_ASSIGN_OR_RETURN(const auto index, ReadIndex(folder));
      const bool is_part =
          std::any_of(index.begin(), index.end(), [&](const auto& entry) { return entry.second == name; });
      if (is_part) return OpenIndexedSafetensors(folder);
    }
    return OpenSingleSafetensors(folder, name);
  }

  Result<ModelFile> OpenSingleSafetensors(const std::string& folder, const std::string& name) const {
    const std::string path = Cat(folder, "/", name);
    // The content counts, not the name.
    if (const FileKind kind = StartsAs(path); kind == FileKind::kGguf || kind == FileKind::kPack) return OpenGguf(path);
    SafetensorsModel model = ModelIn(folder);
    THIMBLE_ASSIGN_OR_RETURN(NamedSource part, Mapped(path));
    model.parts.push_back(std::move(part));
    return ModelFile::FromSafetensors(std::move(model));
  }

  Result<ModelFile> OpenIndexedSafetensors(const std::string& folder) const {
    SafetensorsModel model = ModelIn(folder);
    THIMBLE_ASSIGN_OR_RETURN(model.index, ReadIndex(folder));
    std::set<std::string> names;
    for (const auto& entry : model.index) names.insert(entry.second);
    for (const std::string& name : names) {
      const std::string path = Cat(folder, "/", name);
      if (!IsFile(path)) {
        return Error{Code::kNotFound,
                     Cat(EscapeControls(path), ": [safetensors] a part that the index names is missing")};
      }
      THIMBLE_ASSIGN_OR_RETURN(NamedSource part, Mapped(path));
      model.parts.push_back(std::move(part));
    }
    return ModelFile::FromSafetensors(std::move(model));
  }

  Result<ModelFile> OpenGguf(const std::string& path) const {
    if (StartsAs(path) == FileKind::kSafetensors) return OpenSafetensorsFile(path);
    THIMBLE_ASSIGN_OR_RETURN(NamedSource file, Mapped(path));
    return ModelFile::FromGguf(std::move(file), path_, [&path](std::int64_t part, std::int64_t count) {
      return PartsBeside(path, part, count);
    });
  }

  std::string path_;  // as it was given
};

}  // namespace

Result<ModelFile> OpenModelFile(const std::string& path) { return Finder(path).Open(); }

}  // namespace thimble::host
