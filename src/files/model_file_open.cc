// SPDX-License-Identifier: Apache-2.0
// Finds out in which form a model lies before us, and opens all of its parts.
#include "base/text.h"
#include "files/file_kind.h"
#include "files/gguf.h"
#include "files/model_file.h"
#include "files/model_folder.h"
#include "files/safetensors.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"
#include "sys/folder.h"

#include <algorithm>
#include <charconv>
#include <set>
#include <utility>

namespace thimble {

namespace {

constexpr std::uint64_t kMaxIndexBytes = std::uint64_t{4} << 20;
constexpr std::string_view kIndexName = "model.safetensors.index.json";
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

// The parser's word on a file, and what the file looks like where that helps.
Error Explained(Error error, const FileFinding& finding, const std::string& path) {
  if (finding.kind == FileKind::kText) error.message += Cat("; this is ", finding.what, ": ", finding.advice);
  return WithPlace(std::move(error), EscapeControls(path));
}

// Which part of a split model a header belongs to, from 0; -1 when it does not say or lies.
std::int64_t PartIn(const Metadata& metadata) {
  const std::int64_t part = metadata.Int("split.no").value_or(-1);
  return part >= 0 && part < 99999 ? part : -1;
}

}  // namespace

// Fills a ModelFile part by part; nobody sees it before everything fits.
class ModelFileBuilder {
 public:
  explicit ModelFileBuilder(std::string path) { file_.path_ = std::move(path); }

  Result<ModelFile> Open() {
    const std::string path = file_.path_;
    const PathKind kind = KindOfPath(path);
    if (kind == PathKind::kNothing) {
      const std::string target = LinkTarget(path);
      return Error{Code::kNotFound,
                   Cat(EscapeControls(path),
                       target.empty() ? std::string(": [file] there is no such file or folder")
                                      : Cat(": [file] is a link to ", EscapeControls(target), ", where nothing is"))};
    }
    if (kind == PathKind::kFolder) return OpenFolder(path);
    // aria2 lays it beside a file of the full size, full of holes, and takes it away in the end.
    if (IsFile(path + ".aria2")) {
      return Error{Code::kCorrupt, Cat(EscapeControls(path),
                                       ": [file] is not downloaded whole, says the .aria2 file beside it: let the "
                                       "download end, or delete that file if it did")};
    }
    if (IsNamedLike(NameOf(path), kSafetensorsEnding)) return OpenSafetensorsFile(path);
    return OpenGguf(path);
  }

  Result<ModelFile> OpenBytes(std::shared_ptr<const ByteSource> source) {
    const std::string name = file_.path_;
    if (BeginsAsWholePack(source->bytes())) return OpenPack(std::move(source));
    THIMBLE_ASSIGN_OR_RETURN(GgufHeader header, ParsePart(name, *source));
    if (header.metadata.Int("split.count").value_or(1) > 1) {
      return WithPlace(Error{Code::kUnsupported, "[gguf] is one part of a split model, all parts are needed"},
                       EscapeControls(name));
    }
    AddGgufPart(name, std::move(source), std::move(header));
    return Finish();
  }

  Result<ModelFile> OpenPack(std::shared_ptr<const ByteSource> source) {
    auto pack = WholePack::Open(std::move(source));
    if (!pack.ok()) return WithPlace(pack.error(), EscapeControls(file_.path_));
    return OpenPack(std::move(pack).value());
  }

  Result<ModelFile> OpenPack(std::shared_ptr<const WholePack> pack) {
    file_.pack_ = std::move(pack);
    auto filled = FillFromPack();
    if (!filled.ok()) return WithPlace(filled.error(), EscapeControls(file_.path_));
    return Finish();
  }

 private:
  Result<ModelFile> OpenFolder(const std::string& folder) {
    if (IsFile(Cat(folder, "/", kSingleName))) return OpenSingleSafetensors(folder, std::string(kSingleName));
    if (IsFile(Cat(folder, "/", kIndexName))) return OpenIndexedSafetensors(folder);
    THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::string> safetensors, FilesEndingWith(folder, kSafetensorsEnding));
    if (safetensors.size() == 1) return OpenSingleSafetensors(folder, safetensors[0]);
    if (safetensors.size() > 1 && std::all_of(safetensors.begin(), safetensors.end(), IsSafetensorsPart)) {
      return Error{Code::kNotFound, Cat(EscapeControls(folder), ": [folder] holds a model in ", safetensors.size(),
                                        " files and not the index that goes with them: fetch ", kIndexName, " too")};
    }
    if (safetensors.size() > 1) {
      return Error{Code::kInvalid, Cat(EscapeControls(folder), ": [folder] holds several safetensors files and no ",
                                       kIndexName, ": add the index or name one of ", Listed(safetensors))};
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
    if (IsFile(folder + "/tokenizer.json")) return OpenTokenizerFolder(folder);
    return Error{Code::kNotFound, Cat(EscapeControls(folder),
                                      ": [folder] must hold a model (.gguf, or .safetensors with "
                                      "config.json) or a tokenizer.json, found neither",
                                      WhyNoModel(folder))};
  }

  // The folder's one GGUF. Where that is a vision file, the folder may say why the model is not there.
  Result<ModelFile> OpenOnlyGguf(const std::string& folder, const std::string& path) {
    if (IsVisionFile(path, LabelOfFile(path))) {
      if (const std::string why = WhyNoModel(folder); !why.empty()) {
        return Error{Code::kNotFound, Cat(EscapeControls(folder), ": [folder] holds the vision file ",
                                          EscapeControls(NameOf(path)), " and no model that writes text", why)};
      }
    }
    return OpenGguf(path);
  }

  Result<ModelFile> OpenTokenizerFolder(const std::string& folder) {
    file_.format_ = ModelFile::Format::kSafetensors;
    file_.folder_ = folder;
    return Finish();
  }

  Result<ModelFile> OpenSafetensorsFile(const std::string& path) {
    const std::string folder = FolderOf(path);
    const std::string name = NameOf(path);
    if (name != kSingleName && IsFile(Cat(folder, "/", kIndexName))) {
      THIMBLE_ASSIGN_OR_RETURN(const auto index, ReadIndex(folder));
      const bool is_part =
          std::any_of(index.begin(), index.end(), [&](const auto& entry) { return entry.second == name; });
      if (is_part) return OpenIndexedSafetensors(folder);
    }
    return OpenSingleSafetensors(folder, name);
  }

  Result<ModelFile> OpenSingleSafetensors(const std::string& folder, const std::string& name) {
    // The content counts, not the name.
    if (const std::string path = Cat(folder, "/", name); StartsAs(path) == FileKind::kGguf) return OpenGguf(path);
    file_.format_ = ModelFile::Format::kSafetensors;
    file_.folder_ = folder;
    THIMBLE_ASSIGN_OR_RETURN(std::vector<TensorEntry> tensors, AddSafetensorsPart(Cat(folder, "/", name)));
    file_.tensors_ = std::move(tensors);
    return Finish();
  }

  Result<std::map<std::string, std::string>> ReadIndex(const std::string& folder) {
    const std::string path = Cat(folder, "/", kIndexName);
    THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(path, kMaxIndexBytes));
    auto index = ParseSafetensorsIndex({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
    if (!index.ok()) return WithPlace(index.error(), EscapeControls(path));
    return index;
  }

  Result<ModelFile> OpenIndexedSafetensors(const std::string& folder) {
    file_.format_ = ModelFile::Format::kSafetensors;
    file_.folder_ = folder;
    THIMBLE_ASSIGN_OR_RETURN(const auto index, ReadIndex(folder));
    std::set<std::string> names;
    for (const auto& entry : index) names.insert(entry.second);
    std::set<std::string_view> found;
    for (const std::string& name : names) {
      const std::string path = Cat(folder, "/", name);
      if (!IsFile(path)) {
        return Error{Code::kNotFound,
                     Cat(EscapeControls(path), ": [safetensors] a part that the index names is missing")};
      }
      THIMBLE_ASSIGN_OR_RETURN(std::vector<TensorEntry> tensors, AddSafetensorsPart(path));
      for (TensorEntry& tensor : tensors) {
        // What the index does not place here is left alone, as the reference loader does.
        const auto entry = index.find(tensor.name);
        if (entry == index.end() || entry->second != name) continue;
        found.insert(entry->first);
        file_.tensors_.push_back(std::move(tensor));
      }
    }
    for (const auto& [tensor, name] : index) {
      if (found.contains(tensor)) continue;
      return Error{Code::kCorrupt,
                   Cat(EscapeControls(Cat(folder, "/", name)), ": [safetensors] the index places tensor ",
                       QuoteName(tensor), " here, it is not in the file")};
    }
    return Finish();
  }

  // What the file at `path` begins as; kUnknown where it cannot be read, which opening it will say.
  static FileKind StartsAs(const std::string& path) {
    if (!IsFile(path)) return FileKind::kUnknown;  // reading a pipe could wait for ever
    const auto head = ReadHead(path, kLookedAtBytes);
    return head.ok() ? LookAtFile(head.value(), path).kind : FileKind::kUnknown;
  }

  // The part's tensors, with `source` set.
  Result<std::vector<TensorEntry>> AddSafetensorsPart(const std::string& path) {
    THIMBLE_ASSIGN_OR_RETURN(std::shared_ptr<const ByteSource> source, MapFile(path));
    const FileFinding finding = LookAtFile(source->bytes(), path);
    if (const auto refusal = RefusalOf(finding)) return WithPlace(*refusal, EscapeControls(path));
    auto tensors = ParseSafetensors(source->bytes());
    if (!tensors.ok()) return Explained(tensors.error(), finding, path);
    if (HoldsAdapter(tensors.value())) return WithPlace(AdapterRefusal(), EscapeControls(path));
    for (TensorEntry& tensor : tensors.value()) tensor.source = static_cast<int>(file_.sources_.size());
    file_.sources_.push_back(std::move(source));
    file_.shard_paths_.push_back(path);
    return tensors;
  }

  static Result<GgufHeader> ParsePart(const std::string& path, const ByteSource& source) {
    const FileFinding finding = LookAtFile(source.bytes(), path);
    if (const auto refusal = RefusalOf(finding)) return WithPlace(*refusal, EscapeControls(path));
    auto header = ParseGguf(source.bytes());
    if (!header.ok()) return Explained(header.error(), finding, path);
    if (const auto refusal = RefusalOf(LabelOf(header.value().metadata))) {
      return WithPlace(*refusal, EscapeControls(path));
    }
    return header;
  }

  void AddGgufPart(const std::string& path, std::shared_ptr<const ByteSource> source, GgufHeader header) {
    if (file_.sources_.empty()) file_.metadata_ = std::move(header.metadata);
    for (TensorEntry& tensor : header.tensors) {
      tensor.source = static_cast<int>(file_.sources_.size());
      file_.tensors_.push_back(std::move(tensor));
    }
    file_.sources_.push_back(std::move(source));
    file_.shard_paths_.push_back(path);
  }

  Result<ModelFile> OpenGguf(const std::string& path) {
    if (StartsAs(path) == FileKind::kSafetensors) return OpenSafetensorsFile(path);
    THIMBLE_ASSIGN_OR_RETURN(std::shared_ptr<const ByteSource> source, MapFile(path));
    if (BeginsAsWholePack(source->bytes())) return OpenPack(std::move(source));
    THIMBLE_ASSIGN_OR_RETURN(GgufHeader header, ParsePart(path, *source));
    const std::int64_t count = header.metadata.Int("split.count").value_or(1);
    if (count > 1) return OpenSplitGguf(path, PartIn(header.metadata), count);
    AddGgufPart(path, std::move(source), std::move(header));
    return Finish();
  }

  // `path` is part `part` (from 0) of `count`, says its header.
  Result<ModelFile> OpenSplitGguf(const std::string& path, std::int64_t part, std::int64_t count) {
    const std::optional<SplitName> name = ParseSplitName(path);
    if (!name || name->count != count || name->number != part + 1) {
      return Error{Code::kInvalid, Cat(EscapeControls(path), ": [gguf] is part ", part + 1, " of a model split into ",
                                       count, " files: give it the name it was published under, which says so (",
                                       "model-00001-of-00002.gguf)")};
    }
    for (std::int64_t number = 1; number <= count; ++number) {
      const std::string part_path = name->Part(number);
      if (!IsFile(part_path)) {
        return Error{Code::kNotFound, Cat(EscapeControls(part_path), ": [gguf] part ", number, " of ", count,
                                          " is missing: fetch it too")};
      }
      THIMBLE_ASSIGN_OR_RETURN(std::shared_ptr<const ByteSource> source, MapFile(part_path));
      THIMBLE_ASSIGN_OR_RETURN(GgufHeader header, ParsePart(part_path, *source));
      const std::int64_t found_part = PartIn(header.metadata);
      const std::int64_t found_count = header.metadata.Int("split.count").value_or(1);
      if (found_part != number - 1 || found_count != count) {
        return Error{Code::kCorrupt, Cat(EscapeControls(part_path), ": [gguf] must be part ", number, " of ", count,
                                         ", its header says ", found_part + 1, " of ", found_count)};
      }
      AddGgufPart(part_path, std::move(source), std::move(header));
    }
    const auto expected = file_.metadata_.Int("split.tensors.count");
    if (expected && *expected != static_cast<std::int64_t>(file_.tensors_.size())) {
      return Error{Code::kCorrupt, Cat(EscapeControls(path), ": [gguf] all parts together must hold ", *expected,
                                       " tensors, found ", file_.tensors_.size())};
    }
    return Finish();
  }

  Status FillFromPack() {
    // An index says which of several parts of safetensors holds a tensor; what it does not place is left alone.
    std::map<std::string, std::string> index;
    if (file_.pack_->parts().size() > 1 && file_.pack_->SideFile(std::string(kIndexName)).ok()) {
      THIMBLE_ASSIGN_OR_RETURN(const std::string text, file_.SideFile(std::string(kIndexName)));
      THIMBLE_ASSIGN_OR_RETURN(index, ParseSafetensorsIndex(text));
    }
    if (file_.pack_->parts().empty()) return Error{Code::kCorrupt, "[pack] holds no model: import it again"};
    for (const WholePack::Part& part : file_.pack_->parts()) {
      THIMBLE_ASSIGN_OR_RETURN(Bytes head, part.source->View(0, part.head_bytes));
      std::vector<TensorEntry> tensors;
      const FileKind kind = LookAtFile(head.span(), part.name).kind;
      if (kind == FileKind::kGguf) {
        THIMBLE_ASSIGN_OR_RETURN(GgufHeader header, ParseGguf(head.span(), part.source->size()));
        tensors = std::move(header.tensors);
        if (file_.sources_.empty()) {
          file_.metadata_ = std::move(header.metadata);
          file_.prefix_ = std::move(head);
        }
      } else {
        file_.format_ = ModelFile::Format::kSafetensors;
        THIMBLE_ASSIGN_OR_RETURN(tensors, ParseSafetensors(head.span(), part.source->size()));
      }
      for (TensorEntry& tensor : tensors) {
        const auto placed = index.find(tensor.name);
        if (!index.empty() && (placed == index.end() || placed->second != part.name)) continue;
        tensor.source = static_cast<int>(file_.sources_.size());
        file_.tensors_.push_back(std::move(tensor));
      }
      file_.sources_.push_back(part.source);
      file_.shard_paths_.push_back(file_.path_);
    }
    return Done{};
  }

  Result<ModelFile> Finish() {
    file_.by_name_.reserve(file_.tensors_.size());
    for (std::size_t index = 0; index < file_.tensors_.size(); ++index) {
      const TensorEntry& tensor = file_.tensors_[index];
      const auto [entry, is_new] = file_.by_name_.try_emplace(tensor.name, index);
      if (is_new) continue;
      const auto part_of = [&](const TensorEntry& t) {
        return EscapeControls(file_.shard_paths_[static_cast<std::size_t>(t.source)]);
      };
      return Error{Code::kCorrupt, Cat(part_of(tensor), ": [file] tensor ", QuoteName(tensor.name), " is also in ",
                                       part_of(file_.tensors_[entry->second]))};
    }
    return std::move(file_);
  }

  ModelFile file_;
};

Result<ModelFile> ModelFile::Open(const std::string& path) { return ModelFileBuilder(path).Open(); }

Result<ModelFile> ModelFile::FromPack(std::shared_ptr<const WholePack> pack, std::string name) {
  return ModelFileBuilder(std::move(name)).OpenPack(std::move(pack));
}

Result<ModelFile> ModelFile::FromGguf(std::shared_ptr<const ByteSource> source, std::string name) {
  return ModelFileBuilder(std::move(name)).OpenBytes(std::move(source));
}

}  // namespace thimble
