// SPDX-License-Identifier: Apache-2.0
// Ids of chats, messages and answers.
#pragma once

#include <cstddef>
#include <string>

namespace thimble::host {

// 24 letters and digits that nobody else has, and nobody can guess where the system has random numbers.
std::string NewChatId();

// The same with a source of random bytes: false where it has none. Then the id is made of the time, of where the
// program lies in memory, and of a number that counts: no two are alike, though one may be guessed.
using RandomSource = bool (*)(void* bytes, std::size_t count);
std::string ChatIdFrom(RandomSource source);

}  // namespace thimble::host
