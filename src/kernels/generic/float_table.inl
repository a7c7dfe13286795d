// SPDX-License-Identifier: Apache-2.0
// The table of float kernels of the instruction set whose namespace includes this.
extern const FloatKernels kFloat;
const FloatKernels kFloat = {
    &Gemm,         &GemmF16,       &GemmBf16,     &GemmAdd,      &Transpose,  &F16ToF32Row,
    &BF16ToF32Row, &CodesToF32Row, &F32ToF16Row,  &SumOfSquares, &SumRow,     &SumOfSquaredDifferences,
    &MaxRow,       &ScaleRow,      &NormaliseRow, &AddRow,       &SiluMulRow, &SigmoidMulRow,
    &SiluRow,      &ConvolveSilu,  &GeluTanhRow,  &ExpShifted,   &DeltaStep,  &Rotate,
};
