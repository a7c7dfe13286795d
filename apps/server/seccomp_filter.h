// SPDX-License-Identifier: Apache-2.0
// The program that the kernel runs before each system call (Linux, x86-64 and 64-bit ARM).
#pragma once

#include <linux/filter.h>

#include <vector>

namespace thimble::server {

// Refuses, with EPERM, to make sockets or aim them at somebody, to run programs, to look into other processes and the
// doors around these rules; calls of another architecture's numbers all. Everything else is allowed. Empty on
// processors it has no table for.
std::vector<sock_filter> MakeSeccompFilter();

}  // namespace thimble::server
