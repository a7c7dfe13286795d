// SPDX-License-Identifier: Apache-2.0
// WebAssembly with shared memory: the page's workers are the threads of every pool.
#pragma once

namespace thimble {

// How many threads there are, this one among them (1 to 64): what NumUsableCores says from now on. Before the first
// pool.
void SetNumThreads(int num_threads);

// Lends the calling worker to all pools for good: does not return, unless `worker` is no number from 1 to 63 or another
// worker has it already.
void JoinThreadPools(int worker);

}  // namespace thimble
