// SPDX-License-Identifier: Apache-2.0
// The parts of ByteSource that need only the standard library: bytes in memory, and reading a whole file.
#include "sys/byte_source.h"

#include "base/check.h"
#include "base/text.h"
#include "sys/file_error.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>

namespace thimble {

namespace {

class HeldBytes : public ByteSource {
 public:
  explicit HeldBytes(std::vector<std::byte> bytes) : bytes_(std::move(bytes)) {}
  [[nodiscard]] std::uint64_t size() const override { return bytes_.size(); }
  [[nodiscard]] std::span<const std::byte> mapped() const override { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

struct FileCloser {
  void operator()(std::FILE* file) const { std::fclose(file); }
};

// Large enough that a model of gigabytes takes few calls, small enough to cost nothing for a short file.
constexpr std::size_t kChunkBytes = std::size_t{1} << 20;

}  // namespace

Status ByteSource::CheckRange(std::uint64_t offset, std::uint64_t size) const {
  if (offset <= this->size() && size <= this->size() - offset) return Done{};
  return Error{Code::kInvalid,
               Cat("[source] bytes from ", offset, " on, ", size, " of them, do not lie in ", this->size())};
}

Result<Bytes> ByteSource::View(std::uint64_t offset, std::uint64_t size) const {
  THIMBLE_RETURN_IF_ERROR(CheckRange(offset, size));
  // A source that has no memory reads for itself.
  THIMBLE_CHECK(mapped().size() == this->size());
  return Bytes::Borrowed(mapped().subspan(static_cast<std::size_t>(offset), static_cast<std::size_t>(size)));
}

Error FileError(const std::string& path, std::string_view action, const std::error_code& why) {
  Code code = Code::kSystem;
  if (why == std::errc::no_such_file_or_directory || why == std::errc::not_a_directory) code = Code::kNotFound;
  if (why == std::errc::is_a_directory) code = Code::kInvalid;
  return Error{code, Cat(EscapeControls(path), ": [file] cannot ", action, ": ", why.message())};
}

std::shared_ptr<const ByteSource> MemorySource(std::vector<std::byte> bytes) {
  return std::make_shared<HeldBytes>(std::move(bytes));
}

Result<std::vector<std::byte>> ReadFile(const std::string& path, std::uint64_t max_bytes) {
  const auto failure = [&path](std::string_view action) {
    return FileError(path, action, std::error_code(errno, std::generic_category()));
  };
  errno = 0;
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return failure("open it");
  // Grown by what was really read: neither a device without end nor a file that grows meanwhile sets the size.
  std::vector<std::byte> bytes;
  std::size_t filled = 0;
  while (true) {
    if (bytes.size() == filled) bytes.resize(filled + std::max(kChunkBytes, filled / 2));
    const std::size_t count = std::fread(bytes.data() + filled, 1, bytes.size() - filled, file.get());
    filled += count;
    if (filled > max_bytes) {
      return Error{Code::kInvalid, Cat(EscapeControls(path), ": [file] may hold ", max_bytes, " bytes, found more")};
    }
    if (count == 0) break;
  }
  if (std::ferror(file.get()) != 0) return failure("read it");
  bytes.resize(filled);
  bytes.shrink_to_fit();
  return bytes;
}

Result<std::vector<std::byte>> ReadHead(const std::string& path, std::size_t max_bytes) {
  const auto failure = [&path](std::string_view action) {
    return FileError(path, action, std::error_code(errno, std::generic_category()));
  };
  errno = 0;
  const std::unique_ptr<std::FILE, FileCloser> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) return failure("open it");
  std::vector<std::byte> bytes(max_bytes);
  const std::size_t count = std::fread(bytes.data(), 1, bytes.size(), file.get());
  if (std::ferror(file.get()) != 0) return failure("read it");
  bytes.resize(count);
  return bytes;
}

}  // namespace thimble
