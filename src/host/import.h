// SPDX-License-Identifier: Apache-2.0
// Bringing a model into the store, whole or not at all.
#pragma once

#include "base/result.h"
#include "engine/model_files.h"
#include "files/json.h"

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace thimble::host {

// By which a file that is replaced or written to meanwhile is known.
struct FileStamp {
  explicit FileStamp(const std::string& path);
  bool operator==(const FileStamp&) const = default;

  std::int64_t size = -1;
  std::uint64_t node = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;
};

// One file that comes along.
struct ImportItem {
  ImportItem(const std::string& path, std::string in_store) : from(path), name(std::move(in_store)), stamp(path) {}

  std::string from;
  std::string name;  // in the store
  FileStamp stamp;
};

// The time now as manifests have it: "2026-11-30T01:02:03Z".
std::string Today();

// What a model is made of.
struct ImportPlan {
  std::string path;  // as it was given
  std::vector<ImportItem> items;
  VisionChoice vision;
  std::vector<std::string> left_out;  // paths of what lies there and does not come along
  std::vector<std::string> warnings;
};
// All parts of a split GGUF and its vision file (`mmproj`, empty: the one found beside it), or what a Hugging Face
// folder holds. Errors: what opening the model reports, and kInvalid for two files that would have one name.
Result<ImportPlan> PlanImport(const std::string& path, const std::string& mmproj);

// The name that a model at `path` gets if nobody chooses one; it may be none that the store takes.
std::string NameForImport(const std::string& path);
// kInvalid where it is no plain name, or taken; the message ends in "choose another name".
Status CheckImportName(const std::string& name);

struct ImportHow {
  std::string name;    // in the store
  bool links = false;  // leaves the files where they are
  // Share of the bytes read; returning false cancels. May be empty.
  std::function<bool(double share)> progress;
};
// Copies (or links) the files into the store, with their SHA-256 in a manifest, which is returned, and opens what is
// there then. On any error nothing is kept. kExhausted without room on the disk, kSystem for files that cannot be read
// or written or that changed meanwhile, kCancelled, and those of CheckImportName.
Result<Json> ImportModel(const ImportPlan& plan, const ImportHow& how);

}  // namespace thimble::host
