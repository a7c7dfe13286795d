// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include "counting_bytes.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble {
namespace {

using testing::CountingBytes;

// The examples of FIPS 180-4, and the lengths about a block's end.
TEST(Sha256, IsTheStandards) {
  EXPECT_EQ(Sha256Of(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Sha256Of("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Sha256Of("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Sha256Of(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, HowBytesComeMakesNoDifference) {
  const std::vector<std::byte> bytes = CountingBytes(300);
  Sha256 whole;
  whole.Add(bytes);
  const std::string wanted = whole.Finish();
  for (std::size_t step = 1; step < 140; ++step) {
    Sha256 hash;
    for (std::size_t at = 0; at < bytes.size(); at += step)
      hash.Add(std::span(bytes).subspan(at, std::min(step, bytes.size() - at)));
    EXPECT_EQ(hash.Finish(), wanted) << step;
  }
}

TEST(Sha256, TheFirstHalfAsNumbers) {
  Sha256 hash;
  hash.Add(std::as_bytes(std::span(std::string_view("abc"))));
  EXPECT_EQ(hash.Finish128(), (Digest128{0xba7816bf8f01cfea, 0x414140de5dae2223}));
}

// What another program makes of the same four streams (Python's hashlib, and SHA-256's rounds written out).
TEST(Sha256, StreamsAreTheSameEverywhere) {
  const auto of = [](std::size_t size) {
    Sha256 hash;
    hash.AddInStreams(CountingBytes(size));
    return hash.Finish();
  };
  EXPECT_EQ(of(0), "a57676f15eb4bd0eb2d942b691463e8ffb649a118ed22afeaa51d3cd2ab202fc");
  EXPECT_EQ(of(255), "be37c7f8f139e25d3d7787e40b735e94e8c6113aa9ea6c244d32d1e1c5b6a24e");
  EXPECT_EQ(of(256), "b64785b6e049358b5f833f668c1da69965ba864fa87e73303664eb55fe9d275c");
  EXPECT_EQ(of(1000), "0b202c67d0df223d176446443c412b1a42b29078c83d0c9542aac7446d40c6bc");
}

TEST(Sha256, StreamsSeeEveryByte) {
  std::vector<std::byte> bytes = CountingBytes(600);
  const auto digest = [&] {
    Sha256 hash;
    hash.AddInStreams(bytes);
    return hash.Finish128();
  };
  const Digest128 before = digest();
  for (std::byte& byte : bytes) {
    byte ^= std::byte{1};
    EXPECT_NE(digest(), before);
    byte ^= std::byte{1};
  }
  EXPECT_EQ(digest(), before);
}

}  // namespace
}  // namespace thimble
