// SPDX-License-Identifier: Apache-2.0
// Background where there are no threads: the caller does the work, before its own.
#include "sys/background.h"

namespace thimble {

struct Background::Thread {};

Background::Background(const std::function<void()>& work) { work(); }
Background::~Background() = default;
void Background::Wait() {}

}  // namespace thimble
