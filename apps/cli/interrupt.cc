// SPDX-License-Identifier: Apache-2.0
#include "cli/interrupt.h"

#include "cli/quiet_terminal.h"

#include <unistd.h>

#include <atomic>
#include <csignal>
#include <string_view>

namespace thimble::cli {

namespace {

std::atomic<Session*> watched{nullptr};
std::atomic<bool> interrupted{false};
struct sigaction previous_action;

void OnInterrupt(int) {
  if (interrupted.exchange(true)) {
    // Asked twice: no longer politely. The terminal gets its mode and its colour back first.
    QuietTerminal::Restore();
    constexpr std::string_view kPlain = "\033[0m\n";
    if (isatty(STDOUT_FILENO) != 0 && write(STDOUT_FILENO, kPlain.data(), kPlain.size()) < 0) _exit(130);
    signal(SIGINT, SIG_DFL);
    raise(SIGINT);
    return;
  }
  if (Session* session = watched.load(); session != nullptr) session->Cancel();
}

}  // namespace

InterruptGuard::InterruptGuard() {
  interrupted.store(false);
  struct sigaction action{};
  action.sa_handler = OnInterrupt;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(SIGINT, &action, &previous_action);
}

InterruptGuard::~InterruptGuard() {
  sigaction(SIGINT, &previous_action, nullptr);
  watched.store(nullptr);
}

void InterruptGuard::Watch(Session* session) { watched.store(session); }

bool InterruptGuard::was_interrupted() { return interrupted.load(); }

}  // namespace thimble::cli
