// SPDX-License-Identifier: Apache-2.0
// A file of a storage as a ByteSource: mapped, where the storage can; else what is asked for is read, into memory of
// its own.
#pragma once

#include "base/result.h"
#include "common/storage.h"
#include "sys/byte_source.h"

#include <memory>
#include <string>

namespace thimble::common {

// Open as long as the source lives. kNotFound, kSystem.
Result<std::shared_ptr<const ByteSource>> OpenStoredSource(Storage* storage, const std::string& name);

}  // namespace thimble::common
