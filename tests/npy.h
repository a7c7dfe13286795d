// SPDX-License-Identifier: Apache-2.0
// Reads .npy files of version 1 (C order, little endian): how tests get their expected numbers. What is wrong with a
// file fails the test that asked (fail.h). Read by C's functions, because WebAssembly's library has no std::ifstream.
#pragma once

#include "fail.h"

#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <span>
#include <string>
#include <vector>

namespace thimble::testing {

struct NpyArray {
  std::vector<std::int64_t> shape;
  std::string dtype;             // numpy's spelling: "<f4", "<i4", "|u1"
  std::vector<std::byte> bytes;  // C order

  // The numbers as T, whose size must be the dtype's.
  template <typename T>
  [[nodiscard]] std::span<const T> As() const {
    if (dtype.empty() || std::to_string(sizeof(T)) != dtype.substr(2)) {
      Fail("npy: asked for elements of " + std::to_string(sizeof(T)) + " bytes, found " + dtype);
    }
    return {reinterpret_cast<const T*>(bytes.data()), bytes.size() / sizeof(T)};
  }
};

// What follows `key` in the header, which is a Python dict: 'descr': '<f4', 'fortran_order': False, 'shape': (2, 3).
inline std::string NpyField(const std::string& header, const std::string& key, const std::string& path) {
  const std::size_t at = header.find("'" + key + "':");
  if (at == std::string::npos) Fail(path + ": npy header lacks " + key);
  return header.substr(header.find_first_not_of(' ', at + key.size() + 3));
}

inline std::vector<char> WholeFile(const std::string& path) {
  std::FILE* file = std::fopen(path.c_str(), "rb");
  if (file == nullptr) Fail(path + ": cannot be opened");
  std::vector<char> all;
  char part[65536];
  for (std::size_t got = std::fread(part, 1, sizeof part, file); got > 0;
       got = std::fread(part, 1, sizeof part, file)) {
    all.insert(all.end(), part, part + got);
  }
  const bool is_whole = std::ferror(file) == 0;
  std::fclose(file);
  if (!is_whole) Fail(path + ": cannot be read");
  return all;
}

inline NpyArray LoadNpy(const std::string& path) {
  const std::vector<char> all = WholeFile(path);
  if (all.size() < 10 || std::string(all.data(), 6) != "\x93NUMPY" || all[6] != 1) {
    Fail(path + ": not an npy file of version 1");
  }
  const std::size_t header_size = static_cast<unsigned char>(all[8]) + 256U * static_cast<unsigned char>(all[9]);
  if (all.size() < 10 + header_size) Fail(path + ": npy header is cut");
  const std::string header(all.data() + 10, header_size);

  NpyArray array;
  const std::string descr = NpyField(header, "descr", path);
  array.dtype = descr.substr(1, descr.find('\'', 1) - 1);
  if (NpyField(header, "fortran_order", path).rfind("False", 0) != 0) {
    Fail(path + ": Fortran order is not read");
  }
  std::string shape = NpyField(header, "shape", path);
  shape = shape.substr(1, shape.find(')') - 1);
  std::size_t num_bytes = std::stoul(array.dtype.substr(2));
  for (std::size_t at = shape.find_first_of("0123456789"); at != std::string::npos;
       at = shape.find_first_of("0123456789", shape.find_first_not_of("0123456789", at))) {
    array.shape.push_back(std::stoll(shape.substr(at)));
    num_bytes *= static_cast<std::size_t>(array.shape.back());
  }
  if (all.size() - 10 - header_size != num_bytes) Fail(path + ": npy size differs from its shape");
  const auto* first = reinterpret_cast<const std::byte*>(all.data()) + 10 + header_size;
  array.bytes.assign(first, first + num_bytes);
  return array;
}

}  // namespace thimble::testing
