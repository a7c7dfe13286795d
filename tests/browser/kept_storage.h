// SPDX-License-Identifier: Apache-2.0
// For tests of apps/wasm: a page's storage in memory, and a page that keeps what it is told.
#pragma once

#include "common/storage.h"
#include "wasm/carrier.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace thimble::browser {

class KeptStorage : public common::Storage {
 public:
  std::map<std::string, std::vector<std::byte>> files;
  std::optional<std::uint64_t> room;  // that all files may take together
  bool tells_room = true;

  [[nodiscard]] std::vector<common::StoredFile> List() const override {
    std::vector<common::StoredFile> list;
    for (const auto& [name, bytes] : files) list.push_back({name, bytes.size()});
    return list;
  }
  Result<std::unique_ptr<common::OpenFile>> Open(const std::string& name, bool creates) override {
    EXPECT_LE(name.size(), common::kLongestName);
    if (!creates && !files.contains(name)) return Error{Code::kNotFound, "[test] no such file"};
    if (std::exchange(open_[name], true)) return Error{Code::kNotFound, "[test] open already: " + name};
    files[name];
    return std::unique_ptr<common::OpenFile>(std::make_unique<File>(this, name));
  }
  Status Delete(const std::string& name) override {
    EXPECT_FALSE(open_[name]) << name;
    if (files.erase(name) == 0) return Error{Code::kSystem, "[test] no such file"};
    return Done{};
  }
  Status Rename(const std::string& from, const std::string& to) override {
    EXPECT_FALSE(open_[from] || open_[to]) << from;
    if (!files.contains(from)) return Error{Code::kSystem, "[test] no such file"};
    files[to] = std::move(files[from]);
    files.erase(from);
    return Done{};
  }
  [[nodiscard]] std::optional<std::uint64_t> FreeBytes() const override {
    if (!room.has_value() || !tells_room) return std::nullopt;
    return *room - std::min(*room, Used());
  }
  [[nodiscard]] std::uint64_t Used() const {
    std::uint64_t used = 0;
    for (const auto& [name, bytes] : files) used += bytes.size();
    return used;
  }

 private:
  class File : public common::OpenFile {
   public:
    File(KeptStorage* storage, std::string name) : storage_(storage), name_(std::move(name)) {}
    ~File() override { storage_->open_[name_] = false; }
    File(const File&) = delete;
    File& operator=(const File&) = delete;
    [[nodiscard]] Result<std::uint64_t> Size() const override { return std::uint64_t{bytes().size()}; }
    [[nodiscard]] Result<std::size_t> ReadAt(std::uint64_t offset, std::span<std::byte> to) const override {
      const std::size_t count = offset < bytes().size() ? std::min(to.size(), bytes().size() - offset) : 0;
      std::copy_n(bytes().begin() + static_cast<std::ptrdiff_t>(offset), count, to.begin());
      return count;
    }
    Status WriteAt(std::uint64_t offset, std::span<const std::byte> from) override {
      const std::size_t end = std::max<std::size_t>(bytes().size(), offset + from.size());
      if (storage_->room.has_value() && storage_->Used() + (end - bytes().size()) > *storage_->room)
        return Error{Code::kExhausted, "[test] no room left"};
      bytes().resize(end);
      std::copy(from.begin(), from.end(), bytes().begin() + static_cast<std::ptrdiff_t>(offset));
      return Done{};
    }
    Status Truncate(std::uint64_t size) override {
      bytes().resize(size);
      return Done{};
    }
    Status Flush() override { return Done{}; }

   private:
    [[nodiscard]] std::vector<std::byte>& bytes() const { return storage_->files[name_]; }
    KeptStorage* storage_;
    std::string name_;
  };

  std::map<std::string, bool> open_;
};

struct KeptAnswer {
  int status = 0;
  std::string headers;
  std::string body;
  bool is_over = false;
};

class KeepingPage : public Page {
 public:
  std::map<AnswerId, KeptAnswer> answers;
  std::vector<std::string> log;

  void Begin(AnswerId id, int status, const std::string& headers) override {
    EXPECT_EQ(answers[id].status, 0);
    answers[id].status = status;
    answers[id].headers = headers;
  }
  void Part(AnswerId id, std::string_view bytes) override { answers[id].body += bytes; }
  void End(AnswerId id) override { EXPECT_FALSE(std::exchange(answers[id].is_over, true)); }
  void Log(LogLevel, std::string_view text) override { log.emplace_back(text); }
  std::string NewId() override { return "id-of-24-letters-and-so-" + std::to_string(++ids_); }

 private:
  int ids_ = 0;
};

}  // namespace thimble::browser
