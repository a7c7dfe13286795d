// SPDX-License-Identifier: Apache-2.0
#include "common/stored_source.h"

#include "base/buffer.h"
#include "base/text.h"

#include <utility>

namespace thimble::common {

namespace {

class StoredSource : public ByteSource {
 public:
  StoredSource(std::unique_ptr<OpenFile> file, std::uint64_t size) : file_(std::move(file)), size_(size) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }

  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    THIMBLE_RETURN_IF_ERROR(CheckRange(offset, size));
    if (size > SIZE_MAX / 2) return OutOfMemory(SIZE_MAX);
    THIMBLE_ASSIGN_OR_RETURN(auto bytes, Buffer<std::byte>::CreateUnset(static_cast<std::size_t>(size)));
    THIMBLE_ASSIGN_OR_RETURN(const std::size_t filled, file_->ReadAt(offset, bytes.span()));
    if (filled < bytes.size()) return Shorter(offset + filled);
    return Bytes::Owned(std::move(bytes));
  }

  [[nodiscard]] Status CheckUnchanged() const override {
    THIMBLE_ASSIGN_OR_RETURN(const std::uint64_t size, file_->Size());
    return size == size_ ? Status(Done{}) : Status(Shorter(size));
  }

 private:
  [[nodiscard]] Error Shorter(std::uint64_t now) const {
    return Error{Code::kCorrupt, Cat("[storage] the file ends at ", now, ", it had ", size_,
                                     " bytes when it was opened: open it again when nothing writes it")};
  }

  std::unique_ptr<OpenFile> file_;
  std::uint64_t size_;
};

}  // namespace

Result<std::shared_ptr<const ByteSource>> OpenStoredSource(Storage* storage, const std::string& name) {
  THIMBLE_ASSIGN_OR_RETURN(auto mapped, storage->Map(name));
  if (mapped != nullptr) return mapped;
  THIMBLE_ASSIGN_OR_RETURN(auto file, storage->Open(name, false));
  THIMBLE_ASSIGN_OR_RETURN(const std::uint64_t size, file->Size());
  return std::shared_ptr<const ByteSource>(std::make_shared<const StoredSource>(std::move(file), size));
}

}  // namespace thimble::common
