// SPDX-License-Identifier: Apache-2.0
// The limit of AVX-VNNI's integer products; everything else is AVX2's.
#include "kernels/peak.h"

#include <immintrin.h>

namespace thimble::kernels::avxvnni {
namespace {
constexpr int kPeakRows = 6;
#include "kernels/isa/packed_avx2.inl"
#include "kernels/isa/packed_avxvnni.inl"
inline void Keep(DotSum<4, kSteps>* sum) { __asm__ volatile("" : "+x"(sum->total)); }

#include "kernels/generic/peak_packed.inl"
}  // namespace

extern const MultiplyAddsFn kInt8Peak;
const MultiplyAddsFn kInt8Peak = &Int8MultiplyAdds;
}  // namespace thimble::kernels::avxvnni
