// SPDX-License-Identifier: Apache-2.0
#include "files/safetensors.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>

namespace thimble {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::byte> FileOf(std::string_view header, std::size_t num_data_bytes) {
  const std::uint64_t header_bytes = header.size();
  std::vector<std::byte> bytes(8 + header.size() + num_data_bytes);
  std::memcpy(bytes.data(), &header_bytes, 8);
  std::memcpy(bytes.data() + 8, header.data(), header.size());
  for (std::size_t index = 0; index < num_data_bytes; ++index) bytes[8 + header.size() + index] = std::byte(index);
  return bytes;
}

Error Refusal(std::string_view header, std::size_t num_data_bytes) {
  auto tensors = ParseSafetensors(FileOf(header, num_data_bytes));
  return tensors.ok() ? Error{Code::kInvalid, "(parsed)"} : tensors.error();
}

constexpr std::string_view kHeader =
    R"({"__metadata__":{"format":"pt"},"b":{"dtype":"BF16","shape":[2,3],"data_offsets":[0,12]},)"
    R"("a":{"shape":[],"data_offsets":[12,16],"dtype":"F32","more":{"x":[1,{"y":null}]}},)"
    R"("h":{"dtype":"F16","shape":[0,4],"data_offsets":[16,16]},)"
    R"("i":{"dtype":"I64","shape":[1],"data_offsets":[16,24]}}   )";

TEST(Safetensors, ListsTensorsInTheOrderOfTheHeader) {
  const auto parsed = ParseSafetensors(FileOf(kHeader, 24));
  ASSERT_TRUE(parsed.ok()) << parsed.error().message;
  const std::vector<TensorEntry>& tensors = parsed.value();
  ASSERT_EQ(tensors.size(), 4u);
  EXPECT_EQ(tensors[0].name, "b");
  EXPECT_EQ(tensors[0].dtype, DType::kBF16);
  EXPECT_THAT(tensors[0].shape, ElementsAre(2, 3));
  EXPECT_EQ(tensors[0].offset, 8 + kHeader.size());
  EXPECT_EQ(tensors[0].size_bytes, 12u);
  EXPECT_EQ(tensors[1].name, "a");
  EXPECT_EQ(tensors[1].dtype, DType::kF32);
  EXPECT_EQ(tensors[1].num_elements(), 1);
  EXPECT_EQ(tensors[1].offset, 8 + kHeader.size() + 12);
  EXPECT_EQ(tensors[2].num_elements(), 0);
  EXPECT_EQ(tensors[3].unknown_type, "I64");
  EXPECT_TRUE(tensors[0].unknown_type.empty());
}

TEST(Safetensors, MayHoldNoTensor) {
  const auto parsed = ParseSafetensors(FileOf("{}", 0));
  ASSERT_TRUE(parsed.ok());
  EXPECT_TRUE(parsed.value().empty());
}

TEST(SafetensorsRefusal, HeaderLengths) {
  std::vector<std::byte> bytes = FileOf(kHeader, 24);
  const auto with_length = [&bytes](std::uint64_t length) {
    std::memcpy(bytes.data(), &length, 8);
    auto parsed = ParseSafetensors(bytes);
    return parsed.ok() ? Error{Code::kInvalid, "(parsed)"} : parsed.error();
  };
  EXPECT_THAT(with_length(100'000'001).message, HasSubstr("the header may have 100000000 bytes, found 100000001"));
  EXPECT_THAT(with_length(~0ull).message, HasSubstr("the header may have"));
  EXPECT_THAT(with_length(bytes.size()).message, HasSubstr("truncated"));
  EXPECT_EQ(with_length(0).code, Code::kCorrupt);
  EXPECT_EQ(with_length(10).code, Code::kCorrupt);
}

TEST(SafetensorsRefusal, HeadersOfAnotherForm) {
  for (const std::string_view header : {"[]",
                                        "3",
                                        "null",
                                        "[{}]",
                                        "{\"a\":1}",
                                        "{\"a\":[]}",
                                        "{\"a\":{}}",
                                        "{\"__metadata__\":[]}",
                                        R"({"a":{"dtype":"F32","shape":[1]}})",
                                        R"({"a":{"dtype":"F32","data_offsets":[0,4]}})",
                                        R"({"a":{"shape":[1],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":3,"shape":[1],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":["F32"],"shape":[1],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":1,"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":["1"],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":{"x":1},"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0]}})",
                                        R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4,8]}})",
                                        R"({"a":{"dtype":"F32","shape":[-1],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":[1.0],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,4]}})",
                                        R"({"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1],"data_offsets":[0,4]}})"}) {
    const Error error = Refusal(header, 8);
    EXPECT_EQ(error.code, Code::kCorrupt) << header << ": " << error.message;
    EXPECT_THAT(error.message, HasSubstr("[safetensors] ")) << header;
  }
}

TEST(SafetensorsRefusal, BytesThatDoNotFit) {
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4]}})", 8).message,
              HasSubstr("tensor 'a' of shape [2] and type F32 needs 8 bytes, data_offsets give 4"));
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}})", 8).message,
              HasSubstr("before its begin"));
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}})", 7).message,
              HasSubstr("truncated download?"));
  EXPECT_EQ(Refusal(R"({"a":{"dtype":"F32","shape":[4611686018427387904],"data_offsets":[0,0]}})", 8).code,
            Code::kCorrupt);
  EXPECT_EQ(Refusal(R"({"a":{"dtype":"F16","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 8).code,
            Code::kCorrupt);
  EXPECT_EQ(Refusal(R"({"a":{"dtype":"I8","shape":[4294967296,4294967296],"data_offsets":[0,0]}})", 8).code,
            Code::kCorrupt);
  EXPECT_EQ(
      Refusal(R"({"a":{"dtype":"I8","shape":[1],"data_offsets":[9223372036854775800,9223372036854775807]}})", 8).code,
      Code::kCorrupt);
}

TEST(SafetensorsRefusal, RepeatedAndOverlapping) {
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                      8)
                  .message,
              HasSubstr("tensor 'a' is listed twice"));
  EXPECT_THAT(Refusal(R"({"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},)"
                      R"("b":{"dtype":"F32","shape":[1],"data_offsets":[2,6]}})",
                      8)
                  .message,
              HasSubstr("tensors 'a' and 'b' overlap"));
}

TEST(SafetensorsCorruption, CutAnywhere) {
  const std::vector<std::byte> bytes = FileOf(kHeader, 24);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(ParseSafetensors(std::span(bytes).first(size)).ok()) << "cut to " << size << " bytes";
  }
}

TEST(SafetensorsCorruption, AnyByteChanged) {
  const std::vector<std::byte> original = FileOf(kHeader, 24);
  std::size_t num_refused = 0;
  for (std::size_t place = 0; place < 8 + kHeader.size(); ++place) {
    for (const unsigned change : {0x01u, 0x04u, 0x20u, 0x80u, 0xFFu}) {
      std::vector<std::byte> bytes = original;
      bytes[place] ^= static_cast<std::byte>(change);
      const auto parsed = ParseSafetensors(bytes);
      if (!parsed.ok()) {
        ++num_refused;
        continue;
      }
      for (const TensorEntry& tensor : parsed.value()) {
        ASSERT_LE(tensor.offset, bytes.size());
        ASSERT_LE(tensor.size_bytes, bytes.size() - tensor.offset);
      }
    }
  }
  EXPECT_GT(num_refused, kHeader.size());
}

TEST(SafetensorsIndex, MapsTensorsToFiles) {
  const auto index = ParseSafetensorsIndex(
      R"({"metadata":{"total_size":8},"weight_map":{"x":"m-1.safetensors","y":"m-2.safetensors"}})");
  ASSERT_TRUE(index.ok()) << index.error().message;
  EXPECT_EQ(index.value().size(), 2u);
  EXPECT_EQ(index.value().at("y"), "m-2.safetensors");
}

TEST(SafetensorsIndex, RefusesOtherForms) {
  for (const std::string_view text : {"", "[]", "{}", R"({"weight_map":[]})", R"({"weight_map":{"x":3}})"}) {
    const auto index = ParseSafetensorsIndex(text);
    ASSERT_FALSE(index.ok()) << text;
    EXPECT_EQ(index.error().code, Code::kCorrupt);
  }
}

TEST(SafetensorsIndex, RefusesFilesOutsideTheFolder) {
  for (const std::string name :
       {"../m.safetensors", "/etc/m.safetensors", "sub/m.safetensors", "sub\\\\m.safetensors", "C:m.safetensors",
        "m.safetensors\\u0000.safetensors", "..", ".safetensors", "", "m.bin"}) {
    const auto index = ParseSafetensorsIndex(R"({"weight_map":{"x":")" + name + "\"}}");
    ASSERT_FALSE(index.ok()) << name;
    EXPECT_EQ(index.error().code, Code::kCorrupt);
    EXPECT_THAT(index.error().message, HasSubstr("tensor 'x' must name a .safetensors file of the same folder"));
  }
}

}  // namespace
}  // namespace thimble
