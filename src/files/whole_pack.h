// SPDX-License-Identifier: Apache-2.0
// A whole pack stands in a model's place: everything that the model's files hold, with its matrices packed already
// (files/pack_file.h is the form). A phone or a browser keeps a model once that way.
//
//   kHead    one for each file of the model, its bytes up to the first tensor; `rows` is that file's size, `dtype` its
//            number from 0
//   kTensor  what is not packed; `rows` is where it begins in its file, `dtype` that file's number
//   kMatrix  what is packed
//   kFile    what lies beside safetensors (config.json, tokenizer.json), by its name
#pragma once

#include "base/result.h"
#include "files/pack_file.h"
#include "sys/byte_source.h"

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace thimble {

class WholePack {
 public:
  // A file of the model: its header and the tensors that are not packed lie where they lay. What is packed cannot be
  // read there; of bytes that follow its header in one view, zeros come.
  struct Part {
    std::string name;
    std::uint64_t head_bytes = 0;  // before its first tensor
    std::shared_ptr<const ByteSource> source;
  };

  // kUnsupported for a pack that is a cache; kCorrupt for what contradicts itself.
  static Result<std::shared_ptr<const WholePack>> Open(std::shared_ptr<const ByteSource> file);

  [[nodiscard]] const PackHeader& header() const { return table_.header; }

  [[nodiscard]] const std::vector<Part>& parts() const { return parts_; }
  // A file beside the parts; kNotFound where there is none.
  [[nodiscard]] Result<std::shared_ptr<const ByteSource>> SideFile(const std::string& name) const;
  // A tensor's packed matrix; nullptr where it is not packed.
  [[nodiscard]] const PackedEntry* FindMatrix(std::string_view tensor) const;
  [[nodiscard]] const ByteSource& file() const { return *file_; }

 private:
  WholePack() = default;
  Status TakeParts();

  std::shared_ptr<const ByteSource> file_;
  PackTable table_;
  std::vector<Part> parts_;
  std::unordered_map<std::string_view, const PackedEntry*> matrices_;
  std::unordered_map<std::string_view, const PackedEntry*> side_files_;
};

// Whether a file that begins with these bytes is a whole pack, of whatever version.
bool BeginsAsWholePack(std::span<const std::byte> head);

}  // namespace thimble
