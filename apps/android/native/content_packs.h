// SPDX-License-Identifier: Apache-2.0
// Packs of files that are not whole packs themselves (vision files), in the app's folder for what can be made again:
// known by their content, since these files have no paths.
#pragma once

#include "model/pack_store.h"

#include <memory>
#include <string>

namespace thimble::android {

// FOLDER/IDENTITY.thimble-VARIANT; the folder is made when it is needed.
std::shared_ptr<const PackStore> ContentPackStore(std::string folder);

}  // namespace thimble::android
