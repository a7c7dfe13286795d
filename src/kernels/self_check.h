// SPDX-License-Identifier: Apache-2.0
// A look at every kernel before it is used: a processor, emulator or compiler that computes wrong is found out at
// start, not in an answer.
#pragma once

#include "base/cpu_features.h"
#include "base/result.h"
#include "kernels/kernel_table.h"

#include <string>
#include <string_view>
#include <vector>

namespace thimble::kernels {

// Runs the kernels of a table on small inputs and compares them with the scalar definitions, in about a millisecond.
// Empty when all is well, else the name of the first kernel that is wrong.
std::string SelfTest(const KernelTable& table);

// Choose (kernels.h), but a table that fails its test is passed over, with a warning, for the next one that this
// processor can run.
Result<const KernelTable*> ChooseTested(CpuFeatures features, std::string_view forced,
                                        std::vector<std::string>* warnings);

}  // namespace thimble::kernels
