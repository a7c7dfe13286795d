// SPDX-License-Identifier: Apache-2.0
// Makes one model of the parts that it is given.
#include "base/text.h"
#include "files/file_kind.h"
#include "files/gguf.h"
#include "files/model_file.h"
#include "files/safetensors.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"
#include "sys/folder.h"

#include <algorithm>
#include <set>
#include <utility>

namespace thimble {

namespace {

// The first bytes of a source, by which it is told what it is.
Result<Bytes> HeadOf(const ByteSource& source) {
  return source.View(0, std::min<std::uint64_t>(source.size(), kLookedAtBytes));
}

// The parser's word on a file, and what the file looks like where that helps.
Error Explained(Error error, const FileFinding& finding) {
  if (finding.kind == FileKind::kText) error.message += Cat("; this is ", finding.what, ": ", finding.advice);
  return error;
}

Result<std::vector<TensorEntry>> ReadSafetensorsPart(const NamedSource& part) {
  THIMBLE_ASSIGN_OR_RETURN(const Bytes head, HeadOf(*part.source));
  const FileFinding finding = LookAtFile(head.span(), part.name);
  if (const auto refusal = RefusalOf(finding)) return *refusal;
  auto tensors = ReadSafetensorsHeader(*part.source);
  if (!tensors.ok()) return Explained(tensors.error(), finding);
  if (HoldsAdapter(tensors.value())) return AdapterRefusal();
  return tensors;
}

Result<HeldGgufHeader> ReadGgufPart(const NamedSource& part) {
  THIMBLE_ASSIGN_OR_RETURN(const Bytes head, HeadOf(*part.source));
  const FileFinding finding = LookAtFile(head.span(), part.name);
  if (const auto refusal = RefusalOf(finding)) return *refusal;
  auto held = ReadGgufHeader(*part.source);
  if (!held.ok()) return Explained(held.error(), finding);
  if (const auto refusal = RefusalOf(LabelOf(held.value().header.metadata))) return *refusal;
  return held;
}

// Which part of a split model a header belongs to, from 0; -1 when it does not say or lies.
std::int64_t PartIn(const Metadata& metadata) {
  const std::int64_t part = metadata.Int("split.no").value_or(-1);
  return part >= 0 && part < 99999 ? part : -1;
}

std::int64_t CountIn(const Metadata& metadata) { return metadata.Int("split.count").value_or(1); }

}  // namespace

// Fills a ModelFile part by part; nobody sees it before everything fits.
class ModelFileBuilder {
 public:
  explicit ModelFileBuilder(std::string name) { file_.path_ = std::move(name); }

  Result<ModelFile> Gguf(NamedSource file, const SplitParts& parts_of) {
    auto head = HeadOf(*file.source);
    if (!head.ok()) return WithPlace(head.error(), EscapeControls(file.name));
    if (BeginsAsWholePack(head.value().span())) {
      auto pack = WholePack::Open(std::move(file.source));
      if (!pack.ok()) return WithPlace(pack.error(), EscapeControls(file.name));
      return Pack(std::move(pack).value());
    }
    auto held = ReadGgufPart(file);
    if (!held.ok()) return WithPlace(held.error(), EscapeControls(file.name));
    const Metadata& metadata = held.value().header.metadata;
    if (const std::int64_t count = CountIn(metadata); count > 1) {
      if (!parts_of) {
        return WithPlace(Error{Code::kUnsupported, "[gguf] is one part of a split model, all parts are needed"},
                         EscapeControls(file.name));
      }
      THIMBLE_ASSIGN_OR_RETURN(std::vector<NamedSource> parts, parts_of(PartIn(metadata), count));
      return SplitGguf(file.name, count, std::move(parts));
    }
    AddGgufPart(std::move(file), std::move(held).value());
    return Finish();
  }

  Result<ModelFile> Safetensors(SafetensorsModel model) {
    file_.format_ = ModelFile::Format::kSafetensors;
    file_.folder_ = std::move(model.folder);
    file_.side_files_ = std::move(model.side_files);
    std::set<std::string_view> placed;
    for (NamedSource& part : model.parts) {
      auto tensors = ReadSafetensorsPart(part);
      if (!tensors.ok()) return WithPlace(tensors.error(), EscapeControls(part.name));
      const std::string own_name = NameOf(part.name);
      for (TensorEntry& tensor : tensors.value()) {
        if (!model.index.empty()) {
          const auto entry = model.index.find(tensor.name);
          if (entry == model.index.end() || entry->second != own_name) continue;
          placed.insert(entry->first);
        }
        tensor.source = static_cast<int>(file_.sources_.size());
        file_.tensors_.push_back(std::move(tensor));
      }
      AddSource(std::move(part));
    }
    for (const auto& [tensor, name] : model.index) {
      if (placed.contains(tensor)) continue;
      return Error{Code::kCorrupt,
                   Cat(EscapeControls(Cat(file_.folder_, "/", name)), ": [safetensors] the index places tensor ",
                       QuoteName(tensor), " here, it is not in the file")};
    }
    return Finish();
  }

  Result<ModelFile> Pack(std::shared_ptr<const WholePack> pack) {
    file_.pack_ = std::move(pack);
    const Status filled = FillFromPack();
    if (!filled.ok()) return WithPlace(filled.error(), EscapeControls(file_.path_));
    return Finish();
  }

 private:
  Result<ModelFile> SplitGguf(const std::string& place, std::int64_t count, std::vector<NamedSource> parts) {
    if (static_cast<std::int64_t>(parts.size()) != count) {
      return Error{Code::kInvalid,
                   Cat(EscapeControls(place), ": [gguf] is split into ", count, " files, found ", parts.size())};
    }
    for (std::int64_t number = 1; number <= count; ++number) {
      NamedSource& part = parts[static_cast<std::size_t>(number - 1)];
      auto held = ReadGgufPart(part);
      if (!held.ok()) return WithPlace(held.error(), EscapeControls(part.name));
      const std::int64_t found_part = PartIn(held.value().header.metadata);
      const std::int64_t found_count = CountIn(held.value().header.metadata);
      if (found_part != number - 1 || found_count != count) {
        return Error{Code::kCorrupt, Cat(EscapeControls(part.name), ": [gguf] must be part ", number, " of ", count,
                                         ", its header says ", found_part + 1, " of ", found_count)};
      }
      AddGgufPart(std::move(part), std::move(held).value());
    }
    const auto expected = file_.metadata_.Int("split.tensors.count");
    if (expected && *expected != static_cast<std::int64_t>(file_.tensors_.size())) {
      return Error{Code::kCorrupt, Cat(EscapeControls(place), ": [gguf] all parts together must hold ", *expected,
                                       " tensors, found ", file_.tensors_.size())};
    }
    return Finish();
  }

  // What its index places, where there are several parts of safetensors. What it does not place is left alone.
  Result<std::map<std::string, std::string>> IndexInPack() const {
    std::map<std::string, std::string> none;
    if (file_.pack_->parts().size() < 2) return none;
    const auto source = file_.pack_->SideFile(std::string(kSafetensorsIndexName));
    if (!source.ok()) return none;
    THIMBLE_ASSIGN_OR_RETURN(const Bytes text, source.value()->View(0, source.value()->size()));
    return ParseSafetensorsIndex({reinterpret_cast<const char*>(text.data()), text.size()});
  }

  Status FillFromPack() {
    if (file_.pack_->parts().empty()) return Error{Code::kCorrupt, "[pack] holds no model: import it again"};
    THIMBLE_ASSIGN_OR_RETURN(const auto index, IndexInPack());
    for (const WholePack::Part& part : file_.pack_->parts()) {
      // Only its head, as far as the pack says it goes, can be read from the beginning on.
      THIMBLE_ASSIGN_OR_RETURN(HeldGgufHeader held, HeaderInPack(part));
      std::erase_if(held.header.tensors, [&](const TensorEntry& tensor) {
        const auto placed = index.find(tensor.name);
        return !index.empty() && (placed == index.end() || placed->second != part.name);
      });
      AddGgufPart({file_.path_, part.source}, std::move(held));
    }
    if (file_.format_ != ModelFile::Format::kSafetensors) return Done{};
    file_.folder_ = file_.path_;
    file_.side_files_ = [pack = file_.pack_](const std::string& name) { return pack->SideFile(name); };
    return Done{};
  }

  // Of either format; of safetensors the tensors alone.
  Result<HeldGgufHeader> HeaderInPack(const WholePack::Part& part) {
    HeldGgufHeader held;
    THIMBLE_ASSIGN_OR_RETURN(held.prefix, part.source->View(0, part.head_bytes));
    if (LookAtFile(held.prefix.span(), part.name).kind == FileKind::kGguf) {
      THIMBLE_ASSIGN_OR_RETURN(held.header, ParseGguf(held.prefix.span(), part.source->size()));
    } else {
      file_.format_ = ModelFile::Format::kSafetensors;
      THIMBLE_ASSIGN_OR_RETURN(held.header.tensors, ParseSafetensors(held.prefix.span(), part.source->size()));
    }
    return held;
  }

  void AddGgufPart(NamedSource part, HeldGgufHeader held) {
    if (file_.sources_.empty()) {
      file_.prefix_ = std::move(held.prefix);
      file_.metadata_ = std::move(held.header.metadata);
    }
    for (TensorEntry& tensor : held.header.tensors) {
      tensor.source = static_cast<int>(file_.sources_.size());
      file_.tensors_.push_back(std::move(tensor));
    }
    AddSource(std::move(part));
  }

  void AddSource(NamedSource part) {
    file_.sources_.push_back(std::move(part.source));
    file_.shard_paths_.push_back(std::move(part.name));
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

Result<ModelFile> ModelFile::FromGguf(std::shared_ptr<const ByteSource> source, std::string name) {
  NamedSource file{name, std::move(source)};
  return FromGguf(std::move(file), std::move(name), nullptr);
}

Result<ModelFile> ModelFile::FromGguf(NamedSource file, std::string name, const SplitParts& parts_of) {
  return ModelFileBuilder(std::move(name)).Gguf(std::move(file), parts_of);
}

Result<ModelFile> ModelFile::FromPack(std::shared_ptr<const WholePack> pack, std::string name) {
  return ModelFileBuilder(std::move(name)).Pack(std::move(pack));
}

Result<ModelFile> ModelFile::FromSafetensors(SafetensorsModel model) {
  std::string name = model.name;
  return ModelFileBuilder(std::move(name)).Safetensors(std::move(model));
}

}  // namespace thimble
