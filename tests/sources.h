// SPDX-License-Identifier: Apache-2.0
// Sources of bytes as no file system gives them: that always copy, and that fail when a test wants it.
#pragma once

#include "files/model_file.h"
#include "sys/byte_source.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace thimble::testing {

// What views of all sources that share it did.
struct ViewLog {
  std::atomic<long> views{0};
  std::atomic<std::uint64_t> bytes{0};    // in all views together
  std::atomic<std::uint64_t> largest{0};  // of one
  // The view of this number, and all after it, fail; < 0: none does.
  std::atomic<long> fails_from{-1};
  std::atomic<bool> fails_once{false};  // only that one
};

// The same bytes as another source, none of which is in memory for those who read: every view is a copy of its own.
class CopyingSource : public ByteSource {
 public:
  CopyingSource(std::shared_ptr<const ByteSource> whole, std::shared_ptr<ViewLog> log)
      : whole_(std::move(whole)), log_(std::move(log)) {}
  [[nodiscard]] std::uint64_t size() const override { return whole_->size(); }
  [[nodiscard]] Result<Bytes> View(std::uint64_t offset, std::uint64_t size) const override {
    const long number = log_->views.fetch_add(1);
    const long fails_from = log_->fails_from.load();
    if (fails_from >= 0 && (number == fails_from || (number > fails_from && !log_->fails_once)))
      return Error{Code::kSystem, "[file] cannot read it: the test says so"};
    THIMBLE_ASSIGN_OR_RETURN(const Bytes from, whole_->View(offset, size));
    THIMBLE_ASSIGN_OR_RETURN(auto copy, Buffer<std::byte>::Create(from.size()));
    if (!from.empty()) std::memcpy(copy.data(), from.data(), from.size());
    log_->bytes += size;
    log_->largest = std::max(log_->largest.load(), size);
    return Bytes::Owned(std::move(copy));
  }

 private:
  std::shared_ptr<const ByteSource> whole_;
  std::shared_ptr<ViewLog> log_;
};

inline std::shared_ptr<const ByteSource> Copying(std::shared_ptr<const ByteSource> whole,
                                                 std::shared_ptr<ViewLog> log = std::make_shared<ViewLog>()) {
  return std::make_shared<const CopyingSource>(std::move(whole), std::move(log));
}

inline std::shared_ptr<const ByteSource> SourceOf(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return MemorySource({bytes.begin(), bytes.end()});
}

// One GGUF file, mapped.
inline Result<ModelFile> MappedGguf(const std::string& path) {
  THIMBLE_ASSIGN_OR_RETURN(auto source, MapFile(path));
  return ModelFile::FromGguf(std::move(source), path);
}

// The side files of a Hugging Face folder, without its weights.
inline Result<ModelFile> SideFilesIn(const std::string& folder) {
  SafetensorsModel model;
  model.name = folder;
  model.folder = folder;
  model.side_files = [folder](const std::string& name) { return MapFile(folder + "/" + name); };
  return ModelFile::FromSafetensors(std::move(model));
}

}  // namespace thimble::testing
