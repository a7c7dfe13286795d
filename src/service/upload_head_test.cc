// SPDX-License-Identifier: Apache-2.0
#include "service/upload_head.h"

#include "base/sha256.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

namespace thimble::service {
namespace {

constexpr std::uint64_t kMost = 1'000'000;

OrFault<ModelPiece> Read(std::vector<Header> headers, bool has_type = true) {
  Request head;
  head.method = "PUT";
  head.headers = std::move(headers);
  if (has_type) head.headers.push_back({"content-type", "Application/octet-stream; x=y"});
  return ReadUploadHead(head, kMost);
}

int StatusOf(std::vector<Header> headers) {
  const auto piece = Read(std::move(headers));
  return piece.ok() ? 200 : piece.error().status;
}

TEST(UploadHead, AWholeFile) {
  const auto piece = Read({{"content-length", "1234"}});
  ASSERT_TRUE(piece.ok());
  EXPECT_EQ(piece.value().begin, 0u);
  EXPECT_EQ(piece.value().end, 1234u);
  EXPECT_EQ(piece.value().total, 1234u);
  EXPECT_EQ(piece.value().sha256, "");
}

TEST(UploadHead, APieceOfOne) {
  for (const char* range : {"bytes 100-199/200", "Bytes  100-199/200 "}) {
    const auto piece = Read({{"content-length", "100"}, {"content-range", range}});
    ASSERT_TRUE(piece.ok()) << range;
    EXPECT_EQ(piece.value().begin, 100u);
    EXPECT_EQ(piece.value().end, 200u);
    EXPECT_EQ(piece.value().total, 200u);
  }
  EXPECT_TRUE(Read({{"content-range", "bytes 0-0/1"}}).ok());  // chunks: the range says how much
}

TEST(UploadHead, RangesThatAreNone) {
  for (const char* range :
       {"", "bytes", "bytes ", "bytes 1-2", "bytes 2-1/3", "bytes 0-3/3", "bytes 0-2/*", "bytes */3", "items 0-2/3",
        "bytes -2/3", "bytes 0-/3", "bytes 0-2/", "bytes 0-2/3 4", "bytes 0-2/3, 4-5/6", "bytes +0-2/3", "bytes 0/2-3",
        "bytes 0-18446744073709551615/18446744073709551616", "bytes 0x0-2/3", "bytes 0--2/3"})
    EXPECT_EQ(StatusOf({{"content-range", range}}), 400) << range;
  EXPECT_EQ(StatusOf({{"content-length", "3"}, {"content-range", "bytes 0-1/3"}}), 400);
  EXPECT_EQ(StatusOf({{"content-length", "-1"}}), 400);
  EXPECT_EQ(StatusOf({}), 411);
}

TEST(UploadHead, SizesAreBounded) {
  EXPECT_EQ(StatusOf({{"content-length", "1000000"}}), 200);
  EXPECT_EQ(StatusOf({{"content-length", "1000001"}}), 413);
  EXPECT_EQ(StatusOf({{"content-range", "bytes 0-0/18446744073709551615"}}), 413);
}

TEST(UploadHead, OtherTypes) {
  for (const char* type : {"application/json", "text/plain", "", "application/octet-streams"}) {
    const auto piece = Read({{"content-length", "1"}, {"content-type", type}}, false);
    ASSERT_FALSE(piece.ok()) << type;
    EXPECT_EQ(piece.error().status, 415);
  }
  EXPECT_EQ(Read({{"content-length", "1"}}, false).error().status, 415);
}

TEST(UploadHead, Hashes) {
  const std::string hash = Sha256Of("abc");  // in base64: ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=
  const std::string digest = "sha-256=:ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0=:";
  const std::pair<const char*, std::string> kGood[] = {
      {"x-thimble-sha256", hash},
      {"x-thimble-sha256", "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD"},
      {"repr-digest", digest},
      {"repr-digest", "sha-512=:AAAA:, " + digest}};
  for (const auto& [name, value] : kGood) {
    const auto piece = Read({{"content-length", "3"}, {name, value}});
    ASSERT_TRUE(piece.ok()) << value;
    EXPECT_EQ(piece.value().sha256, hash) << value;
  }
  EXPECT_EQ(Read({{"content-length", "3"}, {"repr-digest", "sha-512=:AAAA:"}}).value().sha256, "");
  const std::pair<const char*, std::string> kBad[] = {{"x-thimble-sha256", ""},
                                                      {"x-thimble-sha256", hash.substr(1)},
                                                      {"x-thimble-sha256", "g" + hash.substr(1)},
                                                      {"repr-digest", "sha-256=:AAAA:"},
                                                      {"repr-digest", "sha-256=:"},
                                                      {"repr-digest", "sha-256=:!:"}};
  for (const auto& [name, value] : kBad) EXPECT_EQ(StatusOf({{"content-length", "3"}, {name, value}}), 400) << value;
  const std::string other = Sha256Of("abd");
  EXPECT_EQ(StatusOf({{"content-length", "3"}, {"repr-digest", digest}, {"x-thimble-sha256", other}}), 400);
}

}  // namespace
}  // namespace thimble::service
