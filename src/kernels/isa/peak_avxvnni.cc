// SPDX-License-Identifier: Apache-2.0
// The limits of AVX-VNNI; floats are AVX2's.
#include "kernels/peak.h"

#include <immintrin.h>

namespace thimble::kernels::avxvnni {
namespace {
// The two vocabularies use the same names for different types.
namespace packed_peak {
constexpr int kPeakRows = 6;
#include "kernels/isa/packed_avx2.inl"
#include "kernels/isa/packed_avxvnni.inl"
inline void Keep(DotSum<4, kSteps>* sum) { __asm__ volatile("" : "+x"(sum->total)); }

#include "kernels/generic/peak_packed.inl"
}  // namespace packed_peak
namespace float_peak {
constexpr int kPeakSums = 12;
#include "kernels/isa/float_avx2.inl"

#include "kernels/generic/peak_float.inl"
}  // namespace float_peak
}  // namespace

extern const PeakKernels kPeak;
const PeakKernels kPeak = {&packed_peak::Int8MultiplyAdds, &float_peak::FloatMultiplyAdds, &float_peak::ReadWords};
}  // namespace thimble::kernels::avxvnni
