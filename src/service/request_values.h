// SPDX-License-Identifier: Apache-2.0
// The rules for keys that several APIs share (request_draft.h).
#pragma once

#include "service/request_draft.h"

#include <span>

namespace thimble::service {

std::span<const KeyRule> CommonKeyRules();

}  // namespace thimble::service
