// SPDX-License-Identifier: Apache-2.0
// Limits that a Linux container sets through control groups (version 1 and 2): processor time and memory.
#pragma once

#include <cstdint>
#include <string>

namespace thimble {

struct CgroupLimits {
  double num_cores = 0;  // processor time per time; 0 when there is no limit
  bool has_memory_limit = false;
  std::uint64_t memory_bytes = 0;  // what may still be taken: limit, less use, plus file pages that can be dropped
};

// Reads the group of this process and every group above it; the tightest limit counts. `root` stands before /proc and
// /sys ("" for the real ones, a folder in tests). What cannot be read limits nothing.
CgroupLimits ReadCgroupLimits(const std::string& root);

}  // namespace thimble
