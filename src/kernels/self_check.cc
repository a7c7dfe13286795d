// SPDX-License-Identifier: Apache-2.0
#include "kernels/self_check.h"

#include "base/half.h"
#include "base/text.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"

#include <array>
#include <cmath>
#include <cstring>
#include <vector>

namespace thimble::kernels {

namespace {

// Numbers that look random and are the same everywhere.
class Stream {
 public:
  std::uint32_t Next() {
    state_ = state_ * 1664525u + 1013904223u;
    return state_ >> 8;
  }
  float Float() { return static_cast<float>(Next() % 2001) * 1e-3F - 1.0F; }
  std::vector<float> Floats(std::int64_t count) {
    std::vector<float> values(static_cast<std::size_t>(count));
    for (float& value : values) value = Float();
    return values;
  }

 private:
  std::uint32_t state_ = 12345;
};

// Whether the numbers agree to `bound` times their root mean square.
bool AreClose(const std::vector<float>& got, const std::vector<double>& wanted, double bound) {
  double error = 0;
  double size = 0;
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    const double difference = static_cast<double>(got[i]) - wanted[i];
    error += difference * difference;
    size += wanted[i] * wanted[i];
  }
  return std::sqrt(error) <= bound * std::sqrt(size);  // also false for not-a-number
}
bool AreClose(const std::vector<float>& got, const std::vector<float>& wanted, double bound) {
  return AreClose(got, std::vector<double>(wanted.begin(), wanted.end()), bound);
}

// A panel of random codes with scales that are sensible numbers.
std::vector<std::byte> RandomPanel(Family family, std::int64_t cols, Stream* stream) {
  const FamilyTraits traits = TraitsOf(family);
  std::vector<std::byte> panel(static_cast<std::size_t>(PanelBytes(family, cols)));
  const unsigned code_bits = traits.codes == Codes::kU7 ? 0x7FU : 0xFFU;
  for (std::byte& byte : panel) byte = static_cast<std::byte>(stream->Next() & code_bits);
  const auto put_halves = [&](std::int64_t at, std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      const std::uint16_t half = F32ToF16(0.01F * (1.5F + stream->Float()));
      std::memcpy(panel.data() + at + i * 2, &half, 2);
    }
  };
  const std::int64_t blocks = cols / kBlock;
  for (std::int64_t first = 0, at = 0; first < blocks; first += 8) {
    const int here = blocks - first < 8 ? static_cast<int>(blocks - first) : 8;
    if (traits.scales == Scales::kSuperMin || traits.scales == Scales::kSuper16) {
      put_halves(at, std::int64_t{2} * kPanelRows);
    } else {
      put_halves(at, HeaderBytes(traits.scales, here) / 2);
    }
    at += SuperBytes(traits, here);
  }
  return panel;
}

// Both forms of one family on a panel, against sums in double precision over what panel and codes stand for.
bool TestFamily(const PackedKernels& kernels, Family family, Stream* stream) {
  constexpr std::int64_t kRows = 5;
  constexpr std::int64_t kCols = 512;
  const std::vector<std::byte> panel = RandomPanel(family, kCols, stream);
  const std::vector<float> x = stream->Floats(kRows * kCols);
  std::vector<QuantisedSuper> supers(static_cast<std::size_t>(kRows * SupersOf(kCols)));
  for (std::int64_t t = 0; t < kRows; ++t) kernels.quantise_row(x.data() + t * kCols, kCols, supers.data() + t, kRows);
  std::vector<double> wanted(static_cast<std::size_t>(kRows * kPanelRows));
  std::vector<float> row(static_cast<std::size_t>(kCols));
  for (int n = 0; n < kPanelRows; ++n) {
    PanelRowToFloat(family, panel.data(), n, kCols, row.data());
    for (std::int64_t t = 0; t < kRows; ++t) {
      double sum = 0;
      for (std::int64_t k = 0; k < kCols; ++k) {
        sum += static_cast<double>(row[static_cast<std::size_t>(k)]) *
               static_cast<double>(x[static_cast<std::size_t>(t * kCols + k)]);
      }
      wanted[static_cast<std::size_t>(t * kPanelRows + n)] = sum;
    }
  }
  std::vector<float> out(wanted.size());
  PackedArgs args{panel.data(),
                  static_cast<std::int64_t>(panel.size()),
                  1,
                  kCols,
                  {supers.data(), kRows},
                  kRows,
                  out.data(),
                  kPanelRows,
                  kPanelRows};
  for (const auto* form : {&kernels.narrow, &kernels.wide}) {
    (*form)[static_cast<std::size_t>(family)](args);
    if (!AreClose(out, wanted, 0.02)) return false;
  }
  return true;
}

constexpr double kFloatBound = 1e-5;

// Float kernels against the scalar ones, on the same numbers; each test returns the name of one that differs.
struct FloatTest {
  static constexpr std::int64_t kT = 7;
  static constexpr std::int64_t kN = 13;
  static constexpr std::int64_t kK = 67;

  FloatTest(const FloatKernels& kernels, const FloatKernels& scalar, Stream* numbers)
      : got(kernels),
        truth(scalar),
        stream(numbers),
        x(numbers->Floats(kT * kK)),
        w(numbers->Floats(kN * kK)),
        halves(w.size()) {}

  // Runs `use` with either set of kernels, into `a` and `b`; whether they agree.
  template <typename F>
  bool Agree(const F& use) {
    use(got, &a);
    use(truth, &b);
    return AreClose(a, b, kFloatBound);
  }

  std::string Products() {
    a.assign(static_cast<std::size_t>(kT * kN), 0.0F);
    b = a;
    if (!Agree([&](const FloatKernels& f32, auto* out) {
          f32.gemm(x.data(), kK, kT, w.data(), kK, kN, kK, out->data(), kN);
        }))
      return "gemm";
    got.f32_to_f16(w.data(), kN * kK, halves.data());
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (halves[i] != F32ToF16(w[i])) return "f32_to_f16";
    }
    if (!Agree([&](const FloatKernels& f32, auto* out) {
          f32.gemm_f16(x.data(), kK, kT, halves.data(), kK, kN, kK, out->data(), kN);
        }))
      return "gemm_f16";
    std::vector<float> widened(w.size());
    got.f16_to_f32(halves.data(), kN * kK, widened.data());
    for (std::size_t i = 0; i < w.size(); ++i) {
      if (widened[i] != F16ToF32(halves[i])) return "f16_to_f32";
      halves[i] = static_cast<std::uint16_t>(0x3F80u + stream->Next() % 64);  // near 1 as bfloat16
    }
    const bool is_close = Agree([&](const FloatKernels& f32, auto* out) {
      f32.gemm_bf16(x.data(), kK, kT, halves.data(), kK, kN, kK, out->data(), kN);
    });
    return is_close ? "" : "gemm_bf16";
  }

  std::string SumsOfRows() {
    a = b = stream->Floats(kT * kK);
    const std::vector<float> factors = stream->Floats(kT * kN);
    if (!Agree([&](const FloatKernels& f32, auto* out) {
          f32.gemm_add(factors.data(), kN, kT, w.data(), kK, kN, kK, out->data(), kK);
        }))
      return "gemm_add";
    got.f32_to_f16(w.data(), kN * kK, halves.data());
    const bool is_close = Agree([&](const FloatKernels& f32, auto* out) {
      KvProduct product;
      product.a = factors.data();
      product.a_stride = kN;
      product.num_t = kT;
      product.b = halves.data();
      product.b_stride = kK;
      product.num_j = kN;
      product.num_n = kK;
      product.out = out->data();
      product.out_stride = kK;
      f32.kv_multiply[static_cast<std::size_t>(KvCells::kHalves)](product);
    });
    return is_close ? "" : "kv_multiply";
  }

  // Works on what SumsOfRows has left in `a` and `b`.
  std::string Functions() {
    if (!Agree([&](const FloatKernels& f32, auto* out) {
          std::vector<float> maxima(kT, -1.0F);
          std::vector<float> sums(kT);
          std::vector<float> keeps(kT);
          f32.softmax_rows(out->data(), 64, kT, 61, maxima.data(), sums.data(), keeps.data());
        }))
      return "softmax_rows";
    a = b = x;
    const auto count = static_cast<std::int64_t>(x.size());
    if (!Agree([&](const FloatKernels& f32, auto* out) { f32.silu(out->data(), count); })) return "silu";
    if (!Agree([&](const FloatKernels& f32, auto* out) { f32.gelu_tanh(out->data(), count); })) return "gelu_tanh";
    const bool is_close =
        Agree([&](const FloatKernels& f32, auto* out) { (void)f32.exp_shifted(out->data(), 0.5F, count); });
    return is_close ? "" : "exp_shifted";
  }

  std::string DeltaStep() {
    constexpr std::int64_t kKey = 32;
    constexpr std::int64_t kValue = 24;
    const std::vector<float> state = stream->Floats(kKey * kValue);
    const std::vector<float> rows = stream->Floats(2 * kKey + kValue);
    a.assign(static_cast<std::size_t>(kKey * kValue + kValue), 0.0F);
    b = a;
    const bool is_close = Agree([&](const FloatKernels& f32, auto* out) {
      f32.delta_step(state.data(), out->data(), rows.data(), rows.data() + kKey, rows.data() + 2 * kKey, 0.9F, 0.7F,
                     kKey, kValue, out->data() + kKey * kValue);
    });
    return is_close ? "" : "delta_step";
  }

  const FloatKernels& got;
  const FloatKernels& truth;
  Stream* stream;
  std::vector<float> x;
  std::vector<float> w;
  std::vector<std::uint16_t> halves;
  std::vector<float> a;
  std::vector<float> b;
};

// The float kernels that do most of the work: the name of one that differs from the scalar one, or nothing.
std::string TestFloats(const FloatKernels& got, const FloatKernels& truth, Stream* stream) {
  FloatTest test(got, truth, stream);
  for (std::string (FloatTest::*run)() :
       {&FloatTest::Products, &FloatTest::SumsOfRows, &FloatTest::Functions, &FloatTest::DeltaStep}) {
    if (std::string name = (test.*run)(); !name.empty()) return name;
  }
  return "";
}

constexpr std::array<const char*, kNumFamilies> kFamilyNames = {"",        "u4_super",  "u5_super", "u6_super",
                                                                "u4_flat", "u4_affine", "u5_flat",  "u5_affine",
                                                                "l4_flat", "u8_flat",   "u7_flat"};

}  // namespace

std::string SelfTest(const KernelTable& table) {
  Stream stream;
  const KernelTable& scalar = *AllTables().back();
  if (std::string fault = TestFloats(*table.f32, *scalar.f32, &stream); !fault.empty()) return fault;
  for (int family = 1; family < kNumFamilies; ++family) {
    if (!TestFamily(*table.packed, static_cast<Family>(family), &stream))
      return kFamilyNames[static_cast<std::size_t>(family)];
  }
  return "";
}

Result<const KernelTable*> ChooseTested(CpuFeatures features, std::string_view forced,
                                        std::vector<std::string>* warnings) {
  THIMBLE_ASSIGN_OR_RETURN(const KernelTable* table, Choose(features, forced));
  const auto tables = AllTables();
  std::size_t index = 0;
  while (tables[index] != table) ++index;
  // The last one is the truth that the others are measured by.
  while (index + 1 < tables.size()) {
    if ((features & tables[index]->needs) == tables[index]->needs) {
      const std::string fault = SelfTest(*tables[index]);
      if (fault.empty()) break;
      warnings->push_back(Cat("the ", tables[index]->name, " kernels compute wrong on this machine (", fault,
                              "); slower ones are used, please report it"));
    }
    ++index;
  }
  return tables[index];
}

}  // namespace thimble::kernels
