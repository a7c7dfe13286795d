// SPDX-License-Identifier: Apache-2.0
#include "files/model_file.h"

#include "base/check.h"
#include "base/text.h"
#include "files/file_kind.h"
#include "files/tensor_table.h"
#include "files/whole_pack.h"

namespace thimble {

namespace {
constexpr std::uint64_t kMaxSideFileBytes = std::uint64_t{256} << 20;
}  // namespace

std::int64_t TensorEntry::num_elements() const { return CountElements(shape).value_or(0); }

std::string TensorEntry::ShapeText() const {
  std::string text = "[";
  for (std::size_t dimension = 0; dimension < shape.size(); ++dimension) {
    text += Cat(dimension == 0 ? "" : ", ", shape[dimension]);
  }
  return text + "]";
}

std::uint64_t ModelFile::total_bytes() const {
  std::uint64_t sum = 0;
  for (const auto& source : sources_) sum += source->size();
  return sum;
}

const TensorEntry* ModelFile::Find(std::string_view name) const {
  const auto found = by_name_.find(name);
  return found == by_name_.end() ? nullptr : &tensors_[found->second];
}

Result<Bytes> ModelFile::View(const TensorEntry& tensor) const { return ViewPart(tensor, 0, tensor.size_bytes); }

Result<Bytes> ModelFile::ViewPart(const TensorEntry& tensor, std::uint64_t offset, std::uint64_t size) const {
  if (!tensor.unknown_type.empty()) {
    return Error{Code::kUnsupported,
                 Cat("[safetensors] tensor ", QuoteName(tensor.name), " must be F32, F16 or BF16, found ",
                     EscapeControls(tensor.unknown_type.substr(0, 20)))};
  }
  THIMBLE_CHECK(tensor.source >= 0 && static_cast<std::size_t>(tensor.source) < sources_.size());
  const ByteSource& source = *sources_[static_cast<std::size_t>(tensor.source)];
  // Checked when the file was opened: an entry that does not fit is not of this file.
  THIMBLE_CHECK(tensor.offset <= source.size() && tensor.size_bytes <= source.size() - tensor.offset);
  const std::uint64_t begin = std::min(offset, tensor.size_bytes);
  return Read(source, tensor.offset + begin, std::min(size, tensor.size_bytes - begin),
              shard_paths_[static_cast<std::size_t>(tensor.source)]);
}

Result<Bytes> ModelFile::Read(const ByteSource& source, std::uint64_t offset, std::uint64_t size,
                              const std::string& name) const {
  auto bytes = source.View(offset, size);
  if (bytes.ok()) return bytes;
  const MutexLock lock(&failure_->mutex);
  if (!failure_->error.has_value()) failure_->error = WithPlace(bytes.error(), EscapeControls(name));
  return bytes;
}

Status ModelFile::TakeReadFailure() const {
  const MutexLock lock(&failure_->mutex);
  if (!failure_->error.has_value()) return Done{};
  Error error = std::move(*failure_->error);
  failure_->error.reset();
  return error;
}

void ModelFile::Release(const TensorEntry& tensor) const {
  THIMBLE_CHECK(tensor.source >= 0 && static_cast<std::size_t>(tensor.source) < sources_.size());
  sources_[static_cast<std::size_t>(tensor.source)]->Release(tensor.offset, tensor.size_bytes);
}

Status ModelFile::CheckUnchanged() const {
  for (std::size_t index = 0; index < sources_.size(); ++index) {
    const Status status = sources_[index]->CheckUnchanged();
    if (!status.ok()) return WithPlace(status.error(), EscapeControls(shard_paths_[index]));
  }
  return Done{};
}

Result<std::string> ModelFile::SideFile(const std::string& name) const {
  if (!side_files_) {
    return Error{Code::kNotFound,
                 Cat(EscapeControls(path_), ": [file] ", format_ == Format::kGguf ? "a GGUF model has" : "there is",
                     " no ", QuoteName(name), " beside it")};
  }
  const std::string path = Cat(folder_, "/", name);
  const std::string place = EscapeControls(path);
  THIMBLE_ASSIGN_OR_RETURN(const std::shared_ptr<const ByteSource> source, side_files_(name));
  if (source->size() > kMaxSideFileBytes) {
    return Error{Code::kInvalid, Cat(place, ": [file] may hold ", kMaxSideFileBytes, " bytes, found more")};
  }
  const auto bytes = Read(*source, 0, source->size(), path);
  if (!bytes.ok()) return WithPlace(bytes.error(), place);
  std::string text(reinterpret_cast<const char*>(bytes.value().data()), bytes.value().size());
  // `git clone` without LFS leaves a pointer in a file's place, a failed download a web page.
  const FileFinding finding = LookAtFile(bytes.value().span(), name);
  const bool is_page = name.ends_with(".json") && text.find_first_not_of(" \t\r\n") == text.find('<');
  if (!text.empty() && (finding.kind == FileKind::kUnfinished || (is_page && finding.kind == FileKind::kOther))) {
    return Error{Code::kCorrupt, Cat(place, ": [file] is ", finding.what, ": ", finding.advice)};
  }
  return text;
}

}  // namespace thimble
