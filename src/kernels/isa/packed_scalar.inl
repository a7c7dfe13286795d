// SPDX-License-Identifier: Apache-2.0
// The packed kernels' vocabulary without vectors, one row at a time: the truth that the other vocabularies are tested
// against, and the place that says what each name means. Included inside an instruction set's namespace.

constexpr int kLanes = 1;  // rows of a panel in one vector
constexpr int kFullOffset =
    128;                        // what DotSum<8> leaves in its codes: 128 where they count as stored, 0 where as signed
constexpr int kTilePanels = 1;  // register tile of the wide form: panels ...
constexpr int kBlockTileRows = 4;  // ... x rows of activations
// The tile's rows where a block's two parts are added up before the activations' scale is applied, one multiplication
// less and one more set of registers; 0 to scale each part by itself.
constexpr int kJoinedTileRows = 0;

// Four codes of each of kLanes rows; 32-bit integers and floats of kLanes rows; four activation codes for all rows.
struct U8 {
  std::uint8_t code[4];
};
using I32 = std::int32_t;
using F32 = float;
struct Quad {
  std::int8_t code[4];
};

inline U8 LoadCodes(const std::uint8_t* p) { return {{p[0], p[1], p[2], p[3]}}; }
inline void StoreCodes(std::uint8_t* p, U8 u) { __builtin_memcpy(p, u.code, 4); }
template <typename F>
inline U8 EachCode(U8 u, const F& f) {
  return {{f(u.code[0]), f(u.code[1]), f(u.code[2]), f(u.code[3])}};
}
inline U8 LowNibbles(U8 u) {
  return EachCode(u, [](std::uint8_t c) { return static_cast<std::uint8_t>(c & 15); });
}
inline U8 HighNibbles(U8 u) {
  return EachCode(u, [](std::uint8_t c) { return static_cast<std::uint8_t>(c >> 4); });
}
template <int kBits>
inline U8 LowBits(U8 u) {
  return EachCode(u, [](std::uint8_t c) { return static_cast<std::uint8_t>(c & ((1 << kBits) - 1)); });
}
// Codes put together from pieces, the highest first. Part: bits kMask of (from >> kRight), zeros above; what lies below
// is anything, for WithPart to replace. WithPart: u with bits kMask of (from >> kRight) instead of its own, its bits
// above kept, those below anything again; the piece is always the top of `from`.
template <int kRight, int kMask>
inline U8 Part(U8 from) {
  return EachCode(from, [](std::uint8_t c) { return static_cast<std::uint8_t>((c >> kRight) & kMask); });
}
template <int kRight, int kMask>
inline U8 WithPart(U8 u, U8 from) {
  static_assert((kMask & (kMask + (kMask & -kMask))) == 0 && (kMask | (kMask - 1)) == 0xFF >> kRight);
  for (int j = 0; j < 4; ++j) u.code[j] = static_cast<std::uint8_t>(u.code[j] | ((from.code[j] >> kRight) & kMask));
  return u;
}
// table[code] for codes below 16.
inline U8 LookUp16(U8 u, const std::uint8_t* table) {
  return EachCode(u, [table](std::uint8_t c) { return table[c]; });
}

inline Quad LoadQuad(const std::int8_t* a) { return {{a[0], a[1], a[2], a[3]}}; }
// Start(value), then steps 0, 1, 2 ... in order, then End(): value + sum over steps of codes x activations, per row,
// for codes below 2^kBits; kCount, 4 or 8, is the number of steps.
template <int kBits, int kCount>
struct DotSum {
  I32 total;
  inline void Start(std::int32_t value) { total = value; }
  template <int kStep>
  inline void Step(U8 u, Quad a) {
    for (int j = 0; j < 4; ++j) total += static_cast<std::int32_t>(u.code[j]) * a.code[j];
  }
  [[nodiscard]] inline I32 End() const { return total; }
};

inline F32 ZeroF32() { return 0; }
inline F32 SetF32(float value) { return value; }
inline F32 ToF32(I32 value) { return static_cast<float>(value); }
inline F32 Add(F32 a, F32 b) { return a + b; }
inline F32 Mul(F32 a, F32 b) { return a * b; }
inline F32 Fma(F32 a, F32 b, F32 c) { return a * b + c; }
// c - a * b.
inline F32 NegFma(F32 a, F32 b, F32 c) { return c - a * b; }
inline F32 LoadF32(const float* p) { return *p; }
inline void StoreF32(float* p, F32 value) { *p = value; }
// The first `count` lanes, 0 < count < kLanes.
inline void StorePart(float* p, F32 value, int) { *p = value; }
inline F32 LoadPart(const float* p, int) { return *p; }
inline F32 LoadF16AsF32(const std::byte* p) {
  std::uint16_t bits;
  __builtin_memcpy(&bits, p, sizeof bits);
  const std::uint32_t sign = static_cast<std::uint32_t>(bits & 0x8000u) << 16;
  const std::uint32_t exponent = (bits >> 10) & 31u;
  const std::uint32_t fraction = bits & 0x3FFu;
  std::uint32_t wide = sign | ((exponent + 112) << 23) | (fraction << 13);
  if (exponent == 31) wide = sign | 0x7F800000u | (fraction << 13);
  float value;
  if (exponent == 0) {
    value = static_cast<float>(fraction) * 0x1p-24f;
    return sign != 0 ? -value : value;
  }
  __builtin_memcpy(&value, &wide, sizeof value);
  return value;
}
inline F32 LoadU8AsF32(const std::byte* p) { return static_cast<float>(static_cast<std::uint8_t>(*p)); }
inline F32 LoadS8AsF32(const std::byte* p) { return static_cast<float>(static_cast<std::int8_t>(*p)); }
