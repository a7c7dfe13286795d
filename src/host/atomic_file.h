// SPDX-License-Identifier: Apache-2.0
// Writes small files so that a reader sees the old or the new one, never half of it.
#pragma once

#include "base/result.h"

#include <string>
#include <string_view>

namespace thimble::host {

// Writes beside `path`, syncs, renames. kSystem or kExhausted (disk full) with the reason; nothing is left behind then.
Status WriteFileAtomically(const std::string& path, std::string_view text);

// The error behind an errno value: "[place] what path: reason"; kExhausted when the disk is full.
Error SystemError(std::string_view place, std::string_view what, const std::string& path, int error_number);

}  // namespace thimble::host
