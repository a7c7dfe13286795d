// SPDX-License-Identifier: Apache-2.0
#include "ops/matmul.h"

#include "base/check.h"
#include "kernels/dequant.h"
#include "ops/task_split.h"

#include <algorithm>
#include <array>

namespace thimble {

namespace {

using kernels::Family;

// Widens `count` rows of `w` from `first` on into `out`; the result's stride is w.cols(). Float rows of the file are
// used in place.
const float* WidenRows(const Ops& ops, const PackedMatrix& w, std::int64_t first, std::int64_t count, float* out) {
  const auto row_bytes = static_cast<std::int64_t>(RowBytes(w.dtype(), static_cast<std::uint64_t>(w.cols())));
  const std::byte* rows = w.bytes() + first * row_bytes;
  const auto address = reinterpret_cast<std::uintptr_t>(rows);
  if (w.dtype() == DType::kF32 && address % alignof(float) == 0) return reinterpret_cast<const float*>(rows);
  const bool is_aligned = address % alignof(std::uint16_t) == 0;
  if (w.dtype() == DType::kF16 && is_aligned) {
    ops.kernels.f32->f16_to_f32(reinterpret_cast<const std::uint16_t*>(rows), count * w.cols(), out);
  } else if (w.dtype() == DType::kBF16 && is_aligned) {
    ops.kernels.f32->bf16_to_f32(reinterpret_cast<const std::uint16_t*>(rows), count * w.cols(), out);
  } else {
    const kernels::RowToFloatFn widen = kernels::RowToFloat(w.dtype());
    for (std::int64_t row = 0; row < count; ++row) widen(rows + row * row_bytes, w.cols(), out + row * w.cols());
  }
  return out;
}

// Up to this many rows of activations, weights of 16 bits are widened in registers; from then on reading each of them
// several times costs more than widening a tile once. The bits are the same.
constexpr std::int64_t kWidenInRegisters = 4;

// One product of a call as units that tasks are cut from: panels, or tiles of rows as the file stores them.
struct Plan {
  const PackedMatrix* w;
  MatView<float> out;
  kernels::QuantisedRows x;  // where the weight is packed
  bool is_wide;
  std::int64_t unit_rows;  // of the weight
  std::int64_t num_units;
  std::int64_t least;  // units that a task should not be shorter than

  // That a unit's rows become where they are widened in memory: floats.
  [[nodiscard]] std::int64_t widened() const { return w->family() == Family::kFileRows ? unit_rows * w->cols() : 0; }
};

// A task of more multiply-adds than this (some milliseconds of a fast core) would keep a cancelled pass going; the pool
// looks between tasks only.
constexpr std::int64_t kMostOfTask = std::int64_t{1} << 29;

// Weights as the file stores them: rows of a unit are widened together and stay in L2 while all activation rows pass.
Plan PlanFileRows(const PackedMatrix& w, MatView<float> out) {
  const std::int64_t tile = std::clamp<std::int64_t>(49152 / w.cols() / 12 * 12, 12, 384);
  return Plan{&w, out, {}, false, tile, (w.rows() + tile - 1) / tile, 1};
}

// A panel's outputs are 16 floats, whole cache lines of `out`, so that threads never write into the same one.
Plan PlanPacked(const PackedMatrix& w, MatView<float> out, const kernels::QuantisedRows& x, bool is_wide) {
  constexpr std::int64_t kLeastBytes = 65536;
  constexpr std::int64_t kLeastWide = 2;
  const std::int64_t num_panels = (w.rows() + kernels::kPanelRows - 1) / kernels::kPanelRows;
  const std::int64_t least =
      is_wide ? kLeastWide : std::max<std::int64_t>(1, kLeastBytes / kernels::PanelBytes(w.family(), w.cols()));
  return Plan{&w, out, x, is_wide, kernels::kPanelRows, num_panels, least};
}

// `widened`: room for Plan::widened() floats.
void RunFileRows(const Ops& ops, MatView<const float> x, const Plan& plan, std::int64_t unit, float* widened) {
  const kernels::FloatKernels& f32 = *ops.kernels.f32;
  const PackedMatrix& w = *plan.w;
  const MatView<float>& out = plan.out;
  const bool is_aligned = reinterpret_cast<std::uintptr_t>(w.bytes()) % alignof(std::uint16_t) == 0;
  const auto in_registers = w.dtype() == DType::kF16    ? f32.gemm_f16
                            : w.dtype() == DType::kBF16 ? f32.gemm_bf16
                                                        : nullptr;
  const std::int64_t first = unit * plan.unit_rows;
  const std::int64_t count = std::min(plan.unit_rows, w.rows() - first);
  if (in_registers != nullptr && is_aligned && x.rows <= kWidenInRegisters) {
    const auto* halves = reinterpret_cast<const std::uint16_t*>(w.bytes()) + first * w.cols();
    in_registers(x.data, x.stride, x.rows, halves, w.cols(), count, w.cols(), out.data + first, out.stride);
    return;
  }
  const float* rows = WidenRows(ops, w, first, count, widened);
  f32.gemm(x.data, x.stride, x.rows, rows, w.cols(), count, w.cols(), out.data + first, out.stride);
}

void RunPanels(const Ops& ops, const Plan& plan, std::int64_t first, std::int64_t count) {
  const PackedMatrix& w = *plan.w;
  const auto family = static_cast<std::size_t>(w.family());
  const auto kernel = plan.is_wide ? ops.kernels.packed->wide[family] : ops.kernels.packed->narrow[family];
  kernels::PackedArgs args{};
  args.panel_bytes = kernels::PanelBytes(w.family(), w.cols());
  args.panels = w.bytes() + first * args.panel_bytes;
  args.num_panels = static_cast<int>(count);
  args.cols = w.cols();
  args.x = plan.x;
  args.num_rows = static_cast<int>(plan.out.rows);
  args.out = plan.out.data + first * kernels::kPanelRows;
  args.out_stride = plan.out.stride;
  args.num_outputs = std::min(count * kernels::kPanelRows, w.rows() - first * kernels::kPanelRows);
  kernel(args);
}

// Units [first, end) of a product. A weight's own factor is applied to finished sums: one rounding an output.
void RunUnits(const Ops& ops, MatView<const float> x, const Plan& plan, std::int64_t first, std::int64_t end,
              float* widened) {
  if (plan.w->family() != Family::kFileRows) {
    RunPanels(ops, plan, first, end - first);
  } else {
    for (std::int64_t unit = first; unit < end; ++unit) RunFileRows(ops, x, plan, unit, widened);
  }
  const float scale = plan.w->scale();
  if (scale == 1.0F) return;
  const std::int64_t end_row = std::min(end * plan.unit_rows, plan.w->rows());
  for (std::int64_t t = 0; t < plan.out.rows; ++t) {
    float* out = plan.out.Row(t);
    for (std::int64_t n = first * plan.unit_rows; n < end_row; ++n) out[n] *= scale;
  }
}

}  // namespace

Result<Activations> Activations::Create(std::int64_t max_rows, std::int64_t max_cols) {
  Activations activations;
  const auto supers = static_cast<std::size_t>(max_rows * kernels::SupersOf(max_cols));
  THIMBLE_ASSIGN_OR_RETURN(activations.supers_, Buffer<kernels::QuantisedSuper>::Create(supers));
  return activations;
}

std::uint64_t Activations::BytesNeeded(std::int64_t max_rows, std::int64_t max_cols) {
  return static_cast<std::uint64_t>(max_rows * kernels::SupersOf(max_cols)) * sizeof(kernels::QuantisedSuper);
}

void Activations::Set(MatView<const float> rows) {
  rows_ = rows;
  is_quantised_ = false;
}

kernels::QuantisedRows Activations::Quantised(const Ops& ops) {
  const kernels::QuantisedRows x{supers_.data(), rows_.rows};
  if (is_quantised_) return x;
  THIMBLE_CHECK(static_cast<std::size_t>(rows_.rows * kernels::SupersOf(rows_.cols)) <= supers_.size());
  const auto quantise = [&](std::int64_t row) {
    ops.kernels.packed->quantise_row(rows_.Row(row), rows_.cols, supers_.data() + row, rows_.rows);
  };
  if (rows_.rows < 8) {
    for (std::int64_t row = 0; row < rows_.rows; ++row) quantise(row);
  } else {
    ops.pool.Run(static_cast<int>((rows_.rows + 7) / 8), [&](int task, int) {
      const std::int64_t end = std::min<std::int64_t>(rows_.rows, (task + 1) * std::int64_t{8});
      for (std::int64_t row = task * std::int64_t{8}; row < end; ++row) quantise(row);
    });
  }
  is_quantised_ = true;
  return x;
}

float* Activations::WideningRoom(std::int64_t floats) {
  const auto size = static_cast<std::size_t>(floats);
  if (widened_.size() < size) widened_.resize(size);
  return widened_.data();
}

void MatMul(const Ops& ops, Activations* x, std::span<const Product> products) {
  THIMBLE_CHECK(products.size() <= kMaxProducts);
  const MatView<const float> rows = x->rows();
  const bool is_wide = rows.rows >= kWideRows && !ops.narrow_only;
  std::array<Plan, kMaxProducts> plans;
  std::int64_t num_units = 0;
  std::int64_t least = 1;
  std::int64_t unit_rows = 1;
  std::int64_t widened = 0;  // floats, of each thread
  for (std::size_t i = 0; i < products.size(); ++i) {
    const PackedMatrix& w = *products[i].w;
    const MatView<float>& out = products[i].out;
    THIMBLE_DCHECK(rows.cols == w.cols() && out.cols == w.rows() && out.rows == rows.rows);
    plans[i] = w.family() == Family::kFileRows ? PlanFileRows(w, out) : PlanPacked(w, out, x->Quantised(ops), is_wide);
    num_units += plans[i].num_units;
    least = std::max(least, plans[i].least);
    unit_rows = std::max(unit_rows, plans[i].unit_rows);
    widened = std::max(widened, plans[i].widened());
  }
  float* const room = x->WideningRoom(widened * ops.pool.num_threads());
  // All products are one line of units, and a task a piece of it.
  const std::int64_t most = std::max(least, kMostOfTask / (rows.rows * rows.cols * unit_rows));
  const TaskSplit split(num_units, least, ops.pool.num_threads(), ops.pool.slowest_share(), most);
  ops.pool.Run(split.num_tasks(), [&](int task, int worker) {
    std::int64_t first = split.Start(task);
    std::int64_t end = split.Start(task + 1);
    for (const Plan* plan = plans.data(); end > 0; ++plan) {
      if (first < plan->num_units)
        RunUnits(ops, rows, *plan, first, std::min(end, plan->num_units), room + worker * widened);
      first = std::max<std::int64_t>(0, first - plan->num_units);
      end -= plan->num_units;
    }
  });
}

void MatMul(const Ops& ops, Activations* x, const PackedMatrix& w, MatView<float> out) {
  const Product product{&w, out};
  MatMul(ops, x, std::span(&product, 1));
}

void MatMulPanels(const Ops& ops, Activations* x, const PackedMatrix& w, std::span<const std::int32_t> panels,
                  std::span<float> out) {
  THIMBLE_CHECK(x->rows().rows == 1 && w.family() != Family::kFileRows);
  THIMBLE_CHECK(out.size() >= panels.size() * kernels::kPanelRows);
  const kernels::QuantisedRows codes = x->Quantised(ops);
  const auto kernel = ops.kernels.packed->narrow[static_cast<std::size_t>(w.family())];
  const std::int64_t panel_bytes = kernels::PanelBytes(w.family(), w.cols());
  const auto per_task = std::max<std::size_t>(1, static_cast<std::size_t>(65536 / panel_bytes));
  const std::size_t num_tasks = (panels.size() + per_task - 1) / per_task;
  ops.pool.Run(static_cast<int>(num_tasks), [&](int task, int) {
    const std::size_t first = static_cast<std::size_t>(task) * per_task;
    for (std::size_t i = first; i < std::min(panels.size(), first + per_task); ++i) {
      const std::int64_t row = panels[i] * std::int64_t{kernels::kPanelRows};
      THIMBLE_DCHECK(row >= 0 && row < w.rows());
      kernels::PackedArgs args{};
      args.panels = w.bytes() + panels[i] * panel_bytes;
      args.panel_bytes = panel_bytes;
      args.num_panels = 1;
      args.cols = w.cols();
      args.x = codes;
      args.num_rows = 1;
      args.out = out.data() + i * kernels::kPanelRows;
      args.out_stride = kernels::kPanelRows;
      args.num_outputs = std::min<std::int64_t>(kernels::kPanelRows, w.rows() - row);
      kernel(args);
      if (w.scale() == 1.0F) continue;
      for (std::int64_t n = 0; n < args.num_outputs; ++n) args.out[n] *= w.scale();
    }
  });
}

void EmbedRows(const Ops& ops, const PackedMatrix& table, std::span<const std::int32_t> ids, MatView<float> out) {
  (void)ops;
  for (std::size_t t = 0; t < ids.size(); ++t) {
    THIMBLE_DCHECK(ids[t] >= 0 && ids[t] < table.rows());
    table.RowToFloat(ids[t], out.Row(static_cast<std::int64_t>(t)));
  }
}

}  // namespace thimble
