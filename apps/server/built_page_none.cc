// SPDX-License-Identifier: Apache-2.0
#include "server/embedded_page.h"

namespace thimble::server {

const service::PageFiles* BuiltPage() { return nullptr; }

}  // namespace thimble::server
