// SPDX-License-Identifier: Apache-2.0
// Layout of a GGUF file, little endian:
//   "GGUF" | version u32 | number of tensors u64 | number of keys u64
//   per key:    name | type u32 | value           a string is its length u64 and its bytes;
//                                                 an array is element type u32, count u64, elements
//   per tensor: name | number of dimensions u32 | dimensions u64, fastest-varying first | type u32 | offset u64
//   padding to general.alignment | tensor data, offsets counted from here
#include "files/gguf.h"

#include "base/bytes.h"
#include "base/text.h"
#include "files/tensor_table.h"

#include <algorithm>
#include <array>
#include <bit>
#include <utility>

namespace thimble {

namespace {

constexpr std::string_view kPlace = "gguf";
constexpr std::int64_t kDefaultAlignment = 32;
constexpr std::uint32_t kMaxDimensions = 4;
// The least that one entry can take, by which counts are bounded before anything is reserved.
constexpr std::uint64_t kMinKeyBytes = 8 + 4 + 1;
constexpr std::uint64_t kMinTensorBytes = 8 + 4 + 4 + 8;
// In a file of gigabytes that bound is no bound: these are, many times what real models have. Elements count those of
// all arrays together; a vocabulary has about a million.
constexpr std::uint64_t kMaxKeys = 1 << 16;
constexpr std::uint64_t kMaxTensors = 1 << 16;
constexpr std::uint64_t kMaxElements = 1 << 24;

enum class ValueType : std::uint32_t {
  kUint8 = 0,
  kInt8 = 1,
  kUint16 = 2,
  kInt16 = 3,
  kUint32 = 4,
  kInt32 = 5,
  kFloat32 = 6,
  kBool = 7,
  kString = 8,
  kArray = 9,
  kUint64 = 10,
  kInt64 = 11,
  kFloat64 = 12,
};

Error Corrupt(std::string_view message) { return Error{Code::kCorrupt, Cat("[", kPlace, "] ", message)}; }
Error Unsupported(std::string_view message) { return Error{Code::kUnsupported, Cat("[", kPlace, "] ", message)}; }

// Fewest bytes of one element of that type; 0 for an unknown one.
std::uint64_t MinElementBytes(ValueType type) {
  constexpr std::array<std::uint8_t, 13> kBytes = {1, 1, 2, 2, 4, 4, 4, 1, 8, 12, 8, 8, 8};
  const auto index = static_cast<std::size_t>(type);
  return index < kBytes.size() ? kBytes[index] : 0;
}

class GgufParser {
 public:
  GgufParser(std::span<const std::byte> prefix, std::uint64_t file_bytes)
      : file_bytes_(file_bytes), reader_(prefix, kPlace) {}

  Result<GgufHeader> Parse() {
    THIMBLE_RETURN_IF_ERROR(ReadMagicAndVersion());
    THIMBLE_ASSIGN_OR_RETURN(const std::uint64_t num_tensors, reader_.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(const std::uint64_t num_keys, reader_.Read<std::uint64_t>());
    THIMBLE_RETURN_IF_ERROR(CheckCount(num_keys, kMinKeyBytes, kMaxKeys, "keys"));
    for (std::uint64_t key = 0; key < num_keys; ++key) THIMBLE_RETURN_IF_ERROR(ReadKey());
    THIMBLE_RETURN_IF_ERROR(CheckCount(num_tensors, kMinTensorBytes, kMaxTensors, "tensors"));
    header_.tensors.reserve(static_cast<std::size_t>(num_tensors));
    for (std::uint64_t tensor = 0; tensor < num_tensors; ++tensor) THIMBLE_RETURN_IF_ERROR(ReadTensor());
    THIMBLE_RETURN_IF_ERROR(PlaceTensors());
    return std::move(header_);
  }

 private:
  Status ReadMagicAndVersion() {
    THIMBLE_ASSIGN_OR_RETURN(const std::string_view magic, reader_.ReadChars(4));
    if (magic != "GGUF") return Corrupt(Cat("a model file must begin with 'GGUF', found ", QuoteName(magic)));
    THIMBLE_ASSIGN_OR_RETURN(const auto version, reader_.Read<std::uint32_t>());
    if (version == 2 || version == 3) return Done{};
    if (version != 0 && (version & 0xFFFFu) == 0) {
      return Unsupported("this is a big-endian file, which is not read: use the ordinary one, or convert it again");
    }
    if (version == 1) {
      return Unsupported("version must be 2 or 3, found 1, of August 2023: use a newer file, or convert it again");
    }
    return Unsupported(Cat("version must be 2 or 3, found ", version));
  }

  Status CheckCount(std::uint64_t count, std::uint64_t min_bytes, std::uint64_t max_count, std::string_view what) {
    if (count > reader_.remaining() / min_bytes) {
      return Corrupt(Cat(count, " ", what, " announced, ", reader_.remaining(),
                         " bytes left: the file is truncated or not what it says"));
    }
    if (count > max_count) return Unsupported(Cat("at most ", max_count, " ", what, " are read, found ", count));
    return Done{};
  }

  Result<std::string_view> ReadString() {
    THIMBLE_ASSIGN_OR_RETURN(const auto size, reader_.Read<std::uint64_t>());
    return reader_.ReadChars(size);
  }

  Status ReadKey() {
    THIMBLE_ASSIGN_OR_RETURN(const std::string_view key, ReadString());
    THIMBLE_ASSIGN_OR_RETURN(const auto type, reader_.Read<std::uint32_t>());
    Metadata::Value value;
    THIMBLE_RETURN_IF_ERROR(ReadValue(key, static_cast<ValueType>(type), &value));
    if (!header_.metadata.mutable_values().try_emplace(std::string(key), std::move(value)).second) {
      return Corrupt(Cat("key ", QuoteName(key), " is listed twice"));
    }
    return Done{};
  }

  Status ReadValue(std::string_view key, ValueType type, Metadata::Value* value) {
    using Kind = Metadata::Value::Kind;
    switch (type) {
      case ValueType::kFloat32:
      case ValueType::kFloat64: {
        THIMBLE_ASSIGN_OR_RETURN(value->number, ReadFloat(type));
        value->kind = Kind::kFloat;
        return Done{};
      }
      case ValueType::kBool: {
        THIMBLE_ASSIGN_OR_RETURN(value->integer, ReadBool(key));
        value->kind = Kind::kBool;
        return Done{};
      }
      case ValueType::kString: {
        THIMBLE_ASSIGN_OR_RETURN(value->text, ReadString());
        value->kind = Kind::kString;
        return Done{};
      }
      case ValueType::kArray:
        return ReadArray(key, value);
      default:
        break;
    }
    if (MinElementBytes(type) == 0) return UnknownType(key, type);
    THIMBLE_ASSIGN_OR_RETURN(const Integer integer, ReadInteger(type));
    value->kind = integer.is_too_large ? Kind::kFloat : Kind::kInt;
    value->integer = integer.value;
    value->number = integer.as_double;
    return Done{};
  }

  static Error UnknownType(std::string_view key, ValueType type) {
    return Unsupported(Cat("key ", QuoteName(key), " has the unknown value type ", static_cast<std::uint32_t>(type)));
  }

  Status ReadArray(std::string_view key, Metadata::Value* value) {
    using Kind = Metadata::Value::Kind;
    THIMBLE_ASSIGN_OR_RETURN(const auto type_id, reader_.Read<std::uint32_t>());
    THIMBLE_ASSIGN_OR_RETURN(const auto count, reader_.Read<std::uint64_t>());
    const auto type = static_cast<ValueType>(type_id);
    if (type == ValueType::kArray) return Unsupported(Cat("key ", QuoteName(key), " is an array of arrays"));
    if (MinElementBytes(type) == 0) return UnknownType(key, type);
    THIMBLE_RETURN_IF_ERROR(CheckCount(count, MinElementBytes(type), kMaxElements - num_elements_,
                                       Cat("elements of key ", QuoteName(key))));
    num_elements_ += count;
    switch (type) {
      case ValueType::kString:
        value->kind = Kind::kStrings;
        value->strings.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t index = 0; index < count; ++index) {
          THIMBLE_ASSIGN_OR_RETURN(const std::string_view text, ReadString());
          value->strings.push_back(text);
        }
        return Done{};
      case ValueType::kFloat32:
      case ValueType::kFloat64:
        value->kind = Kind::kFloats;
        value->floats.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t index = 0; index < count; ++index) {
          THIMBLE_ASSIGN_OR_RETURN(const double number, ReadFloat(type));
          value->floats.push_back(number);
        }
        return Done{};
      case ValueType::kBool:
        value->kind = Kind::kBools;
        value->ints.reserve(static_cast<std::size_t>(count));
        for (std::uint64_t index = 0; index < count; ++index) {
          THIMBLE_ASSIGN_OR_RETURN(const std::int64_t bit, ReadBool(key));
          value->ints.push_back(bit);
        }
        return Done{};
      default:
        return ReadIntegers(type, count, value);
    }
  }

  Status ReadIntegers(ValueType type, std::uint64_t count, Metadata::Value* value) {
    value->kind = Metadata::Value::Kind::kInts;
    value->ints.reserve(static_cast<std::size_t>(count));
    for (std::uint64_t index = 0; index < count; ++index) {
      THIMBLE_ASSIGN_OR_RETURN(const Integer integer, ReadInteger(type));
      // One number beyond int64 makes floats of all, as it does for a single value.
      if (integer.is_too_large && value->kind == Metadata::Value::Kind::kInts) {
        value->kind = Metadata::Value::Kind::kFloats;
        value->floats.assign(value->ints.begin(), value->ints.end());
        value->ints.clear();
      }
      if (value->kind == Metadata::Value::Kind::kInts) {
        value->ints.push_back(integer.value);
      } else {
        value->floats.push_back(integer.as_double);
      }
    }
    return Done{};
  }

  struct Integer {
    std::int64_t value = 0;
    double as_double = 0;
    bool is_too_large = false;  // an unsigned number beyond int64: only as_double holds it
  };

  template <typename T>
  Result<Integer> ReadIntegerAs() {
    THIMBLE_ASSIGN_OR_RETURN(const T value, reader_.Read<T>());
    const bool is_too_large = std::cmp_greater(value, INT64_MAX);
    return Integer{is_too_large ? 0 : static_cast<std::int64_t>(value), static_cast<double>(value), is_too_large};
  }

  Result<Integer> ReadInteger(ValueType type) {
    switch (type) {
      case ValueType::kUint8:
        return ReadIntegerAs<std::uint8_t>();
      case ValueType::kInt8:
        return ReadIntegerAs<std::int8_t>();
      case ValueType::kUint16:
        return ReadIntegerAs<std::uint16_t>();
      case ValueType::kInt16:
        return ReadIntegerAs<std::int16_t>();
      case ValueType::kUint32:
        return ReadIntegerAs<std::uint32_t>();
      case ValueType::kInt32:
        return ReadIntegerAs<std::int32_t>();
      case ValueType::kUint64:
        return ReadIntegerAs<std::uint64_t>();
      default:
        return ReadIntegerAs<std::int64_t>();
    }
  }

  Result<double> ReadFloat(ValueType type) {
    if (type == ValueType::kFloat64) return reader_.Read<double>();
    THIMBLE_ASSIGN_OR_RETURN(const float value, reader_.Read<float>());
    return static_cast<double>(value);
  }

  Result<std::int64_t> ReadBool(std::string_view key) {
    THIMBLE_ASSIGN_OR_RETURN(const auto value, reader_.Read<std::uint8_t>());
    if (value > 1) return Corrupt(Cat("a truth value is 0 or 1, key ", QuoteName(key), " has ", int{value}));
    return std::int64_t{value};
  }

  // Leaves `offset` relative to the data section, whose start is known only after the last tensor.
  Status ReadTensor() {
    TensorEntry tensor;
    THIMBLE_ASSIGN_OR_RETURN(const std::string_view name, ReadString());
    tensor.name = name;
    THIMBLE_ASSIGN_OR_RETURN(const auto num_dimensions, reader_.Read<std::uint32_t>());
    if (num_dimensions > kMaxDimensions) {
      return Corrupt(
          Cat("tensor ", QuoteName(name), " may have ", kMaxDimensions, " dimensions, found ", num_dimensions));
    }
    for (std::uint32_t dimension = 0; dimension < num_dimensions; ++dimension) {
      THIMBLE_ASSIGN_OR_RETURN(const auto length, reader_.Read<std::int64_t>());
      tensor.shape.push_back(length);
    }
    std::reverse(tensor.shape.begin(), tensor.shape.end());
    THIMBLE_ASSIGN_OR_RETURN(const auto type_id, reader_.Read<std::uint32_t>());
    const DTypeTraits* traits = FindDType(type_id);
    if (traits == nullptr) {
      return Unsupported(Cat("tensor ", QuoteName(name), " has the unknown type ", type_id,
                             ": use a file of another "
                             "quantisation"));
    }
    tensor.dtype = traits->dtype;
    const std::optional<std::uint64_t> size_bytes = TensorBytes(tensor.dtype, tensor.shape);
    if (!size_bytes) {
      return Corrupt(Cat("tensor ", QuoteName(name), " of shape ", tensor.ShapeText(), " cannot be stored as ",
                         traits->name, " in blocks of ", traits->block_length));
    }
    tensor.size_bytes = *size_bytes;
    THIMBLE_ASSIGN_OR_RETURN(tensor.offset, reader_.Read<std::uint64_t>());
    header_.tensors.push_back(std::move(tensor));
    return Done{};
  }

  Result<std::uint64_t> Alignment() const {
    const Metadata::Value* value = header_.metadata.Find("general.alignment");
    if (value == nullptr) return std::uint64_t{kDefaultAlignment};
    if (value->kind != Metadata::Value::Kind::kInt) return Corrupt("general.alignment must be an integer");
    if (value->integer <= 0 || !std::has_single_bit(static_cast<std::uint64_t>(value->integer))) {
      return Corrupt(Cat("general.alignment must be a power of two, found ", value->integer));
    }
    return static_cast<std::uint64_t>(value->integer);
  }

  // Turns offsets into places in the file and checks them against its end and each other.
  Status PlaceTensors() {
    THIMBLE_ASSIGN_OR_RETURN(const std::uint64_t alignment, Alignment());
    // The alignment is at most 2^62 and a file below 2^63 bytes, so this does not wrap.
    const std::uint64_t first = (reader_.position() + alignment - 1) / alignment * alignment;
    for (TensorEntry& tensor : header_.tensors) {
      if (tensor.offset % alignment != 0) {
        return Corrupt(Cat("tensor ", QuoteName(tensor.name), " must begin at a multiple of ", alignment, ", found ",
                           tensor.offset));
      }
      if (tensor.offset > UINT64_MAX - first) {
        return Corrupt(Cat("tensor ", QuoteName(tensor.name), " has the impossible offset ", tensor.offset));
      }
      tensor.offset += first;
      THIMBLE_RETURN_IF_ERROR(CheckInsideFile(tensor, file_bytes_, kPlace));
    }
    return CheckDisjoint(header_.tensors, kPlace);
  }

  std::uint64_t file_bytes_;
  ByteReader reader_;
  GgufHeader header_;
  std::uint64_t num_elements_ = 0;  // of all arrays so far
};

}  // namespace

Result<GgufHeader> ParseGguf(std::span<const std::byte> prefix, std::uint64_t file_bytes) {
  return GgufParser(prefix, file_bytes).Parse();
}

namespace {

// Reads past a value of that type, which stands at the reader. An error where it cannot be skipped in a few steps.
Status SkipValue(ValueType type, ByteReader* reader) {
  constexpr std::uint64_t kMostStrings = 4096;
  std::uint64_t count = 1;
  if (type == ValueType::kArray) {
    THIMBLE_ASSIGN_OR_RETURN(const auto element, reader->Read<std::uint32_t>());
    THIMBLE_ASSIGN_OR_RETURN(count, reader->Read<std::uint64_t>());
    type = static_cast<ValueType>(element);
  }
  const std::uint64_t element_bytes = MinElementBytes(type);
  if (type == ValueType::kArray || element_bytes == 0) return Corrupt("a value that cannot be skipped");
  if (count > reader->remaining() / element_bytes) return Corrupt("an array beyond the end");
  if (type != ValueType::kString) {
    THIMBLE_RETURN_IF_ERROR(reader->ReadBytes(count * element_bytes));
    return Done{};
  }
  if (count > kMostStrings) return Corrupt("too many strings to skip");
  for (std::uint64_t index = 0; index < count; ++index) {
    THIMBLE_ASSIGN_OR_RETURN(const auto size, reader->Read<std::uint64_t>());
    THIMBLE_RETURN_IF_ERROR(reader->ReadBytes(size));
  }
  return Done{};
}

Status FillLabel(std::span<const std::byte> head, GgufLabel* label) {
  ByteReader reader(head, kPlace);
  THIMBLE_ASSIGN_OR_RETURN(const std::string_view magic, reader.ReadChars(4));
  THIMBLE_ASSIGN_OR_RETURN(const auto version, reader.Read<std::uint32_t>());
  if (magic != "GGUF" || (version != 2 && version != 3)) return Corrupt("another format");
  THIMBLE_RETURN_IF_ERROR(reader.Read<std::uint64_t>());  // tensors
  THIMBLE_ASSIGN_OR_RETURN(const auto num_keys, reader.Read<std::uint64_t>());
  for (std::uint64_t index = 0; index < std::min(num_keys, kMaxKeys); ++index) {
    THIMBLE_ASSIGN_OR_RETURN(const auto key_size, reader.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(const std::string_view key, reader.ReadChars(key_size));
    THIMBLE_ASSIGN_OR_RETURN(const auto type, reader.Read<std::uint32_t>());
    std::string* value = key == "general.architecture" ? &label->architecture
                         : key == "general.type"       ? &label->type
                                                       : nullptr;
    if (value == nullptr || static_cast<ValueType>(type) != ValueType::kString) {
      THIMBLE_RETURN_IF_ERROR(SkipValue(static_cast<ValueType>(type), &reader));
      continue;
    }
    THIMBLE_ASSIGN_OR_RETURN(const auto size, reader.Read<std::uint64_t>());
    THIMBLE_ASSIGN_OR_RETURN(const std::string_view text, reader.ReadChars(size));
    *value = text;
    if (!label->architecture.empty() && !label->type.empty()) break;
  }
  return Done{};
}

}  // namespace

GgufLabel ReadGgufLabel(std::span<const std::byte> head) {
  GgufLabel label;
  // What was found before it went wrong stands; the full parser says what is wrong.
  [[maybe_unused]] const Status status = FillLabel(head, &label);
  return label;
}

GgufLabel LabelOf(const Metadata& metadata) {
  GgufLabel label{metadata.String("general.architecture").value_or(""), metadata.String("general.type").value_or("")};
  // Older writers leave the type to be told by its keys.
  if (label.type.empty() && metadata.Find("adapter.type") != nullptr) label.type = "adapter";
  if (label.type.empty() && metadata.Find("imatrix.chunk_count") != nullptr) label.type = "imatrix";
  return label;
}

}  // namespace thimble
