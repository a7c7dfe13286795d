// SPDX-License-Identifier: Apache-2.0
// What this process may no longer do, once it has opened what it needs: enforced by the kernel (Linux: Landlock,
// seccomp), whatever a model, a picture or a page makes of the program. Nothing gives it back.
#pragma once

#include "base/result.h"

#include <memory>
#include <string>
#include <vector>

namespace thimble::server {

struct SandboxRules {
  std::vector<std::string> readable;  // folders with everything below them, or files
  std::vector<std::string> writable;  // the same, to read, write, make and remove
};

// What is in force, for people and for the page.
struct SandboxReport {
  int landlock_abi = 0;            // its version in this kernel; 0: none
  bool has_files = false;          // files only below the rules' folders
  bool has_network = false;        // Landlock refuses TCP too (ABI 4)
  bool has_scopes = false;         // no signals to other processes, no abstract sockets (ABI 6)
  bool has_calls = false;          // seccomp: no new connections, no programs
  std::vector<std::string> lacks;  // sentences: what is not in force, and why
};

// Beside the rules, what a running engine reads stays readable: /proc/self, /proc/meminfo, /proc/cpuinfo, cgroups, the
// list of processors. Holds for the calling thread and the threads and processes it starts from now on: call it before
// any is started. Rules' paths that do not exist are left out; links are followed now.
void RestrictFiles(const SandboxRules& rules, SandboxReport* report);
// Holds for all threads at once: no new sockets, no connections, nothing sent to an address, no programs run, no other
// process looked into. Sockets that are open go on working, accepting included.
void RestrictCalls(SandboxReport* report);

// One line: "only its own files and models (Landlock 7), no connections to anywhere, no other programs (seccomp)", and
// what is lacking.
std::string DescribeSandbox(const SandboxReport& report);

struct SandboxProbe {
  std::string name;  // of the system call
  int error = 0;     // errno; 0: it went through
};

// Tries what the sandbox refuses, on this machine only and without a trace.
class SandboxCheck {
 public:
  // Opens what the tries need, before the sandbox does not let it. kSystem, kUnsupported (no Linux).
  static Result<std::unique_ptr<SandboxCheck>> Prepare();
  virtual ~SandboxCheck() = default;
  // connect, socket, bind, sendto, sendmsg, execve, io_uring_setup, ptrace, process_vm_readv, open.
  virtual std::vector<SandboxProbe> Try() = 0;
};

// Whether each was forbidden (EPERM, EACCES), and did not just fail.
bool AllRefused(const std::vector<SandboxProbe>& probes);

}  // namespace thimble::server
