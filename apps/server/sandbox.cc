// SPDX-License-Identifier: Apache-2.0
#include "server/sandbox.h"

#include "base/text.h"

#include <algorithm>
#include <cerrno>

namespace thimble::server {

std::string DescribeSandbox(const SandboxReport& report) {
  std::string text;
  const auto add = [&](std::string_view part) { text += Cat(text.empty() ? "" : ", ", part); };
  if (report.has_files) add(Cat("only its own files and models (Landlock ", report.landlock_abi, ")"));
  if (report.has_calls) add("no connections to anywhere, no other programs (seccomp)");
  if (text.empty()) text = "none";
  for (const std::string& sentence : report.lacks) text += Cat("; without ", sentence);
  return text;
}

bool AllRefused(const std::vector<SandboxProbe>& probes) {
  return std::all_of(probes.begin(), probes.end(),
                     [](const SandboxProbe& probe) { return probe.error == EPERM || probe.error == EACCES; });
}

}  // namespace thimble::server
