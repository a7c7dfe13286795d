// SPDX-License-Identifier: Apache-2.0
#include "server/sandbox.h"

namespace thimble::server {

void RestrictFiles(const SandboxRules& /*rules*/, SandboxReport* report) {
  report->lacks.emplace_back("file rules: only Linux has them");
}

void RestrictCalls(SandboxReport* report) { report->lacks.emplace_back("refused system calls: only Linux has them"); }

Result<std::unique_ptr<SandboxCheck>> SandboxCheck::Prepare() {
  return Error{Code::kUnsupported, "[sandbox] there is one on Linux only"};
}

}  // namespace thimble::server
