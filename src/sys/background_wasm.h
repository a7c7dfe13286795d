// SPDX-License-Identifier: Apache-2.0
// What Background and the pools of WebAssembly with threads have to do with each other.
#pragma once

namespace thimble {

// By a worker of the page, whenever it looks up: does the work of a Background that nobody has begun, if there is one.
void DoOfferedWork();

// Lets all workers look up.
void RingWorkers();

}  // namespace thimble
