// SPDX-License-Identifier: Apache-2.0
#include "server/opening_code.h"

#include <gtest/gtest.h>

#include <string>

namespace thimble::server {
namespace {

using Verdict = OpeningCodes::Verdict;

const std::string kToken(64, 'a');
constexpr std::int64_t kNow = 1'764'478'920;

std::string Draw(const std::string& token = kToken, std::int64_t now = kNow) {
  const auto code = DrawOpeningCode(token, now);
  EXPECT_TRUE(code.ok());
  return code.ok() ? code.value() : "";
}

TEST(OpeningCode, IsGoodOnceAndForAMinute) {
  const std::string code = Draw();
  EXPECT_EQ(code.size(), 106U);
  EXPECT_EQ(code.find(kToken), std::string::npos);
  EXPECT_NE(Draw(), code);
  OpeningCodes codes(kToken);
  EXPECT_EQ(codes.Take(code, kNow), Verdict::kRight);
  EXPECT_EQ(codes.Take(code, kNow), Verdict::kWrong);
  EXPECT_EQ(codes.Take(code, kNow + 60), Verdict::kWrong);
  EXPECT_EQ(codes.Take(Draw(), kNow + 60), Verdict::kRight);
  EXPECT_EQ(codes.Take(Draw(), kNow + 61), Verdict::kWrong);
  EXPECT_EQ(codes.Take(Draw(), kNow - 1), Verdict::kWrong) << "good for longer than any is";
}

TEST(OpeningCode, IsOfTheToken) {
  OpeningCodes codes(kToken);
  EXPECT_EQ(codes.Take(Draw(std::string(64, 'b')), kNow), Verdict::kWrong);
  EXPECT_EQ(OpeningCodes("").Take(Draw(""), kNow), Verdict::kWrong);
  EXPECT_EQ(OpeningCodes(std::string(200, 'k')).Take(Draw(std::string(200, 'k')), kNow), Verdict::kRight);
}

TEST(OpeningCode, NothingOfItCanBeChanged) {
  const std::string code = Draw();
  for (std::size_t i = 0; i < code.size(); ++i) {
    std::string other = code;
    other[i] = other[i] == '0' ? '1' : '0';
    EXPECT_EQ(OpeningCodes(kToken).Take(other, kNow), Verdict::kWrong) << i;
  }
  for (const std::string& other : {std::string(), code.substr(1), code + "0", "A" + code.substr(1), kToken,
                                   std::string(106, '\0'), std::string(1 << 20, '0')})
    EXPECT_EQ(OpeningCodes(kToken).Take(other, kNow), Verdict::kWrong);
  EXPECT_EQ(OpeningCodes(kToken).Take(code, kNow), Verdict::kRight);
}

TEST(OpeningCode, TenWrongOnesAreEnoughForAMinute) {
  OpeningCodes codes(kToken);
  for (int i = 0; i < 10; ++i) EXPECT_EQ(codes.Take("0", kNow + i), Verdict::kWrong);
  EXPECT_EQ(codes.Take(Draw(), kNow + 10), Verdict::kTooMany);
  EXPECT_EQ(codes.Take(Draw(), kNow + 59), Verdict::kTooMany);
  EXPECT_EQ(codes.Take(Draw(), kNow + 60), Verdict::kRight);
}

}  // namespace
}  // namespace thimble::server
