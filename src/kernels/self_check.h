// SPDX-License-Identifier: Apache-2.0
// A look at every kernel before it is used: a processor, emulator or compiler that computes wrong is found out at
// start, not in an answer.
#pragma once

#include "kernels/kernel_table.h"

#include <string>

namespace thimble::kernels {

// Runs the kernels of a table on small inputs and compares them with the scalar definitions, in about a millisecond.
// Empty when all is well, else the name of the first kernel that is wrong.
std::string SelfTest(const KernelTable& table);

}  // namespace thimble::kernels
