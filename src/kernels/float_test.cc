// SPDX-License-Identifier: Apache-2.0
// Float kernels of every instruction set this processor runs, against double precision.
#include "kernels/kernels.h"
#include "sys/machine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace thimble::kernels {
namespace {

std::vector<const KernelTable*> Tables() {
  std::vector<const KernelTable*> tables;
  const CpuFeatures features = DetectCpuFeatures();
  for (const KernelTable* table : AllTables()) {
    if ((table->needs & features) != table->needs) continue;
    tables.push_back(table);
  }
  return tables;
}
std::vector<float> Normal(std::int64_t count, unsigned seed, float size = 1) {
  std::mt19937 random(seed);
  std::normal_distribution<float> normal(0, size);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

TEST(FloatKernels, ProductsAgreeWithDoubleAndDoNotDependOnTheTile) {
  for (const KernelTable* table : Tables()) {
    for (const std::int64_t k : {1, 7, 16, 17, 72, 136, 1024}) {
      for (const std::int64_t n : {1, 3, 4, 13}) {
        const auto x = Normal(9 * k, 1);
        const auto w = Normal(n * k, 2);
        std::vector<float> out(static_cast<std::size_t>(9 * n));
        table->f32->gemm(x.data(), k, 9, w.data(), k, n, k, out.data(), n);
        std::vector<float> one(static_cast<std::size_t>(n));
        for (std::int64_t t = 0; t < 9; ++t) {
          table->f32->gemm(x.data() + t * k, k, 1, w.data(), k, n, k, one.data(), n);
          for (std::int64_t c = 0; c < n; ++c) {
            double sum = 0;
            double size = 0;
            for (std::int64_t i = 0; i < k; ++i) {
              const double product = static_cast<double>(x[static_cast<std::size_t>(t * k + i)]) *
                                     static_cast<double>(w[static_cast<std::size_t>(c * k + i)]);
              sum += product;
              size += std::fabs(product);
            }
            const float got = out[static_cast<std::size_t>(t * n + c)];
            ASSERT_NEAR(got, sum, 1e-6 * size + 1e-30) << table->name << " k " << k;
            ASSERT_EQ(got, one[static_cast<std::size_t>(c)]) << table->name;
          }
        }
      }
    }
  }
}

TEST(FloatKernels, AddedProductsAgreeWithDouble) {
  for (const KernelTable* table : Tables()) {
    for (const std::int64_t n : {1, 5, 16, 35}) {
      const auto a = Normal(7 * 20, 3);
      const auto b = Normal(20 * n, 4);
      auto out = Normal(7 * n, 5);
      const auto before = out;
      table->f32->gemm_add(a.data(), 20, 7, b.data(), n, 20, n, out.data(), n);
      for (std::int64_t t = 0; t < 7; ++t) {
        for (std::int64_t c = 0; c < n; ++c) {
          double sum = static_cast<double>(before[static_cast<std::size_t>(t * n + c)]);
          for (std::int64_t j = 0; j < 20; ++j)
            sum += static_cast<double>(a[static_cast<std::size_t>(t * 20 + j)]) *
                   static_cast<double>(b[static_cast<std::size_t>(j * n + c)]);
          ASSERT_NEAR(out[static_cast<std::size_t>(t * n + c)], sum, 2e-5) << table->name;
        }
      }
    }
  }
}

TEST(FloatKernels, ActivationsAgreeWithDouble) {
  for (const KernelTable* table : Tables()) {
    std::vector<float> x;
    for (float v = -100; v <= 100; v += 0.37F) x.push_back(v);
    x.insert(x.end(), {0.0F, -0.0F, 1e-40F, -1e-40F, 88.0F, -88.0F});
    const auto count = static_cast<std::int64_t>(x.size());
    auto silu = x;
    table->f32->silu(silu.data(), count);
    auto gelu = x;
    table->f32->gelu_tanh(gelu.data(), count);
    auto exped = x;
    table->f32->exp_shifted(exped.data(), 100.0F, count);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double v = static_cast<double>(x[i]);
      const double s = v / (1 + std::exp(-v));
      EXPECT_NEAR(silu[i], s, 3e-7 * std::fabs(s) + 1e-35) << table->name << " " << v;
      const double g = 0.5 * v * (1 + std::tanh(std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v)));
      EXPECT_NEAR(gelu[i], g, 2e-6 * std::fabs(v) + 1e-12) << table->name << " " << v;
      const double e = std::exp(static_cast<double>(x[i] - 100.0F));
      if (v - 100 > -87) {
        EXPECT_NEAR(exped[i], e, 3e-7 * e) << table->name << " " << v;
      }
    }
  }
}

TEST(FloatKernels, OneStepOfTheDeltaRule) {
  for (const KernelTable* table : Tables()) {
    for (const std::int64_t size : {16, 20, 128}) {
      const auto state = Normal(size * size, 6);
      const auto q = Normal(size, 7, 0.1F);
      const auto k = Normal(size, 8, 0.1F);
      const auto v = Normal(size, 9);
      std::vector<float> next(state.size());
      std::vector<float> y(static_cast<std::size_t>(size));
      table->f32->delta_step(state.data(), next.data(), q.data(), k.data(), v.data(), 0.9F, 0.4F, size, size, y.data());
      for (std::int64_t row = 0; row < size; ++row) {
        double memory = 0;
        for (std::int64_t i = 0; i < size; ++i)
          memory += 0.9 * static_cast<double>(state[static_cast<std::size_t>(row * size + i)]) *
                    static_cast<double>(k[static_cast<std::size_t>(i)]);
        const double delta = 0.4 * (static_cast<double>(v[static_cast<std::size_t>(row)]) - memory);
        double out = 0;
        for (std::int64_t i = 0; i < size; ++i) {
          const auto index = static_cast<std::size_t>(row * size + i);
          const double updated =
              0.9 * static_cast<double>(state[index]) + delta * static_cast<double>(k[static_cast<std::size_t>(i)]);
          ASSERT_NEAR(next[index], updated, 1e-5) << table->name;
          out += updated * static_cast<double>(q[static_cast<std::size_t>(i)]);
        }
        ASSERT_NEAR(y[static_cast<std::size_t>(row)], out, 1e-5) << table->name;
      }
    }
  }
}

TEST(Kernels, AProcessorGetsTheBestTableItCanRun) {
  CpuFeatures all = 0;
  for (const KernelTable* table : AllTables()) {
    EXPECT_EQ(Choose(table->needs, "").value(), table) << table->name;
    if (table->needs != 0) {
      EXPECT_FALSE(Choose(0, table->name).ok()) << table->name;
    }
    all |= table->needs;
  }
  EXPECT_EQ(Choose(all, "").value(), AllTables().front());
}

TEST(Kernels, ForcingATableByNameWorksOrSaysWhy) {
  EXPECT_STREQ(Choose(0, "").value()->name, "scalar");
  EXPECT_STREQ(Choose(0, "scalar").value()->name, "scalar");
  const auto unknown = Choose(0, "mmx");
  ASSERT_FALSE(unknown.ok());
  EXPECT_EQ(unknown.error().code, Code::kInvalid);
  EXPECT_NE(unknown.error().message.find("scalar"), std::string::npos);
}

}  // namespace
}  // namespace thimble::kernels
