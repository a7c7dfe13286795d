// SPDX-License-Identifier: Apache-2.0
// Speed of kernels and operations on every instruction set of this processor, in the shapes of the released models.
//   kernel_bench --benchmark_filter='Wide/Q4_K.*avx2' --benchmark_repetitions=5
// Columns: MAC/s multiply-adds a second, B/s bytes of weights or state a second, and `limit`, the share of what this
// machine was measured to do at most when the program began (1 = all of it; docs/performance.md). Kernels run on one
// thread; THREADS (default 1) sets the threads of operations (DecodeProducts, Attention, Delta).
#include "base/half.h"
#include "kernels/kernels.h"
#include "kernels/pack.h"
#include "measure/machine_limits.h"
#include "ops/attention.h"
#include "ops/delta_net.h"
#include "ops/matmul.h"
#include "ops/packed_matrix.h"
#include "ops/rounded_attention.h"
#include "sys/machine.h"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>
#include <random>
#include <span>
#include <string>
#include <vector>

namespace thimble::bench {
namespace {

using benchmark::Counter;
using benchmark::State;
using kernels::KernelTable;

// One instruction set, the threads of operations, and what they can do at most.
struct Bench {
  const KernelTable* table;
  ThreadPool* pool;
  MachineLimits one_thread;
  MachineLimits all_threads;
  [[nodiscard]] Ops ops() const { return {*table, *pool, Precision::kFast}; }
};

template <typename T>
T Get(Result<T> result) {
  if (!result.ok()) {
    std::fprintf(stderr, "%s\n", result.error().message.c_str());
    std::exit(1);
  }
  return std::move(result).value();
}

std::vector<float> Normal(std::int64_t count, float size = 1.0F) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0, size);
  std::vector<float> values(static_cast<std::size_t>(count));
  for (float& value : values) value = normal(random);
  return values;
}

// Rates per second of wall time. A limit of 0 leaves the share out.
void Report(State& state, const char* unit, double amount, double limit) {
  state.counters[unit] = Counter(amount, Counter::kIsIterationInvariantRate, Counter::kIs1000);
  if (limit > 0) state.counters["limit"] = Counter(amount / limit, Counter::kIsIterationInvariantRate);
}

// Rows of activations, quantised as the operations do it.
struct Quantised {
  std::vector<float> rows;
  std::vector<kernels::QuantisedSuper> supers;
  kernels::QuantisedRows view{};

  Quantised(const KernelTable& table, std::int64_t num_rows, std::int64_t cols) {
    rows = Normal(num_rows * cols);
    supers.resize(static_cast<std::size_t>(num_rows * kernels::SupersOf(cols)));
    view = {supers.data(), num_rows};
    for (std::int64_t t = 0; t < num_rows; ++t)
      table.packed->quantise_row(rows.data() + t * cols, cols, supers.data() + t, num_rows);
  }
};

// A weight of a file type with small finite numbers, packed.
PackedMatrix RandomMatrix(DType dtype, std::int64_t rows, std::int64_t cols) {
  std::vector<std::byte> bytes(RowBytes(dtype, static_cast<std::uint64_t>(cols)) * static_cast<std::uint64_t>(rows));
  std::mt19937 random(2);
  // Without bits 0x40 and 0x80 in it no pair of bytes is an infinite half.
  for (std::byte& byte : bytes) byte = static_cast<std::byte>(random() & 0x36U);
  return Get(PackedMatrix::Pack(dtype, rows, cols, bytes, nullptr));
}

constexpr std::int64_t kRows = 2048;
constexpr std::int64_t kCols = 2048;

// A packed product of t rows. The narrow form reads several copies of the weight in turn, so that they come from memory
// as they do when a model decodes; the wide form keeps one, as it is used often there.
void Packed(State& state, const Bench& bench, DType dtype, std::int64_t t, bool is_wide) {
  std::vector<PackedMatrix> weights;
  weights.push_back(RandomMatrix(dtype, kRows, kCols));
  const kernels::Family family = weights[0].family();
  const std::uint64_t bytes = weights[0].size_bytes();
  const std::uint64_t num_copies = is_wide ? 1 : (std::uint64_t{128} << 20) / bytes + 1;
  while (weights.size() < num_copies) weights.push_back(RandomMatrix(dtype, kRows, kCols));
  const kernels::PackedKernels& packed = *bench.table->packed;
  const Quantised x(*bench.table, t, kCols);
  std::vector<float> out(static_cast<std::size_t>(t * kRows));
  kernels::PackedArgs args{};
  args.panel_bytes = kernels::PanelBytes(family, kCols);
  args.num_panels = kRows / kernels::kPanelRows;
  args.cols = kCols;
  args.x = x.view;
  args.num_rows = static_cast<int>(t);
  args.out = out.data();
  args.out_stride = kRows;
  args.num_outputs = kRows;
  const auto kernel = (is_wide ? packed.wide : packed.narrow)[static_cast<std::size_t>(family)];
  std::size_t turn = 0;
  for ([[maybe_unused]] auto _ : state) {
    args.panels = weights[turn].bytes();
    kernel(args);
    benchmark::ClobberMemory();
    turn = (turn + 1) % weights.size();
  }
  const auto multiply_adds = static_cast<double>(t * kRows * kCols);
  if (t == 1) {
    Report(state, "B/s", static_cast<double>(bytes), bench.one_thread.read_bytes);
  } else {
    Report(state, "MAC/s", multiply_adds, bench.one_thread.int8_multiply_adds);
  }
}

// One row times a weight of Q4_K after the other, as decoding takes them: 400 MB of weights of `rows` rows each, all
// threads. What is lost against the limit is lost where a product begins and ends.
void DecodeProducts(State& state, const Bench& bench, std::int64_t rows) {
  constexpr std::uint64_t kBytes = 400'000'000;
  constexpr std::int64_t kInputs = 1024;
  const PackedMatrix one = RandomMatrix(DType::kQ4_K, rows, kInputs);
  const std::uint64_t size = one.size_bytes();
  auto memory = Get(Buffer<std::byte>::Create(std::max<std::uint64_t>(1, kBytes / size) * size));
  std::vector<PackedMatrix> weights;
  for (std::uint64_t at = 0; at < memory.size(); at += size) {
    std::memcpy(memory.data() + at, one.bytes(), size);
    weights.push_back(PackedMatrix::FromPanels(DType::kQ4_K, one.family(), rows, kInputs,
                                               std::span<const std::byte>(memory.data() + at, size)));
  }
  const auto x = Normal(kInputs);
  auto activations = Get(Activations::Create(1, kInputs));
  activations.Set({x.data(), 1, kInputs});
  std::vector<float> out(static_cast<std::size_t>(rows));
  for ([[maybe_unused]] auto _ : state) {
    for (const PackedMatrix& weight : weights) MatMul(bench.ops(), &activations, weight, {out.data(), 1, rows});
    benchmark::ClobberMemory();
  }
  Report(state, "B/s", static_cast<double>(memory.size()), bench.all_threads.read_bytes);
}

void QuantiseRow(State& state, const Bench& bench) {
  const auto row = Normal(kCols);
  std::vector<kernels::QuantisedSuper> supers(kernels::SupersOf(kCols));
  for ([[maybe_unused]] auto _ : state) {
    bench.table->packed->quantise_row(row.data(), kCols, supers.data(), 1);
    benchmark::ClobberMemory();
  }
  Report(state, "B/s", kCols * sizeof(float), 0);
}

struct Shape {
  std::int64_t t, n, k;
};

// out [t, n] = x [t, k] w [n, k] transposed.
void Gemm(State& state, const Bench& bench, Shape s) {
  const auto x = Normal(s.t * s.k);
  const auto w = Normal(s.n * s.k);
  std::vector<float> out(static_cast<std::size_t>(s.t * s.n));
  for ([[maybe_unused]] auto _ : state) {
    bench.table->f32->gemm(x.data(), s.k, s.t, w.data(), s.k, s.n, s.k, out.data(), s.n);
    benchmark::ClobberMemory();
  }
  Report(state, "MAC/s", static_cast<double>(s.t * s.n * s.k), bench.one_thread.float_multiply_adds);
}

// out [t, n] += a [t, k] b [k, n].
void GemmAdd(State& state, const Bench& bench, Shape s) {
  const auto a = Normal(s.t * s.k, 1e-3F);
  const auto b = Normal(s.k * s.n);
  std::vector<float> out(static_cast<std::size_t>(s.t * s.n));
  for ([[maybe_unused]] auto _ : state) {
    bench.table->f32->gemm_add(a.data(), s.k, s.t, b.data(), s.n, s.k, s.n, out.data(), s.n);
    benchmark::ClobberMemory();
  }
  Report(state, "MAC/s", static_cast<double>(s.t * s.n * s.k), bench.one_thread.float_multiply_adds);
}

// t rows after `first` tokens, 8 query heads and 2 KV heads of 256, keys and values in halves.
void Attention(State& state, const Bench& bench, std::int64_t t, std::int64_t first) {
  constexpr int kHeads = 8;
  constexpr int kKvHeads = 2;
  constexpr int kHead = 256;
  const Ops ops = bench.ops();
  const std::int64_t length = first + t;
  constexpr std::int64_t kKvCols = std::int64_t{kKvHeads} * kHead;
  constexpr std::int64_t kPageBytes = 2 * kKvCols * KvView::kPageTokens * 2;
  const std::int64_t num_pages = (length + KvView::kPageTokens - 1) / KvView::kPageTokens;
  auto memory = Get(Buffer<std::byte>::Create(static_cast<std::size_t>(kPageBytes * num_pages)));
  std::vector<std::byte*> pages;
  for (std::int64_t i = 0; i < num_pages; ++i) pages.push_back(memory.data() + i * kPageBytes);
  const KvView kv{KvType::kF16, kKvHeads, kHead, pages.data(), length};
  const auto rows = Normal(length * kKvCols);
  StoreKv(ops, kv, 0, {rows.data(), length, kKvCols}, {rows.data(), length, kKvCols});
  constexpr std::int64_t kQueryCols = std::int64_t{kHeads} * kHead;
  const auto q = Normal(t * kQueryCols);
  std::vector<float> out(q.size());
  auto scratch = Get(AttentionScratch::Create(bench.pool->num_threads(), kHead));
  for ([[maybe_unused]] auto _ : state) {
    CausalAttention(ops, {q.data(), t, kQueryCols}, kHeads, kHead, kv, first, &scratch, {out.data(), t, kQueryCols});
  }
  const std::int64_t seen = t * first + t * (t + 1) / 2;
  if (t == 1) {
    Report(state, "B/s", static_cast<double>(2 * kKvCols * length * 2), bench.all_threads.read_bytes);
  } else {
    Report(state, "MAC/s", static_cast<double>(2 * kQueryCols * seen), bench.all_threads.float_multiply_adds);
  }
}

// Every patch of a picture sees every other: 12 heads of 64.
void PictureAttention(State& state, const Bench& bench, std::int64_t patches) {
  constexpr int kHeads = 12;
  constexpr int kHead = 64;
  constexpr std::int64_t kWidth = std::int64_t{kHeads} * kHead;
  const Ops ops = bench.ops();
  const auto qkv = Normal(patches * kWidth * 3);
  std::vector<float> out(static_cast<std::size_t>(patches * kWidth));
  auto scratch = Get(AttentionScratch::Create(bench.pool->num_threads(), kHead));
  const kernels::Family family = bench.table->packed->rounded_floats;
  const bool is_rounded = family != kernels::Family::kFileRows;
  RoundedAttention rounded;
  if (is_rounded) rounded = Get(RoundedAttention::Create(family, patches, kHeads, kHead, bench.pool->num_threads()));
  const auto part = [&](int i) { return MatView<const float>(qkv.data() + i * kWidth, patches, kWidth, 3 * kWidth); };
  for ([[maybe_unused]] auto _ : state) {
    if (is_rounded) {
      rounded.SetKeys(ops, part(1), part(2));
      rounded.Attend(ops, part(0), {out.data(), patches, kWidth});
    } else {
      FullAttention(ops, part(0), part(1), part(2), kHeads, kHead, &scratch, {out.data(), patches, kWidth});
    }
  }
  Report(state, "MAC/s", static_cast<double>(2 * patches * patches * kWidth),
         is_rounded ? bench.all_threads.int8_multiply_adds : bench.all_threads.float_multiply_adds);
}

// The gated delta rule over t rows, 16 heads of 128: multiply-adds of its step-by-step form, whatever form runs.
void Delta(State& state, const Bench& bench, std::int64_t t) {
  constexpr int kHeads = 16;
  constexpr int kHead = 128;
  constexpr std::int64_t kWidth = std::int64_t{kHeads} * kHead;
  const Ops ops = bench.ops();
  const DeltaShape shape{kHeads, kHeads, kHead, kHead, HeadOrder::kGrouped};
  const auto qkv = Normal(t * 3 * kWidth);
  const auto gates = Normal(t * kHeads);
  const std::vector<float> a(kHeads, -0.1F);
  auto states = Normal(kWidth * kHead);
  std::vector<float> out(static_cast<std::size_t>(t * kWidth));
  auto scratch = Get(DeltaScratch::Create(bench.pool->num_threads(), shape, t));
  const MatView<const float> raw(gates.data(), t, kHeads);
  for ([[maybe_unused]] auto _ : state) {
    GatedDeltaRule(ops, shape, {{qkv.data(), t, 3 * kWidth}, raw, raw, a, a}, states.data(), states.data(), &scratch,
                   {out.data(), t, kWidth});
  }
  Report(state, "MAC/s", static_cast<double>(3 * t * kWidth * kHead), bench.all_threads.float_multiply_adds);
}

void Register(const Bench& bench) {
  const auto add = [&](const std::string& name, auto body) {
    benchmark::RegisterBenchmark((name + "/" + bench.table->name).c_str(), body)->UseRealTime();
  };
  // A type for each packed family.
  for (const DType dtype : {DType::kQ4_K, DType::kQ5_K, DType::kQ6_K, DType::kQ4_0, DType::kQ4_1, DType::kQ5_0,
                            DType::kQ5_1, DType::kIQ4_NL, DType::kQ8_0}) {
    const std::string type(TraitsOf(dtype).name);
    for (const std::int64_t t : {1, 4}) {
      add("Narrow/" + type + "/" + std::to_string(t), [=](State& state) { Packed(state, bench, dtype, t, false); });
    }
    for (const std::int64_t t : {16, 256}) {
      add("Wide/" + type + "/" + std::to_string(t), [=](State& state) { Packed(state, bench, dtype, t, true); });
    }
  }
  for (const std::int64_t rows : {1024, 3584, 24832}) {
    add("DecodeProducts/" + std::to_string(rows), [=](State& state) { DecodeProducts(state, bench, rows); });
  }
  add("QuantiseRow", [=](State& state) { QuantiseRow(state, bench); });
  const auto sizes = [](Shape s) {
    return std::to_string(s.t) + "x" + std::to_string(s.n) + "x" + std::to_string(s.k);
  };
  // A task of the vision tower's products; scores of attention in pictures and in text.
  for (const Shape s : {Shape{512, 48, 1024}, {32, 64, 64}, {32, 64, 256}}) {
    add("Gemm/" + sizes(s), [=](State& state) { Gemm(state, bench, s); });
  }
  // Weighted values of attention in pictures and in text; the delta rule's states.
  for (const Shape s : {Shape{32, 64, 64}, {32, 256, 64}, {128, 128, 64}}) {
    add("GemmAdd/" + sizes(s), [=](State& state) { GemmAdd(state, bench, s); });
  }
  for (const auto& [t, first] : {std::pair<std::int64_t, std::int64_t>{1, 1024}, {1, 16384}, {256, 0}, {256, 4096}}) {
    add("Attention/" + std::to_string(t) + "@" + std::to_string(first),
        [=](State& state) { Attention(state, bench, t, first); });
  }
  for (const std::int64_t patches : {1024, 2304}) {
    add("PictureAttention/" + std::to_string(patches), [=](State& state) { PictureAttention(state, bench, patches); });
  }
  for (const std::int64_t t : {1, 64, 256}) {
    add("Delta/" + std::to_string(t), [=](State& state) { Delta(state, bench, t); });
  }
}

}  // namespace
}  // namespace thimble::bench

int main(int argc, char** argv) {
  using namespace thimble;
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
  const char* wanted = std::getenv("THREADS");
  ThreadPool one(1);
  ThreadPool pool(wanted != nullptr ? std::clamp(std::atoi(wanted), 1, 1024) : 1);
  LimitOptions options;
  options.seconds = 0.5;
  for (const kernels::KernelTable* table : kernels::AllTables()) {
    if ((DetectCpuFeatures() & table->needs) != table->needs) continue;
    const auto measure = [&](ThreadPool* threads) { return bench::Get(MeasureLimits({*table, *threads}, options)); };
    const bench::Bench limits{table, &pool, measure(&one), measure(&pool)};
    std::fprintf(stderr, "%s, one thread: reads %.1f GB/s, %.1f G int8 and %.1f G float multiply-adds/s at most\n",
                 table->name, limits.one_thread.read_bytes * 1e-9, limits.one_thread.int8_multiply_adds * 1e-9,
                 limits.one_thread.float_multiply_adds * 1e-9);
    bench::Register(limits);
  }
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
