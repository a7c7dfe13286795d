// SPDX-License-Identifier: Apache-2.0
// The limits of NEON with dotprod. i8mm's usmmla does up to twice as many multiply-adds.
#include "kernels/peak.h"

#include <arm_neon.h>

namespace thimble::kernels::neon {
namespace {
// The two vocabularies use the same names for different types.
namespace packed_peak {
constexpr int kPeakRows = 4;
#include "kernels/isa/packed_neon.inl"

// After packed_neon.inl.
#include "kernels/isa/packed_neon_sdot.inl"
inline void Keep(DotSum<4, kSteps>* sum) { __asm__ volatile("" : "+w"(sum->total.reg[0]), "+w"(sum->total.reg[1])); }

#include "kernels/generic/peak_packed.inl"
}  // namespace packed_peak
namespace float_peak {
constexpr int kPeakSums = 16;
#include "kernels/isa/float_neon.inl"

#include "kernels/generic/peak_float.inl"
}  // namespace float_peak
}  // namespace

extern const PeakKernels kPeak;
const PeakKernels kPeak = {&packed_peak::Int8MultiplyAdds, &float_peak::FloatMultiplyAdds, &float_peak::ReadWords};
}  // namespace thimble::kernels::neon
