// SPDX-License-Identifier: Apache-2.0
// Writes GGUF files byte by byte, right or wrong as a test wishes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::testing {

class ByteWriter {
 public:
  template <typename T>
  ByteWriter& Add(const T& value) {
    const auto* first = reinterpret_cast<const std::byte*>(&value);
    bytes_.insert(bytes_.end(), first, first + sizeof(T));
    return *this;
  }
  ByteWriter& Chars(std::string_view text) {
    const auto* first = reinterpret_cast<const std::byte*>(text.data());
    bytes_.insert(bytes_.end(), first, first + text.size());
    return *this;
  }
  // Length and bytes, as GGUF stores strings.
  ByteWriter& Text(std::string_view text) { return Add<std::uint64_t>(text.size()).Chars(text); }
  [[nodiscard]] const std::vector<std::byte>& bytes() const { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

// Collects keys and tensors; Bytes() gives the file. Value type numbers are GGUF's.
class GgufWriter {
 public:
  std::uint32_t version = 3;
  std::uint64_t alignment = 32;    // of the data that Bytes() lays out; a "general.alignment" key is up to the test
  std::int64_t extra_tensors = 0;  // announced beyond those there are
  std::int64_t extra_keys = 0;

  template <typename T>
  GgufWriter& Key(std::string_view name, std::uint32_t type, const T& value) {
    keys_.Text(name).Add(type).Add(value);
    ++num_keys_;
    return *this;
  }
  GgufWriter& TextKey(std::string_view name, std::string_view value) {
    keys_.Text(name).Add<std::uint32_t>(8).Text(value);
    ++num_keys_;
    return *this;
  }
  template <typename T>
  GgufWriter& ArrayKey(std::string_view name, std::uint32_t element_type, const std::vector<T>& values) {
    keys_.Text(name).Add<std::uint32_t>(9).Add(element_type).template Add<std::uint64_t>(values.size());
    for (const T& value : values) keys_.Add(value);
    ++num_keys_;
    return *this;
  }
  GgufWriter& TextArrayKey(std::string_view name, const std::vector<std::string>& values) {
    keys_.Text(name).Add<std::uint32_t>(9).Add<std::uint32_t>(8).Add<std::uint64_t>(values.size());
    for (const std::string& value : values) keys_.Text(value);
    ++num_keys_;
    return *this;
  }
  // `ne` as GGUF has it, fastest-varying dimension first. The data follows that of the tensor before.
  GgufWriter& Tensor(std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                     std::string_view content) {
    while (data_.bytes().size() % alignment != 0) data_.Add<char>(0);
    TensorHeader(name, ne, type, data_.bytes().size());
    data_.Chars(content);
    return *this;
  }
  // The table's row alone, with any offset.
  GgufWriter& TensorHeader(std::string_view name, const std::vector<std::uint64_t>& ne, std::uint32_t type,
                           std::uint64_t offset) {
    tensors_.Text(name).Add(static_cast<std::uint32_t>(ne.size()));
    for (const std::uint64_t length : ne) tensors_.Add(length);
    tensors_.Add(type).Add(offset);
    ++num_tensors_;
    return *this;
  }

  [[nodiscard]] std::vector<std::byte> Header() const {
    ByteWriter file;
    file.Chars("GGUF").Add(version);
    file.Add<std::uint64_t>(num_tensors_ + static_cast<std::uint64_t>(extra_tensors));
    file.Add<std::uint64_t>(num_keys_ + static_cast<std::uint64_t>(extra_keys));
    std::vector<std::byte> bytes = file.bytes();
    bytes.insert(bytes.end(), keys_.bytes().begin(), keys_.bytes().end());
    bytes.insert(bytes.end(), tensors_.bytes().begin(), tensors_.bytes().end());
    return bytes;
  }
  [[nodiscard]] std::vector<std::byte> Bytes() const {
    std::vector<std::byte> bytes = Header();
    bytes.resize((bytes.size() + alignment - 1) / alignment * alignment);
    bytes.insert(bytes.end(), data_.bytes().begin(), data_.bytes().end());
    return bytes;
  }

 private:
  ByteWriter keys_;
  ByteWriter tensors_;
  ByteWriter data_;
  std::uint64_t num_keys_ = 0;
  std::uint64_t num_tensors_ = 0;
};

}  // namespace thimble::testing
