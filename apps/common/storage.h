// SPDX-License-Identifier: Apache-2.0
// Storage: files by flat names, as a page keeps them for us (the origin's private files; files from a file chooser), or
// an app's folder does. Everything happens at once: whoever calls waits.
#pragma once

#include "base/result.h"
#include "sys/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::common {

// Of a name, in bytes.
inline constexpr std::size_t kLongestName = 255;

struct StoredFile {
  std::string name;
  std::uint64_t bytes = 0;
};

// A file that is open, as long as this lives. One name is open once at a time.
class OpenFile {
 public:
  virtual ~OpenFile() = default;
  // kSystem where it cannot be asked for.
  [[nodiscard]] virtual Result<std::uint64_t> Size() const = 0;
  // Bytes read, fewer at the file's end. kSystem.
  [[nodiscard]] virtual Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> to) const = 0;
  // All of them. kExhausted where there is no room for more, kSystem.
  virtual Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) = 0;
  virtual Status Truncate(std::uint64_t size) = 0;
  // What was written survives the program.
  virtual Status Flush() = 0;
};

class Storage {
 public:
  virtual ~Storage() = default;
  [[nodiscard]] virtual std::vector<StoredFile> List() const = 0;
  // kNotFound where there is none (and `creates` is false) or there is no room for one more.
  virtual Result<std::unique_ptr<OpenFile>> Open(const std::string& name, bool creates) = 0;
  virtual Status Delete(const std::string& name) = 0;
  // Replaces what is there.
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  // Bytes that may still be written; nullopt: nobody says.
  [[nodiscard]] virtual std::optional<std::uint64_t> FreeBytes() const = 0;
  // The file mapped into memory, which holds it then without using it up; nullptr where it can only be read.
  virtual Result<std::shared_ptr<const ByteSource>> Map(const std::string& /*name*/) {
    return std::shared_ptr<const ByteSource>();
  }
  // A file of the system's, under a name in here until that is deleted; the file itself stays where it is.
  // kUnsupported.
  virtual Status Link(const std::string& /*path*/, const std::string& /*name*/) {
    return Error{Code::kUnsupported, "[storage] other files cannot be seen from here"};
  }
  // Whose storage it is, in messages: "browser".
  [[nodiscard]] virtual std::string Owner() const { return "browser"; }
};

}  // namespace thimble::common
