// SPDX-License-Identifier: Apache-2.0
// Files mapped into memory, for systems with mmap: opening costs nothing, pages are read when touched.
#include "base/text.h"
#include "sys/byte_source.h"
#include "sys/file_error.h"

#include <cerrno>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

namespace thimble {

namespace {

class MappedFile : public ByteSource {
 public:
  explicit MappedFile(std::int64_t modified_ns) : modified_ns_(modified_ns) {}
  ~MappedFile() override {
    if (memory_ != nullptr) munmap(memory_, size_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  // False: errno says why not.
  bool Map(int descriptor, std::size_t size) {
    void* const memory = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
    if (memory == MAP_FAILED) return false;
    memory_ = memory;
    size_ = size;
    return true;
  }
  [[nodiscard]] std::uint64_t size() const override { return size_; }
  [[nodiscard]] std::span<const std::byte> bytes() const override {
    return {static_cast<const std::byte*>(memory_), size_};
  }
  [[nodiscard]] std::int64_t modified_ns() const override { return modified_ns_; }

  void Release(std::uint64_t offset, std::uint64_t size) const override {
    if (offset >= size_ || size == 0) return;
    const std::uint64_t end = size < size_ - offset ? offset + size : size_;
    // Whole pages only: the edges may hold bytes of a neighbour that is still wanted. The last page has none.
    const auto page = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
    const std::uint64_t first_page = (offset + page - 1) / page * page;
    const std::uint64_t last_page = end == size_ ? end : end / page * page;
    if (first_page >= last_page) return;
    madvise(static_cast<std::byte*>(memory_) + first_page, last_page - first_page, MADV_DONTNEED);
  }

 private:
  void* memory_ = nullptr;
  std::size_t size_ = 0;
  std::int64_t modified_ns_;
};

class OpenFile {
 public:
  // O_NONBLOCK: opening a pipe must not wait for somebody to write into it.
  explicit OpenFile(const char* path) : descriptor_(open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) {}
  ~OpenFile() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  [[nodiscard]] int descriptor() const { return descriptor_; }

 private:
  int descriptor_;
};

}  // namespace

Result<std::shared_ptr<const ByteSource>> MapFile(const std::string& path) {
  const auto failure = [&path](std::string_view action) {
    return FileError(path, action, std::error_code(errno, std::generic_category()));
  };
  const OpenFile file(path.c_str());
  if (file.descriptor() < 0) return failure("open it");
  struct stat status = {};
  if (fstat(file.descriptor(), &status) != 0) return failure("ask for its size");
  if (!S_ISREG(status.st_mode)) {
    return Error{Code::kInvalid, Cat(EscapeControls(path), ": [file] must be a regular file, found ",
                                     S_ISDIR(status.st_mode) ? "a folder" : "a device or a pipe")};
  }
  if (status.st_size == 0) return MemorySource({});  // mmap refuses length 0
  if (static_cast<std::uint64_t>(status.st_size) > SIZE_MAX / 2) {
    return Error{Code::kUnsupported, Cat(EscapeControls(path), ": [file] ", status.st_size,
                                         " bytes are more than this system can address")};
  }
  const auto size = static_cast<std::size_t>(status.st_size);
  const std::int64_t modified_ns = std::int64_t{status.st_mtim.tv_sec} * 1'000'000'000 + status.st_mtim.tv_nsec;
  // First what memory may run out for: the mapping has an owner from the beginning.
  const auto mapped = std::make_shared<MappedFile>(modified_ns);
  if (!mapped->Map(file.descriptor(), size)) return failure("map it");
  return std::shared_ptr<const ByteSource>(mapped);
}

}  // namespace thimble
