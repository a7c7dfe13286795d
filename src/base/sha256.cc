// SPDX-License-Identifier: Apache-2.0
#include "base/sha256.h"

#include <algorithm>
#include <bit>

namespace thimble {

namespace {

// Fractional parts of the cube roots of the first 64 primes.
constexpr std::array<std::uint32_t, 64> kRound = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5,
    0xd807aa98, 0x12835b01, 0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174,
    0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc, 0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da,
    0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147, 0x06ca6351, 0x14292967,
    0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070,
    0x19a4c116, 0x1e376c08, 0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3,
    0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208, 0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2,
};

// Four words side by side, one of each stream.
typedef std::uint32_t FourWords __attribute__((vector_size(16)));

template <typename Word>
Word RotateRight(Word x, int count) {
  return (x >> count) | (x << (32 - count));
}

std::uint32_t WordAt(const std::byte* bytes) {
  std::uint32_t word = 0;
  for (std::size_t j = 0; j < 4; ++j) word = word << 8 | static_cast<std::uint32_t>(bytes[j]);
  return word;
}

// One block, the first 16 of 64 words, into the eight words of `state`. The others are written.
template <typename Word>
void CompressWords(Word* w, Word* state) {
  for (std::size_t i = 16; i < 64; ++i) {
    const Word s0 = RotateRight(w[i - 15], 7) ^ RotateRight(w[i - 15], 18) ^ (w[i - 15] >> 3);
    const Word s1 = RotateRight(w[i - 2], 17) ^ RotateRight(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + s0 + w[i - 7] + s1;
  }
  Word a = state[0], b = state[1], c = state[2], d = state[3];
  Word e = state[4], f = state[5], g = state[6], h = state[7];
  for (std::size_t i = 0; i < 64; ++i) {
    const Word s1 = RotateRight(e, 6) ^ RotateRight(e, 11) ^ RotateRight(e, 25);
    const Word t1 = h + s1 + ((e & f) ^ (~e & g)) + kRound[i] + w[i];
    const Word s0 = RotateRight(a, 2) ^ RotateRight(a, 13) ^ RotateRight(a, 22);
    const Word t2 = s0 + ((a & b) ^ (a & c) ^ (b & c));
    h = g;
    g = f;
    f = e;
    e = d + t1;
    d = c;
    c = b;
    b = a;
    a = t1 + t2;
  }
  const Word added[8] = {a, b, c, d, e, f, g, h};
  for (std::size_t i = 0; i < 8; ++i) state[i] += added[i];
}

}  // namespace

void Sha256::Compress(const std::byte* block) {
  std::uint32_t w[64];
  for (std::size_t i = 0; i < 16; ++i) w[i] = WordAt(block + 4 * i);
  CompressWords(w, state_.data());
}

void Sha256::Add(std::span<const std::byte> bytes) {
  num_bytes_ += bytes.size();
  while (!bytes.empty()) {
    if (num_held_ == 0 && bytes.size() >= 64) {
      Compress(bytes.data());
      bytes = bytes.subspan(64);
      continue;
    }
    const std::size_t count = std::min(bytes.size(), 64 - num_held_);
    std::copy_n(bytes.begin(), count, held_.begin() + static_cast<std::ptrdiff_t>(num_held_));
    num_held_ += count;
    bytes = bytes.subspan(count);
    if (num_held_ == 64) {
      Compress(held_.data());
      num_held_ = 0;
    }
  }
}

void Sha256::AddInStreams(std::span<const std::byte> bytes) {
  constexpr std::size_t kStreams = 4;
  FourWords state[8];
  for (std::size_t i = 0; i < 8; ++i) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) state[i][stream] = Sha256().state_[i];
  }
  const std::uint64_t num_bytes = bytes.size();
  for (; bytes.size() >= 64 * kStreams; bytes = bytes.subspan(64 * kStreams)) {
    FourWords w[64];
    for (std::size_t i = 0; i < 16; ++i) {
      for (std::size_t stream = 0; stream < kStreams; ++stream)
        w[i][stream] = WordAt(bytes.data() + 64 * stream + 4 * i);
    }
    CompressWords(w, state);
  }
  // What the streams came to, what was left of the bytes, and how many there were.
  std::array<std::byte, 8 * kStreams * 4 + 8> sums;
  std::size_t at = 0;
  const auto put = [&](std::uint64_t value, int num_bits) {
    for (int shift = num_bits - 8; shift >= 0; shift -= 8) sums[at++] = static_cast<std::byte>(value >> shift);
  };
  for (const FourWords& words : state) {
    for (std::size_t stream = 0; stream < kStreams; ++stream) put(words[stream], 32);
  }
  put(num_bytes, 64);
  Add(sums);
  Add(bytes);
}

void Sha256::Pad() {
  const std::uint64_t num_bits = num_bytes_ * 8;
  std::array<std::byte, 72> tail{};
  tail[0] = std::byte{0x80};
  const std::size_t zeros = (119 - num_held_) % 64;  // so that 1 + zeros + 8 bytes fill the block
  for (std::size_t i = 0; i < 8; ++i) tail[1 + zeros + i] = static_cast<std::byte>(num_bits >> (56 - 8 * i));
  Add(std::span(tail).first(1 + zeros + 8));
}

Digest128 Sha256::Finish128() {
  Pad();
  const auto pair = [this](std::size_t i) { return static_cast<std::uint64_t>(state_[i]) << 32 | state_[i + 1]; };
  return {pair(0), pair(2)};
}

std::string Sha256::Finish() {
  Pad();
  std::string hex;
  for (const std::uint32_t word : state_) {
    for (int shift = 28; shift >= 0; shift -= 4) hex.push_back("0123456789abcdef"[(word >> shift) & 15u]);
  }
  return hex;
}

std::string Sha256Of(std::string_view text) {
  Sha256 hash;
  hash.Add(std::as_bytes(std::span(text)));
  return hash.Finish();
}

}  // namespace thimble
