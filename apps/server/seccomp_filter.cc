// SPDX-License-Identifier: Apache-2.0
#include "server/seccomp_filter.h"

#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/syscall.h>

#include <cerrno>
#include <cstddef>
#include <cstdint>

namespace thimble::server {

namespace {

// Since Linux 5.1 a new call has one number everywhere; older headers do not know these.
constexpr std::uint32_t kIoUringSetup = 425;
constexpr std::uint32_t kIoUringEnter = 426;
constexpr std::uint32_t kIoUringRegister = 427;
constexpr std::uint32_t kOpenTree = 428;
constexpr std::uint32_t kMoveMount = 429;
constexpr std::uint32_t kFsOpen = 430;
constexpr std::uint32_t kFsConfig = 431;
constexpr std::uint32_t kFsMount = 432;
constexpr std::uint32_t kFsPick = 433;
constexpr std::uint32_t kPidfdGetfd = 438;
constexpr std::uint32_t kMountSetattr = 442;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
constexpr bool kHasSecondNumbers = true;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
constexpr bool kHasSecondNumbers = false;
#endif

#if defined(__x86_64__) || defined(__aarch64__)

constexpr std::uint32_t kRefused[] = {
    // The network. sendmsg could name an address where no filter can look; the carrier sends with send().
    __NR_socket, __NR_connect, __NR_bind, __NR_listen, __NR_sendmsg, __NR_sendmmsg,
    // Its work would be done by the kernel, past this filter.
    kIoUringSetup, kIoUringEnter, kIoUringRegister,
    // Programs, and other processes' memory and files.
    __NR_execve, __NR_execveat, __NR_ptrace, __NR_process_vm_readv, __NR_process_vm_writev, kPidfdGetfd,
    // What only administrators may do, and attackers of the kernel like.
    __NR_bpf, __NR_perf_event_open, __NR_userfaultfd, __NR_keyctl, __NR_add_key, __NR_request_key, __NR_init_module,
    __NR_finit_module, __NR_kexec_load, __NR_open_by_handle_at, __NR_setns, __NR_unshare, __NR_chroot, __NR_pivot_root,
    __NR_mount, __NR_umount2, kOpenTree, kMoveMount, kFsOpen, kFsConfig, kFsMount, kFsPick, kMountSetattr};

constexpr std::uint32_t kSecondNumbers = 0x40000000;  // x32: the same kernel's calls under other numbers

#endif

}  // namespace

#if defined(__x86_64__) || defined(__aarch64__)

std::vector<sock_filter> MakeSeccompFilter() {
  const auto statement = [](int code, std::uint32_t value) {
    return sock_filter{static_cast<std::uint16_t>(code), 0, 0, value};
  };
  const auto jump = [](int code, std::uint32_t value, int if_true, int if_false) {
    return sock_filter{static_cast<std::uint16_t>(code), static_cast<std::uint8_t>(if_true),
                       static_cast<std::uint8_t>(if_false), value};
  };
  const auto load = [&](std::size_t offset) {
    return statement(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset));
  };
  const sock_filter allow = statement(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
  const sock_filter refuse = statement(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
  constexpr int kEqual = BPF_JMP | BPF_JEQ | BPF_K;

  std::vector<sock_filter> program = {load(offsetof(seccomp_data, arch)), jump(kEqual, kArchitecture, 1, 0), refuse,
                                      load(offsetof(seccomp_data, nr))};
  if (kHasSecondNumbers) {
    program.push_back(jump(BPF_JMP | BPF_JGE | BPF_K, kSecondNumbers, 0, 1));
    program.push_back(refuse);
  }
  for (const std::uint32_t call : kRefused) {
    program.push_back(jump(kEqual, call, 0, 1));
    program.push_back(refuse);
  }
  // sendto without an address is send().
  constexpr std::size_t kAddress = offsetof(seccomp_data, args) + 4 * sizeof(std::uint64_t);
  program.insert(program.end(), {jump(kEqual, __NR_sendto, 0, 5), load(kAddress), jump(kEqual, 0, 0, 2),
                                 load(kAddress + sizeof(std::uint32_t)), jump(kEqual, 0, 1, 0), refuse, allow});
  return program;
}

#else

std::vector<sock_filter> MakeSeccompFilter() { return {}; }

#endif

}  // namespace thimble::server
