// SPDX-License-Identifier: Apache-2.0
// All kernel tables of this build, best first, and the choice among them.
#pragma once

#include "base/cpu_features.h"
#include "base/result.h"
#include "kernels/kernel_table.h"

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace thimble::kernels {

// In priority order; the last one is scalar and needs nothing.
std::span<const KernelTable* const> AllTables();

// The first table whose needs `features` meets. A non-empty `forced` (the value of THIMBLE_ISA) picks that one;
// kInvalid when no table has that name, kUnsupported when this processor cannot run it.
Result<const KernelTable*> Choose(CpuFeatures features, std::string_view forced);

// Choose, but a table that fails its self-test (self_check.h) is passed over, with a warning, for the next one that
// this processor can run.
Result<const KernelTable*> ChooseTested(CpuFeatures features, std::string_view forced,
                                        std::vector<std::string>* warnings);

}  // namespace thimble::kernels
