// SPDX-License-Identifier: Apache-2.0
// Whether what a storage keeps of a model can be read by this program: packs outlive the program that made them, and
// the file that they were made from is gone.
#pragma once

#include "common/storage.h"

#include <string>

namespace thimble::common {

enum class PackState {
  kReadable,
  kOutdated,  // another version of the program has laid it out otherwise
  kDamaged,   // it is no pack, or not what it says
};

// By header and table of the model's pack, whose weights are not looked at. kReadable also where there is no pack, or
// nothing can be said: an open file of a page's cannot be opened twice, and what is open was readable.
PackState StateOfPack(Storage* storage, const std::string& model);

// What helps when a pack is outdated or damaged, in a sentence.
std::string AdviceFor(PackState state, const std::string& model, const std::string& owner);

}  // namespace thimble::common
