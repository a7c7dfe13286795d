// SPDX-License-Identifier: Apache-2.0
// Packed products of one kernel table on one core, over a matrix that stays in cache:
//   product_bench TABLE FAMILY narrow|wide ROWS REPEATS      e.g. product_bench avx2 q4_k wide 64 100
// Prints the number of multiply-adds and the nanoseconds of each in the fastest repeat.
// bench/instructions/products.py runs it under an emulator to count instructions.
#include "base/buffer.h"
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string_view>
#include <utility>
#include <vector>

namespace {

using namespace thimble;
using namespace thimble::kernels;

constexpr std::array<std::pair<std::string_view, Family>, 9> kFamilies = {{
    {"q4_k", Family::kU4Super},
    {"q5_k", Family::kU5Super},
    {"q6_k", Family::kU6Super},
    {"q4_0", Family::kU4Flat},
    {"q4_1", Family::kU4Affine},
    {"q5_0", Family::kU5Flat},
    {"q5_1", Family::kU5Affine},
    {"iq4_nl", Family::kL4Flat},
    {"q8_0", Family::kU8Flat},
}};

constexpr std::int64_t kCols = 1024;
constexpr int kPanels = 8;

// Random codes and 8-bit scales; 16-bit scales of 2^-7, so that no arithmetic meets what is not a normal number.
void FillPanel(Family family, std::mt19937* random, std::byte* panel) {
  const FamilyTraits traits = TraitsOf(family);
  const bool is_super = traits.scales == Scales::kSuperMin || traits.scales == Scales::kSuper16;
  const int half_bytes = is_super ? 64 : HeaderBytes(traits.scales, 8);
  for (std::int64_t i = 0; i < PanelBytes(family, kCols); ++i) panel[i] = static_cast<std::byte>((*random)());
  for (std::int64_t super = 0; super < PanelBytes(family, kCols); super += SuperBytes(traits, 8)) {
    for (int i = 0; i < half_bytes; i += 2) {
      const std::uint16_t scale = 0x2000;
      std::memcpy(panel + super + i, &scale, sizeof scale);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  const auto fail = [](std::string_view message) {
    std::fprintf(stderr, "product_bench: %.*s\n", static_cast<int>(message.size()), message.data());
    return 2;
  };
  if (argc != 6) return fail("TABLE FAMILY narrow|wide ROWS REPEATS");
  const auto chosen = Choose(DetectCpuFeatures(), argv[1]);
  if (!chosen.ok()) return fail(chosen.error().message);
  const PackedKernels& kernels = *chosen.value()->packed;
  const auto* const named =
      std::find_if(kFamilies.begin(), kFamilies.end(), [&](const auto& f) { return f.first == argv[2]; });
  if (named == kFamilies.end()) return fail("no such family");
  const Family family = named->second;
  const bool is_wide = std::string_view(argv[3]) == "wide";
  const int rows = std::atoi(argv[4]);
  const int repeats = std::atoi(argv[5]);
  if (rows < 1 || repeats < 1) return fail("rows and repeats are numbers from 1 on");

  std::mt19937 random(1);
  const std::int64_t panel_bytes = PanelBytes(family, kCols);
  auto panels = Buffer<std::byte>::Create(static_cast<std::size_t>(panel_bytes * kPanels));
  if (!panels.ok()) return fail(panels.error().message);
  for (int panel = 0; panel < kPanels; ++panel) FillPanel(family, &random, panels.value().data() + panel * panel_bytes);

  std::vector<QuantisedSuper> supers(static_cast<std::size_t>(rows * SupersOf(kCols)));
  std::vector<float> row(static_cast<std::size_t>(kCols));
  for (int t = 0; t < rows; ++t) {
    for (float& value : row) value = static_cast<float>(random() % 2001) / 1000.0F - 1.0F;
    kernels.quantise_row(row.data(), kCols, supers.data() + t, rows);
  }
  const QuantisedRows x{supers.data(), rows};
  std::vector<float> out(static_cast<std::size_t>(rows * kPanels * kPanelRows));
  const PackedArgs args{panels.value().data(), panel_bytes,         kPanels, kCols, x, rows, out.data(),
                        kPanels * kPanelRows,  kPanels * kPanelRows};
  const auto product = (is_wide ? kernels.wide : kernels.narrow)[static_cast<std::size_t>(family)];
  double best = 1e9;
  for (int i = 0; i < repeats; ++i) {
    const double begin = MonotonicSeconds();
    product(args);
    best = std::min(best, MonotonicSeconds() - begin);
  }
  const double products = static_cast<double>(rows) * kPanels * kPanelRows * kCols;
  std::printf("multiply-adds %.0f, %.4f ns each\n", products * repeats, best * 1e9 / products);
  return 0;
}
