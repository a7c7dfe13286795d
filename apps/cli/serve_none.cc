// SPDX-License-Identifier: Apache-2.0
// thimble serve, in builds without a network.
#include "cli/options.h"
#include "cli/terminal.h"

namespace thimble::cli {

int Serve(const ServeOptions& /*options*/) {
  return Fail(Error{Code::kUnsupported,
                    "[serve] this build has no server: run scripts/setup, which installs Boost's headers, and build "
                    "again"});
}

}  // namespace thimble::cli
