// SPDX-License-Identifier: Apache-2.0
// ModelFile: one view over the forms in which people have a model: a GGUF file, a split GGUF, a vision GGUF (mmproj),
// a Hugging Face folder (config.json, safetensors, tokenizer.json), or a whole pack of one of these. Bytes -> named
// tensors and metadata; it knows formats, not models, and no paths: host/find_model.h finds what lies at one.
#pragma once

#include "base/dtype.h"
#include "base/result.h"
#include "files/json.h"
#include "sys/byte_source.h"
#include "sys/mutex.h"

#include <cstddef>
#include <cstdint>
#include <functional>
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
    std::string_view text;  // points into bytes that the ModelFile holds
    std::vector<std::int64_t> ints;
    std::vector<double> floats;
    std::vector<std::string_view> strings;  // likewise
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

// Bytes, and what messages call them: a path, where they are a file's.
struct NamedSource {
  std::string name;
  std::shared_ptr<const ByteSource> source;
};

// All `count` parts of a split GGUF in their order, when the one at hand is number `part` from 0 (-1: it does not say).
// What it cannot find is its error.
using SplitParts = std::function<Result<std::vector<NamedSource>>(std::int64_t part, std::int64_t count)>;

// A file that lies beside safetensors, by its name ("config.json"); kNotFound where there is none. Called from several
// threads.
using SideFiles = std::function<Result<std::shared_ptr<const ByteSource>>(const std::string& name)>;

// A Hugging Face model.
struct SafetensorsModel {
  std::string name;                // of the whole, for messages
  std::string folder;              // what stands before a side file's name in messages
  std::vector<NamedSource> parts;  // may be none: then there are side files only (a tokenizer)
  // Where there are several parts: the last part of whose name holds which tensor (files/safetensors.h). What it does
  // not place in a part is left alone there, as the reference loader does. Empty: all tensors of all parts.
  std::map<std::string, std::string> index;
  SideFiles side_files;
};

class ModelFile {
 public:
  enum class Format { kGguf, kSafetensors };

  // What a file holds counts, not its name. Errors name the part, and say what it is where it is no model
  // (files/file_kind.h). Of every source only the header is read.
  // FromGguf opens a whole pack too.
  static Result<ModelFile> FromGguf(std::shared_ptr<const ByteSource> source, std::string name);
  // The same for a file that may be one of several parts; `name` is the whole model's.
  static Result<ModelFile> FromGguf(NamedSource file, std::string name, const SplitParts& parts_of);
  static Result<ModelFile> FromSafetensors(SafetensorsModel model);

  // A whole pack; `name` for messages, a path where there is one.
  static Result<ModelFile> FromPack(std::shared_ptr<const WholePack> pack, std::string name);

  // Not copied: names in the look-up table point into the tensors.
  ModelFile(ModelFile&&) = default;
  ModelFile& operator=(ModelFile&&) = default;

  [[nodiscard]] Format format() const { return format_; }
  // The model's name as the caller gave it, a path where there is one; and those of its parts.
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
  // The tensor's bytes: borrowed where the source has them in memory, and then valid as long as this ModelFile; else
  // read, and gone with the result. kUnsupported for types that are not read; errors of reading, which do not name the
  // file.
  [[nodiscard]] Result<Bytes> View(const TensorEntry& tensor) const;
  // `size` of them from `offset` on, cut at the tensor's end.
  [[nodiscard]] Result<Bytes> ViewPart(const TensorEntry& tensor, std::uint64_t offset, std::uint64_t size) const;
  // The bytes of this tensor will not be read again soon: lets the system drop its pages.
  void Release(const TensorEntry& tensor) const;
  // The error of the first part that is known to have changed since it was opened (ByteSource::CheckUnchanged), with
  // its name.
  [[nodiscard]] Status CheckUnchanged() const;
  // The first read of a part or a side file that failed since this was last asked, with its name: what went on as if
  // something were not there may have been wrong.
  [[nodiscard]] Status TakeReadFailure() const;

  // GGUF: the key-value table (of the first shard). Empty for safetensors.
  [[nodiscard]] const Metadata& metadata() const { return metadata_; }
  // Safetensors: a JSON or text file of the folder ("config.json", "tokenizer.json", "chat_template.jinja", ...);
  // kNotFound when it is not there. Limited to 256 MiB.
  [[nodiscard]] Result<std::string> SideFile(const std::string& name) const;

 private:
  struct ReadFailure {
    Mutex mutex;
    std::optional<Error> error;
  };

  ModelFile() : failure_(std::make_unique<ReadFailure>()) {}
  friend class ModelFileBuilder;
  // The bytes of a source, whose failure is remembered under `name`.
  [[nodiscard]] Result<Bytes> Read(const ByteSource& source, std::uint64_t offset, std::uint64_t size,
                                   const std::string& name) const;

  Format format_ = Format::kGguf;
  std::string path_;
  std::string folder_;    // what stands before a side file's name in messages
  SideFiles side_files_;  // of a Hugging Face model; empty for GGUF
  std::vector<std::string> shard_paths_;
  std::vector<std::shared_ptr<const ByteSource>> sources_;
  std::vector<TensorEntry> tensors_;
  std::unordered_map<std::string_view, std::size_t> by_name_;
  std::unique_ptr<ReadFailure> failure_;
  Bytes prefix_;  // what the metadata's strings point into
  Metadata metadata_;
  std::shared_ptr<const WholePack> pack_;
};

}  // namespace thimble
