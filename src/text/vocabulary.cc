// SPDX-License-Identifier: Apache-2.0
#include "text/vocabulary.h"

#include "base/check.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <limits>

namespace thimble {
namespace {

constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15ull;

std::uint64_t Mix(std::uint64_t hash, std::uint64_t word) {
  hash = (hash ^ word) * kMultiplier;
  return hash ^ (hash >> 29);
}

std::uint64_t HashBytes(std::string_view bytes) {
  std::uint64_t hash = bytes.size() * kMultiplier;
  const char* at = bytes.data();
  std::size_t left = bytes.size();
  std::uint64_t word = 0;
  for (; left >= sizeof(word); left -= sizeof(word), at += sizeof(word)) {
    std::memcpy(&word, at, sizeof(word));
    hash = Mix(hash, word);
  }
  // The tail in two overlapping halves or three single bytes: no copy of a length that the compiler does not know.
  if (left >= 4) {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
    std::memcpy(&first, at, sizeof(first));
    std::memcpy(&last, at + left - sizeof(last), sizeof(last));
    hash = Mix(hash, std::uint64_t{first} << 32 | last);
  } else if (left > 0) {
    const auto byte = [at](std::size_t index) { return std::uint64_t{static_cast<unsigned char>(at[index])}; };
    hash = Mix(hash, byte(0) << 16 | byte(left / 2) << 8 | byte(left - 1));
  }
  return Mix(hash, hash >> 32);
}

// Code points of the alphabet: printable Latin-1 bytes are themselves, the other 68 follow from U+0100 in order.
constexpr int kAlphabetEnd = 0x100 + 68;
constexpr std::array<std::int16_t, kAlphabetEnd> MakeAlphabet() {
  std::array<std::int16_t, kAlphabetEnd> byte_of{};
  byte_of.fill(-1);
  std::size_t next = 0x100;
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_printable = (byte >= 0x21 && byte <= 0x7E) || (byte >= 0xA1 && byte <= 0xAC) || byte >= 0xAE;
    byte_of[is_printable ? static_cast<std::size_t>(byte) : next++] = static_cast<std::int16_t>(byte);
  }
  return byte_of;
}
constexpr std::array<std::int16_t, kAlphabetEnd> kByteOf = MakeAlphabet();

}  // namespace

Vocabulary::Vocabulary(int num_ids)
    : spans_(static_cast<std::size_t>(num_ids)), slots_(std::bit_ceil(static_cast<std::size_t>(num_ids) * 2 + 2)) {}

void Vocabulary::Set(std::int32_t id, std::string_view bytes) {
  THIMBLE_CHECK(id >= 0 && static_cast<std::size_t>(id) < spans_.size());
  THIMBLE_CHECK(bytes.size() <= std::numeric_limits<std::uint32_t>::max() - bytes_.size());
  spans_[static_cast<std::size_t>(id)] = {static_cast<std::uint32_t>(bytes_.size()),
                                          static_cast<std::uint32_t>(bytes.size())};
  bytes_.append(bytes);
  longest_bytes_ = std::max(longest_bytes_, bytes.size());
}

void Vocabulary::Index(std::int32_t id) {
  const std::string_view bytes = Bytes(id);
  const std::uint64_t hash = HashBytes(bytes);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  std::size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].id >= 0) {
    if (slots_[slot].tag == tag && Bytes(slots_[slot].id) == bytes) return;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  slots_[slot] = {tag, id};
}

std::int32_t Vocabulary::Find(std::string_view bytes) const {
  if (slots_.empty()) return -1;
  const std::uint64_t hash = HashBytes(bytes);
  const auto tag = static_cast<std::uint32_t>(hash >> 32);
  std::size_t slot = hash & (slots_.size() - 1);
  while (slots_[slot].id >= 0) {
    if (slots_[slot].tag == tag && Bytes(slots_[slot].id) == bytes) return slots_[slot].id;
    slot = (slot + 1) & (slots_.size() - 1);
  }
  return -1;
}

bool AppendFromByteAlphabet(std::string_view text, std::string* bytes) {
  const std::size_t old_size = bytes->size();
  for (std::size_t position = 0; position < text.size(); ++position) {
    unsigned code_point = static_cast<unsigned char>(text[position]);
    if (code_point >= 0x80) {
      // All other characters of the alphabet take two bytes.
      const bool has_two = (code_point == 0xC2 || (code_point >= 0xC3 && code_point <= 0xC5)) &&
                           position + 1 < text.size() &&
                           (static_cast<unsigned char>(text[position + 1]) & 0xC0u) == 0x80u;
      code_point = has_two ? (code_point & 0x1Fu) << 6 | (static_cast<unsigned char>(text[position + 1]) & 0x3Fu)
                           : unsigned{kAlphabetEnd};
      ++position;
    }
    const int byte = code_point < kByteOf.size() ? kByteOf[code_point] : -1;
    if (byte < 0) {
      bytes->resize(old_size);
      return false;
    }
    bytes->push_back(static_cast<char>(byte));
  }
  return true;
}

}  // namespace thimble
