// SPDX-License-Identifier: Apache-2.0
// File blocks -> panels of a packed family (layouts in formats.h). The only place besides dequant that knows file
// formats.
#pragma once

#include "base/dtype.h"
#include "kernels/formats.h"

#include <cstddef>
#include <cstdint>

namespace thimble::kernels {

// The family that takes a file type for rows of `cols` columns; kFileRows for floats, which are used as they are.
Family FamilyFor(DType dtype, std::int64_t cols);

// Packs `num_rows` (1 to 16) rows of `cols` columns, `row_bytes` apart, into the panel at `out` (PanelBytes(family,
// cols) bytes). Rows the panel has too many are zero weights.
void PackPanel(DType dtype, Family family, const std::byte* rows, std::int64_t row_bytes, int num_rows,
               std::int64_t cols, std::byte* out);

// Row `row` (0 to 15) of a panel as `cols` floats, computed in float32 from codes and scales: for types that pack
// without loss exactly the file's values. The scalar truth of the packed layouts.
void PanelRowToFloat(Family family, const std::byte* panel, int row, std::int64_t cols, float* out);

// The first `num_rows` rows of a panel, [num_rows, cols], with the bits of PanelRowToFloat; several times as fast.
void PanelToFloat(Family family, const std::byte* panel, int num_rows, std::int64_t cols, float* out);

}  // namespace thimble::kernels
