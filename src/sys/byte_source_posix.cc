// SPDX-License-Identifier: Apache-2.0
// Files mapped into memory, for systems with mmap: opening costs nothing, pages are read when touched. And files that
// are read in pieces.
#include "base/text.h"
#include "sys/byte_source.h"
#include "sys/file_error.h"

#include <cerrno>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thimble {

namespace {

// A descriptor that is closed in the end.
class OpenFile {
 public:
  explicit OpenFile(int descriptor) : descriptor_(descriptor) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(OpenFile&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  OpenFile& operator=(OpenFile&&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

std::int64_t ModifiedNs(const struct stat& status) {
  return std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
}

std::error_code LastError() { return {errno, std::generic_category()}; }

// A regular file that stays open, read in pieces.
class FileInPieces : public ByteSource {
 public:
  FileInPieces(OpenFile file, const struct stat& status)
      : file_(std::move(file)), size_(static_cast<std::uint64_t>(status.st_size)), modified_ns_(ModifiedNs(status)) {}

  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::int64_t modified_ns() const override { return modified_ns_; }

  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    THIMBLE_RETURN_IF_ERROR(CheckRange(offset, size));
    if (size > SIZE_MAX / 2) return OutOfMemory(SIZE_MAX);
    THIMBLE_ASSIGN_OR_RETURN(auto bytes, Buffer<std::byte>::CreateUnset(static_cast<std::size_t>(size)));
    std::size_t filled = 0;
    while (filled < bytes.size()) {
      const ssize_t count =
          pread(file_.descriptor(), bytes.data() + filled, bytes.size() - filled, static_cast<off_t>(offset + filled));
      if (count < 0 && errno == EINTR) continue;
      if (count < 0) return Error{Code::kSystem, Cat("[file] cannot read it: ", LastError().message())};
      if (count == 0) {
        return Error{Code::kCorrupt, Cat("[file] ends at ", offset + filled, ", it had ", size_,
                                         " bytes when it was opened: open it again when nothing writes it")};
      }
      filled += static_cast<std::size_t>(count);
    }
    return Bytes::Owned(std::move(bytes));
  }

  [[nodiscard]] Status CheckUnchanged() const override {
    struct stat status = {};
    if (fstat(file_.descriptor(), &status) != 0) {
      return Error{Code::kSystem, Cat("[file] cannot ask for its size: ", LastError().message())};
    }
    const auto size = static_cast<std::uint64_t>(status.st_size);
    if (size == size_ && ModifiedNs(status) == modified_ns_) return Done{};
    return Error{Code::kCorrupt, Cat("[file] has changed since it was opened",
                                     size != size_ ? Cat(" (", size_, " bytes then, ", size, " now)") : std::string(),
                                     ": open it again when nothing writes it")};
  }

 protected:
  [[nodiscard]] int descriptor() const { return file_.descriptor(); }

 private:
  OpenFile file_;
  std::uint64_t size_;
  std::int64_t modified_ns_;
};

class MappedFile : public FileInPieces {
 public:
  MappedFile(OpenFile file, const struct stat& status) : FileInPieces(std::move(file), status) {}
  ~MappedFile() override {
    if (memory_ != nullptr) munmap(memory_, length_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // Maps it, where the system can; else it is read in pieces.
  void Map() {
    if (size() > SIZE_MAX / 2) return;  // longer than what this system can address
    void* const memory = mmap(nullptr, static_cast<std::size_t>(size()), PROT_READ, MAP_PRIVATE, descriptor(), 0);
    if (memory == MAP_FAILED) return;
    memory_ = memory;
    length_ = static_cast<std::size_t>(size());
  }
  [[nodiscard]] std::span<const std::byte> mapped() const override {
    return {static_cast<const std::byte*>(memory_), length_};
  }
  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    return memory_ == nullptr ? FileInPieces::View(offset, size) : ByteSource::View(offset, size);
  }

  void Release(std::uint64_t offset, std::uint64_t size) const override {
    if (offset >= length_ || size == 0) return;
    const std::uint64_t end = size < length_ - offset ? offset + size : length_;
    // Whole pages only: the edges may hold bytes of a neighbour that is still wanted. The last page has none.
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t first_page = (offset + page - 1) / page * page;
    const std::uint64_t last_page = end == length_ ? end : end / page * page;
    if (first_page >= last_page) return;
    madvise(static_cast<std::byte*>(memory_) + first_page, last_page - first_page, MADV_DONTNEED);
  }

 private:
  void* memory_ = nullptr;
  std::size_t length_ = 0;
};

// kInvalid unless it is a regular file.
Status CheckRegular(const struct stat& status) {
  if (S_ISREG(status.st_mode)) return Done{};
  return Error{Code::kInvalid, Cat("[file] must be a regular file, found ",
                                   S_ISDIR(status.st_mode) ? "a folder" : "a device or a pipe")};
}

}  // namespace

Result<std::shared_ptr<const ByteSource>> MapFile(const std::string& path) {
  const auto failure = [&path](std::string_view action) { return FileError(path, action, LastError()); };
  // O_NONBLOCK: opening a pipe must not wait for somebody to write into it.
  OpenFile file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.descriptor() < 0) return failure("open it");
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return failure("ask for its size");
  if (const Status regular = CheckRegular(status); !regular.ok()) {
    return WithPlace(regular.error(), EscapeControls(path));
  }
  if (status.st_size == 0) return MemorySource({});  // mmap refuses length 0
  // First what memory may run out for: the mapping has an owner from the beginning.
  const auto mapped = std::make_shared<MappedFile>(std::move(file), status);
  mapped->Map();
  return std::shared_ptr<const ByteSource>(mapped);
}

Result<std::shared_ptr<const ByteSource>> ReadDescriptor(int descriptor) {
  OpenFile file(descriptor);
  struct stat status = {};
  if (fstat(descriptor, &status) != 0) {
    return Error{Code::kSystem, Cat("[file] cannot ask for its size: ", LastError().message())};
  }
  THIMBLE_RETURN_IF_ERROR(CheckRegular(status));
  return std::shared_ptr<const ByteSource>(std::make_shared<FileInPieces>(std::move(file), status));
}

}  // namespace thimble
