// SPDX-License-Identifier: Apache-2.0
// The built-in model: a file that came with the app, once made a whole pack in the folder of models, as any other
// model.
#pragma once

#include "android/native/frame_writer.h"
#include "common/storage.h"

#include <cstdint>
#include <functional>
#include <string>

namespace thimble::android {

// Makes the pack where there is none of this file; takes the time that takes, some seconds. `path`: empty: what there
// is already stays. `free_memory`: as common::Settling's. Before anybody else uses the storage. What goes wrong is told
// to the app. Returns whether the pack stands and can be read, so that the file is not needed any more.
bool PackBuiltin(const std::string& path, common::Storage* storage, int threads,
                 std::function<std::uint64_t()> free_memory, FrameWriter* out);

}  // namespace thimble::android
