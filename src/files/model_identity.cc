// SPDX-License-Identifier: Apache-2.0
// By what a cache knows a model's files again, and what stands in them before their tensors.
#include "base/sha256.h"
#include "files/model_file.h"

#include <algorithm>
#include <span>
#include <string>

namespace thimble {

namespace {

// What is read of a file's header and of each tensor: enough to tell two trainings of one shape from each other, also
// where a part of the weights was frozen; few enough to cost nothing from a disk.
constexpr std::uint64_t kHeaderSample = std::uint64_t{64} << 10;
constexpr std::uint64_t kTensorSample = 4096;

template <typename T>
void AddNumber(Sha256* hash, T value) {
  hash->Add(std::as_bytes(std::span(&value, 1)));
}

Status AddBytes(Sha256* hash, const ByteSource& source, std::uint64_t offset, std::uint64_t size) {
  THIMBLE_ASSIGN_OR_RETURN(const Bytes bytes, source.View(offset, size));
  hash->Add(bytes.span());
  return Done{};
}

// What the table says of the tensor, and a page from its middle.
Status AddTensor(Sha256* hash, const ByteSource& source, const TensorEntry& tensor) {
  AddNumber(hash, std::uint64_t{tensor.name.size()});
  hash->Add(std::as_bytes(std::span(tensor.name)));
  AddNumber(hash, static_cast<std::uint32_t>(tensor.dtype));
  AddNumber(hash, std::uint64_t{tensor.shape.size()});
  for (const std::int64_t size : tensor.shape) AddNumber(hash, size);
  AddNumber(hash, tensor.offset);
  AddNumber(hash, tensor.size_bytes);
  const std::uint64_t size = std::min(kTensorSample, tensor.size_bytes);
  const std::uint64_t middle = (tensor.size_bytes - size) / 2 / kTensorSample * kTensorSample;
  THIMBLE_RETURN_IF_ERROR(AddBytes(hash, source, tensor.offset + middle, size));
  // The pages around it came along.
  source.Release(tensor.offset, tensor.size_bytes);
  return Done{};
}

}  // namespace

std::uint64_t ModelFile::PartBytes(int part) const { return sources_[static_cast<std::size_t>(part)]->size(); }

Result<Bytes> ModelFile::ViewHead(int part) const {
  std::uint64_t end = PartBytes(part);
  for (const TensorEntry& tensor : tensors_) {
    if (tensor.source == part) end = std::min(end, tensor.offset);
  }
  return sources_[static_cast<std::size_t>(part)]->View(0, end);
}

Result<std::string> ModelFile::Identity() const {
  Sha256 hash;
  AddNumber(&hash, std::uint64_t{sources_.size()});
  for (std::size_t index = 0; index < sources_.size(); ++index) {
    const ByteSource& source = *sources_[index];
    AddNumber(&hash, source.size());
    THIMBLE_RETURN_IF_ERROR(AddBytes(&hash, source, 0, std::min(kHeaderSample, source.size())));
    for (const TensorEntry& tensor : tensors_) {
      if (static_cast<std::size_t>(tensor.source) == index) THIMBLE_RETURN_IF_ERROR(AddTensor(&hash, source, tensor));
    }
  }
  return hash.Finish();
}

}  // namespace thimble
