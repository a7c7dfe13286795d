// SPDX-License-Identifier: Apache-2.0
// In which form the weights of a file are kept in memory; what the tables say is enough to tell.
#pragma once

#include "kernels/pack.h"
#include "model/load.h"
#include "model/tensor_finder.h"

#include <cstdint>
#include <span>

namespace thimble {

struct MatrixForm {
  DType dtype = DType::kF32;  // of the rows that are packed or kept
  kernels::Family family = kernels::Family::kFileRows;
};

// Rows of `dtype` of a matrix of `part`. Float matrices of the tower may be rounded (LoadOptions::tower_floats).
kernels::Family FamilyFor(const LoadOptions& options, WeightPart part, DType dtype, std::int64_t cols);
// MLX's codes of few bits go into the family of the file type that holds the same numbers; the others are rounded to 8
// bits, as every quantised type without a family of its own is. kExact keeps the numbers as they are. `dtype`: what
// MlxMatrix says.
kernels::Family MlxFamilyFor(const LoadOptions& options, WeightPart part, DType dtype, std::int64_t cols);
// Pieces of `cols` columns, to be put below each other. Rows of one type and without factors stay as they are; others
// meet as floats.
DType JoinedType(std::span<const FoundTensor> pieces, std::int64_t cols);

// kUnsupported where `file` (may be nullptr) is a whole pack that another version of the program laid out.
Status CheckPackRevision(const ModelFile* file);
// kUnsupported where a whole pack holds the matrix in another form than `family`.
Status CheckPacked(const FoundTensor& found, const PackedEntry& entry, kernels::Family family);
// The same for a weight of a plan, whatever file it is in.
Status CheckPacked(const PlannedWeight& weight, std::span<const FoundTensor> found, const LoadOptions& options);

// Numbers of a tensor that is read as floats.
std::int64_t CountFloats(const FoundTensor& found);

// Adds what `weight`, made of the tensors `found`, will take.
void AddNeeds(const PlannedWeight& weight, std::span<const FoundTensor> found, const LoadOptions& options,
              MemoryNeeds* needs);

}  // namespace thimble
