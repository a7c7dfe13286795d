// SPDX-License-Identifier: Apache-2.0
#include "server/opening_code.h"

#include "base/sha256.h"
#include "base/text.h"
#include "server/api_keys.h"

#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <charconv>

namespace thimble::server {

namespace {

constexpr std::int64_t kGoodSeconds = 60;
constexpr std::size_t kTimeDigits = 10;
constexpr std::size_t kRandomBytes = 16;
constexpr std::size_t kRandomDigits = 2 * kRandomBytes;
constexpr std::size_t kHashDigits = 64;
constexpr std::size_t kCodeDigits = kTimeDigits + kRandomDigits + kHashDigits;
constexpr std::string_view kDigits = "0123456789abcdef";

// HMAC (RFC 2104) with SHA-256, whose inner hash goes in as text; the key is shorter than a block, or one.
std::string KeyedHash(const std::string& key, std::string_view text) {
  constexpr std::size_t kBlock = 64;
  std::string inner(kBlock, '\x36');
  std::string outer(kBlock, '\x5c');
  const std::string short_key = key.size() > kBlock ? Sha256Of(key) : key;
  for (std::size_t i = 0; i < short_key.size(); ++i) {
    inner[i] = static_cast<char>(inner[i] ^ short_key[i]);
    outer[i] = static_cast<char>(outer[i] ^ short_key[i]);
  }
  inner += Cat("opening code ", text);
  return Sha256Of(outer + Sha256Of(inner));
}

std::string TimeDigits(std::int64_t time) {
  std::string digits(kTimeDigits, '0');
  for (std::size_t i = kTimeDigits; i-- > 0; time >>= 4) digits[i] = kDigits[static_cast<std::size_t>(time & 15)];
  return digits;
}

std::int64_t TimeOf(std::string_view digits) {
  std::int64_t time = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), time, 16);
  return time;
}

bool HasForm(std::string_view code) {
  return code.size() == kCodeDigits &&
         std::all_of(code.begin(), code.end(), [](char c) { return kDigits.find(c) != std::string_view::npos; });
}

}  // namespace

Result<std::string> DrawOpeningCode(const std::string& token, std::int64_t now) {
  std::array<unsigned char, kRandomBytes> bytes{};
  if (getentropy(bytes.data(), bytes.size()) != 0)
    return Error{Code::kSystem, "[code] the system gives no random numbers"};
  std::string code = TimeDigits(now + kGoodSeconds);
  for (const unsigned char byte : bytes) {
    code.push_back(kDigits[byte >> 4]);
    code.push_back(kDigits[byte & 15]);
  }
  return code + KeyedHash(token, code);
}

bool OpeningCodes::IsRight(std::string_view code, std::int64_t now) {
  if (token_.empty() || !HasForm(code)) return false;
  const std::string_view said = code.substr(0, kTimeDigits + kRandomDigits);
  ApiKeys right;  // which compares in constant time
  right.Add(KeyedHash(token_, said));
  if (!right.Accepts(code.substr(said.size()))) return false;
  const std::int64_t until = TimeOf(said.substr(0, kTimeDigits));
  if (until < now || until > now + kGoodSeconds) return false;
  const std::string drawn(said.substr(kTimeDigits));
  std::erase_if(used_, [&](const auto& used) { return used.second < now; });
  if (std::any_of(used_.begin(), used_.end(), [&](const auto& used) { return used.first == drawn; })) return false;
  used_.emplace_back(drawn, until);
  return true;
}

OpeningCodes::Verdict OpeningCodes::Take(std::string_view code, std::int64_t now) {
  constexpr int kMostWrong = 10;
  constexpr std::int64_t kWindowSeconds = 60;
  if (now < window_begin_ || now - window_begin_ >= kWindowSeconds) {
    window_begin_ = now;
    num_wrong_ = 0;
  }
  if (num_wrong_ >= kMostWrong) return Verdict::kTooMany;
  if (IsRight(code, now)) return Verdict::kRight;
  ++num_wrong_;
  return Verdict::kWrong;
}

}  // namespace thimble::server
