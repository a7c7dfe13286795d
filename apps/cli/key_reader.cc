// SPDX-License-Identifier: Apache-2.0
#include "cli/key_reader.h"

#include "base/text.h"
#include "cli/quiet_terminal.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <string_view>

namespace thimble::cli {

namespace {

// A flag that a handler sets just before its reader begins to wait would be seen too late; a byte in a pipe that the
// reader waits for along with the keys is not. Handlers run on any thread, which is one more reason.
std::array<int, 2> wakeup = {-1, -1};
std::atomic<bool> got_interrupt{false};
std::atomic<bool> got_redraw{false};

void Wake(std::atomic<bool>* flag) {
  const int saved_errno = errno;
  flag->store(true);
  // A full pipe wakes as well.
  if (write(wakeup[1], "", 1) < 0) errno = saved_errno;
}
void OnInterrupt(int) { Wake(&got_interrupt); }
void OnResize(int) { Wake(&got_redraw); }
void OnResume() { Wake(&got_redraw); }

void Handle(int number, void (*handler)(int), struct sigaction* previous) {
  struct sigaction action{};
  action.sa_handler = handler;
  action.sa_flags = SA_RESTART;
  sigemptyset(&action.sa_mask);
  sigaction(number, &action, previous);
}

// A descriptor of our own for the terminal at standard input, that never waits: a terminal throws away what was typed
// when Ctrl-C comes, also between being asked whether there is something and being read, and reading would then wait
// for more. To set this for standard input itself would set it for every program that shares it.
int OpenTerminal() {
  const char* name = ttyname(STDIN_FILENO);
  const int own = name == nullptr ? -1 : open(name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
  return own >= 0 ? own : STDIN_FILENO;
}

}  // namespace

KeyReader::KeyReader() : keys_(OpenTerminal()) {
  if (pipe2(wakeup.data(), O_NONBLOCK | O_CLOEXEC) != 0) wakeup = {-1, -1};
  Handle(SIGINT, OnInterrupt, &previous_interrupt_);
  Handle(SIGWINCH, OnResize, &previous_resize_);
  QuietTerminal::OnResume(OnResume);
}

KeyReader::~KeyReader() {
  QuietTerminal::OnResume(nullptr);
  sigaction(SIGWINCH, &previous_resize_, nullptr);
  sigaction(SIGINT, &previous_interrupt_, nullptr);
  for (int& fd : wakeup) {
    if (fd >= 0) close(fd);
    fd = -1;
  }
  if (keys_ != STDIN_FILENO) close(keys_);
}

void KeyReader::DrainWakeups() {
  std::array<char, 64> dust{};
  while (read(wakeup[0], dust.data(), dust.size()) > 0) {
  }
}

bool KeyReader::has_interrupt() { return got_interrupt.load(); }

void KeyReader::ForgetSignals() {
  DrainWakeups();
  got_interrupt.store(false);
  got_redraw.store(false);
}

// More bytes behind those that are there. False when a signal came instead, or nothing will ever come.
bool KeyReader::Fill(bool* is_end) {
  *is_end = false;
  std::copy(bytes_.begin() + begin_, bytes_.begin() + end_, bytes_.begin());
  end_ -= begin_;
  begin_ = 0;
  std::array<pollfd, 2> sources = {{{keys_, POLLIN, 0}, {wakeup[0], POLLIN, 0}}};
  while (poll(sources.data(), sources.size(), -1) < 0) {
    if (errno != EINTR) {
      *is_end = true;
      return false;
    }
  }
  if (sources[1].revents != 0) return false;
  const ssize_t count = read(keys_, bytes_.data() + end_, bytes_.size() - end_);
  if (count > 0) {
    end_ += static_cast<std::size_t>(count);
    return true;
  }
  *is_end = count == 0 || (errno != EINTR && errno != EAGAIN);
  return false;
}

KeyReader::Event KeyReader::Read(wchar_t* key) {
  while (true) {
    if (got_interrupt.load()) {
      ForgetSignals();
      begin_ = end_ = 0;
      return Event::kInterrupt;
    }
    if (got_redraw.exchange(false)) return Event::kRedraw;
    const std::string_view waiting(bytes_.data() + begin_, end_ - begin_);
    if (CompletePrefixLength(waiting) > 0) {
      const DecodedChar c = DecodeUtf8(waiting);
      begin_ += static_cast<std::size_t>(c.num_bytes);
      *key = static_cast<wchar_t>(c.code_point);
      return Event::kKey;
    }
    DrainWakeups();
    bool is_end = false;
    if (got_interrupt.load() || got_redraw.load()) continue;
    if (!Fill(&is_end) && is_end) return Event::kEnd;
  }
}

}  // namespace thimble::cli
