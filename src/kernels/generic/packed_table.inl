// SPDX-License-Identifier: Apache-2.0
// The table of packed kernels of the instruction set whose namespace includes this. THIMBLE_ROUNDED_FLOATS names the
// family that float weights are rounded to where that outruns float32 by far. Who has other forms than most says so:
// THIMBLE_WIDE is the wide one of most families, THIMBLE_NARROW_SUPER the narrow one of families with super-blocks,
// THIMBLE_HAS_ONE_FORM whether the two give the same bits there.
#ifndef THIMBLE_WIDE
#define THIMBLE_NARROW_SUPER Narrow
#define THIMBLE_WIDE WideByBlock
#define THIMBLE_HAS_ONE_FORM false
#endif
extern const PackedKernels kPacked;
const PackedKernels kPacked = {
    &QuantiseRow,
    {nullptr, &THIMBLE_NARROW_SUPER<Family::kU4Super>, &THIMBLE_NARROW_SUPER<Family::kU5Super>,
     &THIMBLE_NARROW_SUPER<Family::kU6Super>, &Narrow<Family::kU4Flat>, &Narrow<Family::kU4Affine>,
     &Narrow<Family::kU5Flat>, &Narrow<Family::kU5Affine>, &Narrow<Family::kL4Flat>, &Narrow<Family::kU8Flat>,
     &Narrow<Family::kU7Flat>},
    {nullptr, &THIMBLE_WIDE<Family::kU4Super>, &THIMBLE_WIDE<Family::kU5Super>, &THIMBLE_WIDE<Family::kU6Super>,
     &THIMBLE_WIDE<Family::kU4Flat>, &THIMBLE_WIDE<Family::kU4Affine>, &THIMBLE_WIDE<Family::kU5Flat>,
     &THIMBLE_WIDE<Family::kU5Affine>, &WideByBlock<Family::kL4Flat>, &WideByBlock<Family::kU8Flat>,
     &WideByBlock<Family::kU7Flat>},
    THIMBLE_ROUNDED_FLOATS,
    THIMBLE_HAS_ONE_FORM,
};
