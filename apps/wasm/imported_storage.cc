// SPDX-License-Identifier: Apache-2.0
#include "wasm/imported_storage.h"

#include "base/outside_text.h"
#include "base/text.h"
#include "files/json.h"
#include "wasm/imports.h"

#include <algorithm>
#include <utility>

namespace thimble::browser {

namespace {

// Read or written by one call: the page works on it in one go.
constexpr std::size_t kPiece = std::size_t{16} << 20;

std::uint32_t LengthOf(const std::string& text) { return static_cast<std::uint32_t>(text.size()); }

// The name without what it may stand for inside the store: clients see file names.
std::string ShownName(const std::string& name) { return EscapeControls(name.substr(name.rfind('/') + 1)); }

Error StorageError(const char* action, const std::string& name) {
  return Error{Code::kSystem, Cat("[storage] the browser cannot ", action, " ", ShownName(name))};
}

class ImportedFile : public common::OpenFile {
 public:
  ImportedFile(std::int32_t handle, std::string name) : handle_(handle), name_(std::move(name)) {}
  ~ImportedFile() override { storage_close(handle_); }
  ImportedFile(const ImportedFile&) = delete;
  ImportedFile& operator=(const ImportedFile&) = delete;

  [[nodiscard]] Result<std::uint64_t> Size() const override {
    const double size = storage_size(handle_);
    constexpr double kMost = 9007199254740992.0;  // of numbers that a double has exactly
    if (!(size >= 0) || size > kMost) return StorageError("tell the size of", name_);
    return static_cast<std::uint64_t>(size);
  }

  [[nodiscard]] Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> to) const override {
    std::size_t filled = 0;
    while (filled < to.size()) {
      const std::size_t wanted = std::min(kPiece, to.size() - filled);
      const std::int32_t count = storage_read(handle_, static_cast<double>(offset + filled), to.data() + filled,
                                              static_cast<std::uint32_t>(wanted));
      if (count < 0 || static_cast<std::size_t>(count) > wanted) return StorageError("read", name_);
      if (count == 0) break;
      filled += static_cast<std::size_t>(count);
    }
    return filled;
  }

  Status WriteAt(std::uint64_t offset, std::span<const std::byte> bytes) override {
    for (std::size_t done = 0; done < bytes.size();) {
      const std::size_t wanted = std::min(kPiece, bytes.size() - done);
      const std::int32_t count = storage_write(handle_, static_cast<double>(offset + done), bytes.data() + done,
                                               static_cast<std::uint32_t>(wanted));
      if (count < 0 || static_cast<std::size_t>(count) > wanted) return StorageError("write", name_);
      if (static_cast<std::size_t>(count) < wanted)
        return Error{Code::kExhausted, Cat("[storage] the browser has no room left for ", ShownName(name_))};
      done += wanted;
    }
    return Done{};
  }

  Status Truncate(std::uint64_t size) override {
    if (storage_truncate(handle_, static_cast<double>(size)) != 0) return StorageError("shorten", name_);
    return Done{};
  }
  Status Flush() override {
    if (storage_flush(handle_) != 0) return StorageError("finish", name_);
    return Done{};
  }

 private:
  std::int32_t handle_;
  std::string name_;
};

}  // namespace

std::vector<common::StoredFile> ImportedStorage::List() const {
  std::string text(4096, '\0');
  // Twice, unless files come meanwhile, which nothing can add while we wait.
  for (int tries = 0; tries < 2; ++tries) {
    const std::uint32_t length = storage_list(text.data(), LengthOf(text));
    const bool fits = length <= text.size();
    text.resize(length);
    if (fits) break;
  }
  std::vector<common::StoredFile> files;
  const auto list = Json::Parse(text, "storage");
  if (!list.ok() || !list.value().IsArray()) return files;
  for (const Json& item : list.value().items()) {
    const Json* const name = item.Find("name");
    const Json* const bytes = item.Find("bytes");
    if (name == nullptr || !name->IsString() || bytes == nullptr) continue;
    const auto count = bytes->AsInt();
    if (!count.has_value() || *count < 0 || name->text().size() > common::kLongestName) continue;
    files.push_back({name->text(), static_cast<std::uint64_t>(*count)});
  }
  std::sort(files.begin(), files.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return files;
}

Result<std::unique_ptr<common::OpenFile>> ImportedStorage::Open(const std::string& name, bool creates) {
  const std::int32_t handle = storage_open(name.data(), LengthOf(name), creates ? 1 : 0);
  if (handle < 0) {
    return Error{Code::kNotFound, Cat("[storage] the browser ", creates ? "cannot create " : "has no file ",
                                      ShownName(name), creates ? ": there is no room, or it is open already" : "")};
  }
  return std::unique_ptr<common::OpenFile>(std::make_unique<ImportedFile>(handle, name));
}

Status ImportedStorage::Delete(const std::string& name) {
  if (storage_delete(name.data(), LengthOf(name)) != 0) return StorageError("delete", name);
  return Done{};
}

Status ImportedStorage::Rename(const std::string& from, const std::string& to) {
  if (storage_rename(from.data(), LengthOf(from), to.data(), LengthOf(to)) != 0) return StorageError("rename", from);
  return Done{};
}

std::optional<std::uint64_t> ImportedStorage::FreeBytes() const {
  const double free = storage_free();
  constexpr double kMost = 9007199254740992.0;
  if (!(free >= 0)) return std::nullopt;
  return static_cast<std::uint64_t>(std::min(free, kMost));
}

}  // namespace thimble::browser
