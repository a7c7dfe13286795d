// SPDX-License-Identifier: Apache-2.0
// thimble completion: what Tab does in a shell, from the options that there are.
#pragma once

#include <CLI/CLI.hpp>

#include <string>

namespace thimble::cli {

// A bash script that completes commands, options, their values, names in the model store and paths.
std::string BashCompletion(const CLI::App& app);

}  // namespace thimble::cli
