// SPDX-License-Identifier: Apache-2.0
// "Did you mean": the known word that lies nearest to what was typed.
#pragma once

#include <span>
#include <string>
#include <string_view>

namespace thimble {

// The candidate that a few typing errors turn into `word` (a third of its letters at most); empty when none is near.
std::string Nearest(std::string_view word, std::span<const std::string> candidates);

}  // namespace thimble
