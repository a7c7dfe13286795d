// SPDX-License-Identifier: Apache-2.0
// A file of the page's storage as a ByteSource: what is asked for is read, into memory of its own.
#pragma once

#include "base/result.h"
#include "sys/byte_source.h"
#include "wasm/storage.h"

#include <memory>
#include <string>

namespace thimble::browser {

// Open as long as the source lives. kNotFound, kSystem.
Result<std::shared_ptr<const ByteSource>> OpenStoredSource(Storage* storage, const std::string& name);

}  // namespace thimble::browser
