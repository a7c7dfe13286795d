// SPDX-License-Identifier: Apache-2.0
// A safetensors file is the length of a JSON header (u64, little endian), the header, and the tensors' bytes. Per
// tensor the header has {"dtype": "BF16", "shape": [2, 3], "data_offsets": [begin, end]}, counted from the header's
// end.
#include "files/safetensors.h"

#include "base/bytes.h"
#include "base/text.h"
#include "files/json.h"
#include "files/tensor_table.h"

#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace thimble {

namespace {

constexpr std::string_view kPlace = "safetensors";
constexpr std::uint64_t kMaxHeaderBytes = 100'000'000;  // the format's own limit
constexpr std::size_t kMaxDimensions = 8;
constexpr std::string_view kMetadataKey = "__metadata__";

Error Corrupt(std::string_view message) { return Error{Code::kCorrupt, Cat("[", kPlace, "] ", message)}; }

std::optional<DType> DTypeNamed(std::string_view name) {
  if (name == "F32") return DType::kF32;
  if (name == "F16") return DType::kF16;
  if (name == "BF16") return DType::kBF16;
  return std::nullopt;
}

// A file beside the index: a name with a folder in it could lead anywhere.
bool IsPlainFileName(std::string_view name) {
  constexpr std::string_view kForbidden("/\\:\0", 4);
  return name.find_first_of(kForbidden) == std::string_view::npos && !name.starts_with('.') &&
         name.ends_with(".safetensors");
}

// Collects the tensors of a header while it is read, so that a header of 100 MB never becomes gigabytes of values.
class HeaderReader : public JsonSink {
 public:
  bool Null() override { return Scalar(); }
  bool Bool(bool /*value*/) override { return Scalar(); }
  bool Number(std::string_view literal) override {
    if (depth_ != 3 || is_ignored_) return Scalar();
    std::uint64_t value = 0;
    const auto parsed = std::from_chars(literal.data(), literal.data() + literal.size(), value);
    const bool is_whole = parsed.ec == std::errc() && parsed.ptr == literal.data() + literal.size();
    if (!is_whole || value > static_cast<std::uint64_t>(INT64_MAX)) {
      return Refuse(Cat("tensor ", QuoteName(tensor_.name), ": ", QuoteName(field_),
                        " holds whole numbers from 0, found ", QuoteName(literal)));
    }
    std::vector<std::int64_t>& list = field_ == "shape" ? tensor_.shape : offsets_;
    if (list.size() == kMaxDimensions) {
      return Refuse(Cat("tensor ", QuoteName(tensor_.name), ": ", QuoteName(field_), " has more than ", kMaxDimensions,
                        " numbers"));
    }
    list.push_back(static_cast<std::int64_t>(value));
    return true;
  }
  bool String(std::string&& value) override {
    if (depth_ == 2 && !is_ignored_ && field_ == "dtype") {
      type_ = std::move(value);
      return true;
    }
    return Scalar();
  }
  bool Key(std::string&& key) override {
    if (depth_ == 1) {
      is_metadata_ = key == kMetadataKey;
      tensor_ = TensorEntry();
      tensor_.name = std::move(key);
      type_.clear();
      offsets_.clear();
      has_shape_ = false;
      is_ignored_ = is_metadata_;
    } else if (depth_ == 2 && !is_metadata_) {
      is_ignored_ = key != "dtype" && key != "shape" && key != "data_offsets";
      field_ = std::move(key);
    }
    return true;
  }
  bool BeginObject() override {
    ++depth_;
    return depth_ <= 2 || is_ignored_ || Malformed();
  }
  bool EndObject() override {
    --depth_;
    return depth_ != 1 || is_metadata_ || FinishTensor();
  }
  bool BeginArray() override {
    ++depth_;
    if (is_ignored_ && depth_ > 2) return true;
    if (depth_ != 3 || field_ == "dtype") return Malformed();
    std::vector<std::int64_t>& list = field_ == "shape" ? tensor_.shape : offsets_;
    list.clear();  // a repeated field: the last one counts
    if (field_ == "shape") has_shape_ = true;
    return true;
  }
  bool EndArray() override {
    --depth_;
    return true;
  }

  // In the order of the header; offsets count from its end.
  [[nodiscard]] std::vector<TensorEntry>& tensors() { return tensors_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }

 private:
  // A single value where none of ours is expected: only inside what we skip.
  bool Scalar() { return (is_ignored_ && depth_ >= 2) || Malformed(); }
  bool Malformed() {
    if (depth_ <= 1 && tensor_.name.empty()) return Refuse("the header must be an object");
    return Refuse(Cat("tensor ", QuoteName(tensor_.name), " must be an object with dtype, shape and data_offsets"));
  }
  bool Refuse(std::string_view message) {
    error_ = Corrupt(message);
    return false;
  }

  bool FinishTensor() {
    if (type_.empty() || !has_shape_ || offsets_.size() != 2) return Malformed();
    if (offsets_[0] > offsets_[1]) {
      return Refuse(
          Cat("tensor ", QuoteName(tensor_.name), " ends at ", offsets_[1], ", before its begin at ", offsets_[0]));
    }
    tensor_.offset = static_cast<std::uint64_t>(offsets_[0]);
    tensor_.size_bytes = static_cast<std::uint64_t>(offsets_[1] - offsets_[0]);
    if (const std::optional<DType> dtype = DTypeNamed(type_)) {
      tensor_.dtype = *dtype;
      const std::optional<std::uint64_t> expected = TensorBytes(*dtype, tensor_.shape);
      if (!expected || *expected != tensor_.size_bytes) {
        return Refuse(Cat("tensor ", QuoteName(tensor_.name), " of shape ", tensor_.ShapeText(), " and type ", type_,
                          " needs ", expected ? Cat(*expected) : std::string("too many"), " bytes, data_offsets give ",
                          tensor_.size_bytes));
      }
    } else {
      tensor_.unknown_type = type_;
      if (!CountElements(tensor_.shape)) {
        return Refuse(Cat("tensor ", QuoteName(tensor_.name), " has the impossible shape ", tensor_.ShapeText()));
      }
    }
    tensors_.push_back(std::move(tensor_));
    return true;
  }

  int depth_ = 0;
  bool is_metadata_ = false;
  bool is_ignored_ = false;  // inside __metadata__ or a field we do not know
  bool has_shape_ = false;
  std::string field_;
  std::string type_;
  std::vector<std::int64_t> offsets_;
  TensorEntry tensor_;
  std::vector<TensorEntry> tensors_;
  std::optional<Error> error_;
};

}  // namespace

Result<std::vector<TensorEntry>> ParseSafetensors(std::span<const std::byte> prefix, std::uint64_t file_bytes) {
  ByteReader reader(prefix, kPlace);
  THIMBLE_ASSIGN_OR_RETURN(const auto header_bytes, reader.Read<std::uint64_t>());
  if (header_bytes > kMaxHeaderBytes) {
    return Corrupt(Cat("the header may have ", kMaxHeaderBytes, " bytes, found ", header_bytes));
  }
  THIMBLE_ASSIGN_OR_RETURN(const std::string_view header, reader.ReadChars(header_bytes));
  HeaderReader header_reader;
  const Status parsed = ParseJson(header, kPlace, &header_reader);
  if (const std::optional<Error>& error = header_reader.error()) return *error;
  if (!parsed.ok()) return parsed.error();
  std::vector<TensorEntry> tensors = std::move(header_reader.tensors());
  for (TensorEntry& tensor : tensors) {
    tensor.offset += reader.position();  // at most 2^63 and 10^8: no wrap
    THIMBLE_RETURN_IF_ERROR(CheckInsideFile(tensor, file_bytes, kPlace));
  }
  THIMBLE_RETURN_IF_ERROR(CheckDisjoint(tensors, kPlace));
  return tensors;
}

Result<std::map<std::string, std::string>> ParseSafetensorsIndex(std::string_view text) {
  THIMBLE_ASSIGN_OR_RETURN(const Json index, Json::Parse(text, "safetensors index"));
  const Json* weight_map = index.Find("weight_map");
  if (weight_map == nullptr || !weight_map->IsObject()) {
    return Error{Code::kCorrupt, "[safetensors index] must hold a weight_map, found none"};
  }
  std::map<std::string, std::string> files;
  for (const auto& [tensor, file] : weight_map->members()) {
    const std::string& name = file.text();
    if (!file.IsString() || !IsPlainFileName(name)) {
      return Error{Code::kCorrupt, Cat("[safetensors index] tensor ", QuoteName(tensor),
                                       " must name a .safetensors file of the same folder, found ", QuoteName(name))};
    }
    files.emplace(tensor, name);
  }
  return files;
}

}  // namespace thimble
