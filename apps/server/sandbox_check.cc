// SPDX-License-Identifier: Apache-2.0
#include "base/text.h"
#include "server/sandbox.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

namespace thimble::server {

namespace {

// Sockets to this machine itself, from before the sandbox: what could be aimed at somebody if calls were allowed.
class LinuxCheck : public SandboxCheck {
 public:
  ~LinuxCheck() override {
    for (const int fd : {listener_, tcp_, udp_, udp_target_}) {
      if (fd >= 0) close(fd);
    }
  }

  Status Open() {
    tcp_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    udp_ = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    listener_ = Bound(SOCK_STREAM, &tcp_address_);
    udp_target_ = Bound(SOCK_DGRAM, &udp_address_);
    if (tcp_ < 0 || udp_ < 0 || listener_ < 0 || udp_target_ < 0 || listen(listener_, 1) != 0) {
      return Error{Code::kSystem, Cat("[sandbox] no sockets to try it with: ", std::strerror(errno))};
    }
    return Done{};
  }

  std::vector<SandboxProbe> Try() override {
    return {{"connect", ErrorOf(connect(tcp_, Address(&tcp_address_), sizeof tcp_address_))},
            {"socket", TrySocket()},
            {"bind", TryBind()},
            {"sendto", ErrorOf(sendto(udp_, "x", 1, MSG_NOSIGNAL, Address(&udp_address_), sizeof udp_address_))},
            {"sendmsg", TrySendmsg()},
            {"execve", InChild([] {
               std::array<char*, 1> none = {nullptr};
               return ErrorOf(execve("/bin/true", none.data(), none.data()));
             })},
            {"io_uring_setup", TryIoUring()},
            {"ptrace", InChild([] { return ErrorOf(ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); })},
            {"process_vm_readv", TryReadProcess()},
            {"open", TryOpen()}};
  }

 private:
  static int ErrorOf(long result) { return result < 0 ? errno : 0; }
  static const sockaddr* Address(const sockaddr_in* address) { return reinterpret_cast<const sockaddr*>(address); }

  // A socket at any free port of this machine, which `address` then names.
  static int Bound(int type, sockaddr_in* address) {
    const int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
    if (fd < 0) return fd;
    *address = {};
    address->sin_family = AF_INET;
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof *address;
    if (bind(fd, Address(address), size) == 0 && getsockname(fd, reinterpret_cast<sockaddr*>(address), &size) == 0)
      return fd;
    const int error = errno;
    close(fd);
    errno = error;
    return -1;
  }

  static int CloseIfOpen(int fd) {
    const int error = ErrorOf(fd);
    if (fd >= 0) close(fd);
    return error;
  }

  static int TrySocket() { return CloseIfOpen(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); }

  int TryBind() const {
    sockaddr_in any = tcp_address_;
    any.sin_port = 0;
    return ErrorOf(bind(udp_, Address(&any), sizeof any));
  }

  int TrySendmsg() {
    char byte = 'x';
    iovec part{&byte, 1};
    msghdr message{};
    message.msg_name = &udp_address_;
    message.msg_namelen = sizeof udp_address_;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    return ErrorOf(sendmsg(udp_, &message, MSG_NOSIGNAL));
  }

  static int TryIoUring() {
    constexpr long kIoUringSetup = 425;
    std::array<char, 256> parameters{};
    return CloseIfOpen(static_cast<int>(syscall(kIoUringSetup, 1, parameters.data())));
  }

  static int TryReadProcess() {
    char from = 'x';
    char to = 0;
    const iovec local{&to, 1};
    const iovec remote{&from, 1};
    return ErrorOf(process_vm_readv(getpid(), &local, 1, &remote, 1, 0));
  }

  // A file that every system has and none of ours is.
  static int TryOpen() {
    const int error = CloseIfOpen(open("/etc/passwd", O_RDONLY | O_CLOEXEC));
    return error != ENOENT ? error : CloseIfOpen(open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  }

  // What changes the process that does it. Whoever gets another program in its place, with no words, ends or is ended.
  template <typename Function>
  static int InChild(Function function) {
    std::array<int, 2> ends = {-1, -1};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) return errno;
    const pid_t child = fork();
    if (child < 0) return errno;
    if (child == 0) {
      const int error = function();
      const bool is_told = write(ends[1], &error, sizeof error) == static_cast<ssize_t>(sizeof error);
      _exit(is_told ? 0 : 1);
    }
    close(ends[1]);
    int error = 0;
    if (read(ends[0], &error, sizeof error) != static_cast<ssize_t>(sizeof error))
      error = 0;  // the pipe closed with exec
    close(ends[0]);
    kill(child, SIGKILL);
    waitpid(child, nullptr, 0);
    return error;
  }

  int tcp_ = -1;
  int udp_ = -1;
  int listener_ = -1;
  int udp_target_ = -1;
  sockaddr_in tcp_address_{};
  sockaddr_in udp_address_{};
};

}  // namespace

Result<std::unique_ptr<SandboxCheck>> SandboxCheck::Prepare() {
  auto check = std::make_unique<LinuxCheck>();
  THIMBLE_RETURN_IF_ERROR(check->Open());
  return std::unique_ptr<SandboxCheck>(std::move(check));
}

}  // namespace thimble::server
