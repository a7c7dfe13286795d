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

Result<std::span<const std::byte>> ModelFile::View(const TensorEntry& tensor) const {
  if (!tensor.unknown_type.empty()) {
    return Error{Code::kUnsupported,
                 Cat("[safetensors] tensor ", QuoteName(tensor.name), " must be F32, F16 or BF16, found ",
                     EscapeControls(tensor.unknown_type.substr(0, 20)))};
  }
  THIMBLE_CHECK(tensor.source >= 0 && static_cast<std::size_t>(tensor.source) < sources_.size());
  const ByteSource& source = *sources_[static_cast<std::size_t>(tensor.source)];
  // Checked when the file was opened: an entry that does not fit is not of this file.
  THIMBLE_CHECK(tensor.offset <= source.size() && tensor.size_bytes <= source.size() - tensor.offset);
  THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, source.View(tensor.offset, tensor.size_bytes));
  if (!bytes.is_borrowed()) return Error{Code::kUnsupported, "[file] bytes that are not in memory"};
  return bytes.span();
}

void ModelFile::Release(const TensorEntry& tensor) const {
  THIMBLE_CHECK(tensor.source >= 0 && static_cast<std::size_t>(tensor.source) < sources_.size());
  sources_[static_cast<std::size_t>(tensor.source)]->Release(tensor.offset, tensor.size_bytes);
}

Result<std::string> ModelFile::SideFile(const std::string& name) const {
  if (pack_ != nullptr) {
    THIMBLE_ASSIGN_OR_RETURN(const auto source, pack_->SideFile(name));
    THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, source->View(0, source->size()));
    return std::string(reinterpret_cast<const char*>(bytes.span().data()), bytes.span().size());
  }
  if (folder_.empty()) {
    return Error{Code::kNotFound,
                 Cat(EscapeControls(path_), ": [file] a GGUF model has no ", QuoteName(name), " beside it")};
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::vector<std::byte> bytes, ReadFile(Cat(folder_, "/", name), kMaxSideFileBytes));
  std::string text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  // `git clone` without LFS leaves a pointer in a file's place, a failed download a web page.
  const FileFinding finding = LookAtFile(bytes, name);
  const bool is_page = name.ends_with(".json") && text.find_first_not_of(" \t\r\n") == text.find('<');
  if (!text.empty() && (finding.kind == FileKind::kUnfinished || (is_page && finding.kind == FileKind::kOther))) {
    return Error{Code::kCorrupt,
                 Cat(EscapeControls(Cat(folder_, "/", name)), ": [file] is ", finding.what, ": ", finding.advice)};
  }
  return text;
}

}  // namespace thimble
