// SPDX-License-Identifier: Apache-2.0
#include "host/chat_id.h"

#include "base/sha256.h"
#include "base/text.h"

#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <string_view>

namespace thimble::host {

namespace {

constexpr std::size_t kChars = 24;

bool FromSystem(void* bytes, std::size_t count) { return getentropy(bytes, count) == 0; }

}  // namespace

std::string ChatIdFrom(RandomSource source) {
  constexpr std::string_view kLetters = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  std::array<unsigned char, kChars> bytes{};
  if (source(bytes.data(), bytes.size())) {
    std::string id;
    for (const unsigned char byte : bytes) id += kLetters[byte % kLetters.size()];
    return id;
  }
  static std::atomic<std::uint64_t> counter{0};
  const auto ticks = [](auto time) { return static_cast<std::uint64_t>(time.time_since_epoch().count()); };
  const std::string seed =
      Cat(++counter, " ", ticks(std::chrono::system_clock::now()), " ", ticks(std::chrono::steady_clock::now()), " ",
          reinterpret_cast<std::uintptr_t>(&bytes), " ", reinterpret_cast<std::uintptr_t>(&counter));
  return Sha256Of(seed).substr(0, kChars);
}

std::string NewChatId() { return ChatIdFrom(FromSystem); }

}  // namespace thimble::host
