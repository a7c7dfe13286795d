// SPDX-License-Identifier: Apache-2.0
// Matrices as MLX packs them, against a decoder of single bits in double precision.
#include "model/mlx_affine.h"

#include "base/half.h"
#include "kernels/dequant.h"

#include "folder_test.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

namespace thimble {
namespace {

namespace fs = std::filesystem;

struct Tensor {
  std::string type;
  std::vector<std::int64_t> shape;
  std::string bytes;
};

std::string Text(const std::vector<std::int64_t>& shape) {
  TensorEntry entry;
  entry.shape = shape;
  return entry.ShapeText();
}

// A folder with one safetensors file, gone with the test.
class MlxAffine : public testing::FolderTest {
 protected:
  ModelFile Write(const std::vector<std::pair<std::string, Tensor>>& tensors) {
    std::string header = "{";
    std::string data;
    for (const auto& [name, tensor] : tensors) {
      if (header.size() > 1) header += ",";
      header += "\"" + name + "\":{\"dtype\":\"" + tensor.type + "\",\"shape\":" + Text(tensor.shape) +
                ",\"data_offsets\":[" + std::to_string(data.size()) + "," +
                std::to_string(data.size() + tensor.bytes.size()) + "]}";
      data += tensor.bytes;
    }
    header += "}";
    const std::uint64_t size = header.size();
    std::ofstream file(folder_ + "/model.safetensors", std::ios::binary);
    file.write(reinterpret_cast<const char*>(&size), sizeof size);
    file << header << data;
    file.close();
    auto source = MapFile(folder_ + "/model.safetensors");
    EXPECT_TRUE(source.ok());
    SafetensorsModel model;
    model.name = folder_;
    model.folder = folder_;
    model.parts.push_back({folder_ + "/model.safetensors", std::move(source).value()});
    auto opened = ModelFile::FromSafetensors(std::move(model));
    EXPECT_TRUE(opened.ok());
    return std::move(opened).value();
  }
};

constexpr std::int64_t kRows = 5;

// Words of any bits will do as codes.
std::string Codes(std::int64_t cols, int bits) {
  std::string bytes(static_cast<std::size_t>(kRows * cols * bits / 8), '\0');
  std::uint32_t state = 12345;
  for (char& byte : bytes) {
    state = state * 1664525U + 1013904223U;
    byte = static_cast<char>(state >> 24);
  }
  return bytes;
}

// Factors in F16, or in BF16 of which some are no F16.
std::string Factors(std::int64_t count, bool is_half, float step) {
  std::string bytes;
  for (std::int64_t i = 0; i < count; ++i) {
    const float value = step * static_cast<float>(i + 1) * (is_half ? 1.0F : 1e-7F);
    const auto stored =
        is_half ? F32ToF16(value) : static_cast<std::uint16_t>(std::bit_cast<std::uint32_t>(value) >> 16);
    bytes.append(reinterpret_cast<const char*>(&stored), sizeof stored);
  }
  return bytes;
}

// One bit after the other, lowest first.
double ValueAt(const std::string& codes, std::int64_t cols, int bits, const std::vector<double>& scales,
               const std::vector<double>& biases, std::int64_t group, std::int64_t row, std::int64_t col) {
  double code = 0;
  for (int bit = 0; bit < bits; ++bit) {
    const std::int64_t at = (row * cols + col) * bits + bit;
    const int byte = static_cast<unsigned char>(codes[static_cast<std::size_t>(at / 8)]);
    if ((byte >> (at % 8) & 1) != 0) code += std::ldexp(1.0, bit);
  }
  const auto factor = static_cast<std::size_t>(row * (cols / group) + col / group);
  return scales[factor] * code + biases[factor];
}

std::vector<double> Widened(const std::string& bytes, DType dtype) {
  std::vector<float> values(bytes.size() / 2);
  kernels::RowToFloat(dtype)(reinterpret_cast<const std::byte*>(bytes.data()), static_cast<std::int64_t>(values.size()),
                             values.data());
  return {values.begin(), values.end()};
}

TEST_F(MlxAffine, EveryWidthEqualsBitByBitDecoding) {
  for (const int bits : {2, 3, 4, 5, 6, 8}) {
    for (const std::int64_t group : {8, 16, 32, 64, 128}) {
      for (const bool is_half : {true, false}) {
        const std::int64_t cols = 256;
        const std::string codes = Codes(cols, bits);
        const std::string scales = Factors(kRows * cols / group, is_half, 0.01F);
        const std::string biases = Factors(kRows * cols / group, is_half, -0.07F);
        const std::string type = is_half ? "F16" : "BF16";
        const ModelFile file = Write({{"w.weight", {"U32", {kRows, cols * bits / 32}, codes}},
                                      {"w.scales", {type, {kRows, cols / group}, scales}},
                                      {"w.biases", {type, {kRows, cols / group}, biases}}});
        ASSERT_TRUE(IsMlxPacked(file, *file.Find("w.weight")));
        const MlxTensors tensors = FindMlxTensors(file, *file.Find("w.weight"), kRows, cols).value();
        EXPECT_EQ(tensors.bits, bits);
        EXPECT_EQ(tensors.group, group);
        const MlxMatrix matrix = MlxMatrix::Open(file, tensors, kRows, cols).value();
        EXPECT_EQ(matrix.dtype(), bits > 5 || !is_half ? DType::kF32 : MlxTypeFor(bits, group, cols));
        const DType factors = is_half ? DType::kF16 : DType::kBF16;
        std::vector<float> row(static_cast<std::size_t>(cols));
        std::vector<float> stored(row.size());
        std::vector<std::byte> bytes(RowBytes(matrix.dtype(), static_cast<std::uint64_t>(cols)));
        for (std::int64_t r = 0; r < kRows; ++r) {
          matrix.RowToFloat(r, row.data());
          matrix.FillRow(r, bytes.data());
          kernels::RowToFloat(matrix.dtype())(bytes.data(), cols, stored.data());
          for (std::int64_t c = 0; c < cols; ++c) {
            const double wanted =
                ValueAt(codes, cols, bits, Widened(scales, factors), Widened(biases, factors), group, r, c);
            const auto at = static_cast<std::size_t>(c);
            EXPECT_NEAR(static_cast<double>(row[at]), wanted, 1e-6 * std::fabs(wanted) + 1e-9)
                << bits << " bits, groups of " << group << ", " << type << ", row " << r << ", column " << c;
            EXPECT_EQ(stored[at], row[at]);
          }
        }
      }
    }
  }
}

TEST_F(MlxAffine, WhatDoesNotFitIsNamed) {
  const auto find = [this](const Tensor& codes, const Tensor& scales, const Tensor& biases) {
    const ModelFile file = Write({{"w.weight", codes}, {"w.scales", scales}, {"w.biases", biases}});
    const auto found = FindMlxTensors(file, *file.Find("w.weight"), 2, 64);
    if (found.ok()) return std::string("fits");
    EXPECT_NE(found.error().message.find("'w."), std::string::npos);
    return found.error().code == Code::kUnsupported ? std::string("unsupported") : std::string("corrupt");
  };
  const Tensor codes{"U32", {2, 8}, std::string(64, '\0')};
  const Tensor factors{"F16", {2, 1}, std::string(4, '\0')};
  EXPECT_EQ(find(codes, factors, factors), "fits");
  EXPECT_EQ(find({"U32", {2, 14}, std::string(112, '\0')}, factors, factors), "unsupported");  // 7 bits
  EXPECT_EQ(find({"U32", {2, 7}, std::string(56, '\0')}, factors, factors), "corrupt");
  EXPECT_EQ(find({"U32", {1, 8}, std::string(32, '\0')}, factors, factors), "corrupt");
  EXPECT_EQ(find({"U32", {2, 8}, std::string(60, '\0')}, factors, factors), "corrupt");
  EXPECT_EQ(find({"U32", {16}, std::string(64, '\0')}, factors, factors), "corrupt");
  EXPECT_EQ(find(codes, {"F16", {2, 3}, std::string(12, '\0')}, factors), "corrupt");
  EXPECT_EQ(find(codes, factors, {"F16", {2, 2}, std::string(8, '\0')}), "corrupt");
  EXPECT_EQ(find(codes, {"U8", {2, 1}, std::string(2, '\0')}, factors), "unsupported");  // mxfp4's exponents
  EXPECT_EQ(find({"U32", {2, 0}, ""}, factors, factors), "corrupt");
}

}  // namespace
}  // namespace thimble
