// SPDX-License-Identifier: Apache-2.0
#include "cli/quiet_terminal.h"

#include "cli/terminal.h"

#include <termios.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <string_view>

namespace thimble::cli {

namespace {

// What a signal handler needs cannot be a member.
termios original;
std::atomic<bool> is_quiet{false};
std::atomic<bool> has_escapes{false};
std::atomic<void (*)()> on_resume{nullptr};

constexpr std::array<int, 4> kEnding = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
std::array<struct sigaction, kEnding.size()> previous_ending;
struct sigaction previous_stop;

void OnEnding(int number) {
  QuietTerminal::Restore();
  // No marked pastes and no colour beyond this.
  constexpr std::string_view kPlain = "\033[?2004l\033[0m\n";
  if (has_escapes.load() && write(STDOUT_FILENO, kPlain.data(), kPlain.size()) < 0) _exit(128 + number);
  signal(number, SIG_DFL);
  raise(number);
}

void OnStop(int) {
  const int saved_errno = errno;
  termios current;
  const bool is_known = tcgetattr(STDIN_FILENO, &current) == 0;
  tcsetattr(STDIN_FILENO, TCSANOW, &original);
  raise(SIGSTOP);
  // Somebody brought us back.
  if (is_known) tcsetattr(STDIN_FILENO, TCSANOW, &current);
  if (auto* handler = on_resume.load(); handler != nullptr) handler();
  errno = saved_errno;
}

// Installs `handler` unless the signal is ignored, as it is under nohup.
void Handle(int number, void (*handler)(int), int flags, struct sigaction* previous) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, previous);
  if (previous->sa_handler == SIG_IGN) sigaction(number, previous, nullptr);
}

}  // namespace

QuietTerminal::QuietTerminal() {
  if (isatty(STDIN_FILENO) == 0 || isatty(STDOUT_FILENO) == 0 || tcgetattr(STDIN_FILENO, &original) != 0) return;
  termios quiet = original;
  quiet.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
  quiet.c_iflag &= ~static_cast<tcflag_t>(ICRNL);  // pasted lines that end in \r\n are not to end twice
  quiet.c_cc[VMIN] = 1;
  quiet.c_cc[VTIME] = 0;
  is_active_ = true;
  is_quiet.store(true);
  has_escapes.store(IsTerminal(STDOUT_FILENO));
  for (std::size_t i = 0; i < kEnding.size(); ++i) Handle(kEnding[i], OnEnding, 0, &previous_ending[i]);
  Handle(SIGTSTP, OnStop, SA_RESTART, &previous_stop);
  tcsetattr(STDIN_FILENO, TCSADRAIN, &quiet);
}

QuietTerminal::~QuietTerminal() {
  if (!is_active_) return;
  Restore();
  for (std::size_t i = 0; i < kEnding.size(); ++i) sigaction(kEnding[i], &previous_ending[i], nullptr);
  sigaction(SIGTSTP, &previous_stop, nullptr);
}

void QuietTerminal::Restore() {
  if (is_quiet.exchange(false)) tcsetattr(STDIN_FILENO, TCSANOW, &original);
}

void QuietTerminal::OnResume(void (*handler)()) { on_resume.store(handler); }

}  // namespace thimble::cli
