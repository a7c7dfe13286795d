// SPDX-License-Identifier: Apache-2.0
// The index for searching, beside the tables that it is made of: whether it is still theirs, and making it anew.
#pragma once

#include "host/sqlite.h"

namespace thimble::host {

// How closely to look: each finds what those before it find.
enum class IndexCheck {
  kRows,     // as many rows are indexed as there are: well under a millisecond
  kLengths,  // and as many characters: some 4 ms for each MB of text
  kWords,    // and the same ones: a quarter of a second for each MB
};

// Makes the index anew from the tables where it is no longer theirs, as a bug, a damaged file or another program may
// leave it. In a transaction of its own; what the tables hold is not touched. True: it was made anew.
OrFault<bool> MendIndex(Database* database, IndexCheck check);
OrFault<Done> RebuildIndex(Database* database);

}  // namespace thimble::host
