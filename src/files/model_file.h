// SPDX-License-Identifier: Apache-2.0
// ModelFile: one view over the forms in which people have a model: a GGUF file, a split GGUF, a vision GGUF (mmproj),
// or a Hugging Face folder (config.json, safetensors, tokenizer.json). Bytes -> named tensors and metadata; it knows
// formats, not models.
#pragma once

#include "base/dtype.h"
#include "base/result.h"
#include "files/json.h"
#include "sys/byte_source.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace thimble {

class WholePack;

struct TensorEntry {
  std::string name;
  DType dtype = DType::kF32;
  std::vector<std::int64_t> shape;  // slowest-varying first (Hugging Face order; GGUF's ne reversed)
  int source = 0;                   // index of the shard that holds it
  std::uint64_t offset = 0;         // of its bytes in that shard
  std::uint64_t size_bytes = 0;
  // Safetensors: the name of a type that DType does not have ("I64"); `dtype` then says nothing and View refuses.
  std::string unknown_type;

  [[nodiscard]] std::int64_t num_elements() const;
  [[nodiscard]] std::string ShapeText() const;  // "[2048, 1024]"
};

// GGUF's key-value table. Integers of any width are one kind; getters return nullopt for a missing key and for a value
// of another kind.
class Metadata {
 public:
  struct Value {
    enum class Kind { kInt, kFloat, kBool, kString, kInts, kFloats, kBools, kStrings } kind = Kind::kInt;
    std::int64_t integer = 0;
    double number = 0;
    std::string_view text;  // points into the file's bytes
    std::vector<std::int64_t> ints;
    std::vector<double> floats;
    std::vector<std::string_view> strings;  // point into the file's bytes
  };
  [[nodiscard]] const Value* Find(std::string_view key) const;
  [[nodiscard]] std::optional<std::int64_t> Int(std::string_view key) const;  // also from a bool or a whole float
  [[nodiscard]] std::optional<double> Float(std::string_view key) const;      // also from an integer
  [[nodiscard]] std::optional<bool> Bool(std::string_view key) const;
  [[nodiscard]] std::optional<std::string> String(std::string_view key) const;
  [[nodiscard]] const std::vector<std::int64_t>* Ints(std::string_view key) const;  // int and bool arrays
  [[nodiscard]] const std::vector<double>* Floats(std::string_view key) const;
  [[nodiscard]] const std::vector<std::string_view>* Strings(std::string_view key) const;
  [[nodiscard]] const std::map<std::string, Value, std::less<>>& values() const { return values_; }
  std::map<std::string, Value, std::less<>>& mutable_values() { return values_; }  // for the parser

 private:
  std::map<std::string, Value, std::less<>> values_;
};

class ModelFile {
 public:
  enum class Format { kGguf, kSafetensors };

  // `path` is a .gguf file (any shard of a split one opens them all), a .safetensors file (its folder is read), or a
  // folder with safetensors, or with tokenizer.json alone (no tensors). A folder that holds exactly one GGUF model
  // opens that, whatever vision files lie there. What a file holds counts, not its name. Errors name the file, and say
  // what it is where it is no model (files/file_kind.h).
  static Result<ModelFile> Open(const std::string& path);
  // The same over bytes that the caller holds (browser, tests, fuzzers): one GGUF.
  static Result<ModelFile> FromGguf(std::shared_ptr<const ByteSource> source, std::string name);

  // A whole pack; `name` for messages, a path where there is one.
  static Result<ModelFile> FromPack(std::shared_ptr<const WholePack> pack, std::string name);

  // Not copied: names in the look-up table point into the tensors.
  ModelFile(ModelFile&&) = default;
  ModelFile& operator=(ModelFile&&) = default;

  [[nodiscard]] Format format() const { return format_; }
  // The path as the caller gave it, for messages and for finding side files.
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] const std::vector<std::string>& shard_paths() const { return shard_paths_; }
  [[nodiscard]] std::uint64_t total_bytes() const;  // of all shards
  // 64 hexadecimal digits by which a cache knows these files again: SHA-256 of each shard's size, of what its header
  // says of tensors, and of a page from the middle of each. Copies have the same, wherever they lie. Errors of reading.
  [[nodiscard]] Result<std::string> Identity() const;

  // The whole pack that stands in the files' place: View cannot give what it holds packed. Else nullptr.
  [[nodiscard]] const WholePack* pack() const { return pack_.get(); }
  // Bytes of one part, and those of it that stand before its first tensor.
  [[nodiscard]] std::uint64_t PartBytes(int part) const;
  [[nodiscard]] Result<Bytes> ViewHead(int part) const;

  [[nodiscard]] std::span<const TensorEntry> tensors() const { return tensors_; }
  [[nodiscard]] const TensorEntry* Find(std::string_view name) const;
  // The tensor's bytes, valid as long as this ModelFile; never copied. kUnsupported for types that are not read.
  [[nodiscard]] Result<std::span<const std::byte>> View(const TensorEntry& tensor) const;
  // The bytes of this tensor will not be read again soon: lets the system drop its pages.
  void Release(const TensorEntry& tensor) const;

  // GGUF: the key-value table (of the first shard). Empty for safetensors.
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  // Safetensors: a JSON or text file of the folder ("config.json", "tokenizer.json", "chat_template.jinja", ...);
  // kNotFound when it is not there. Limited to 256 MiB.
  [[nodiscard]] Result<std::string> SideFile(const std::string& name) const;

 private:
  ModelFile() = default;
  friend class ModelFileBuilder;

  Format format_ = Format::kGguf;
  std::string path_;
  std::string folder_;  // of a Hugging Face model
  std::vector<std::string> shard_paths_;
  std::vector<std::shared_ptr<const ByteSource>> sources_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  Bytes prefix_;  // of a pack: what the metadata's strings point into
  Metadata metadata_;
  std::shared_ptr<const WholePack> pack_;
};

}  // namespace thimble
