// SPDX-License-Identifier: Apache-2.0
#include "server/sandbox.h"

#include "folder_test.h"
#include "server/seccomp_filter.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstddef>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <sstream>
#include <thread>

namespace thimble::server {
namespace {

// The child's words; what it does there, nobody here suffers from.
std::string InChild(const std::function<std::string()>& function) {
  std::array<int, 2> ends{};
  if (pipe(ends.data()) != 0) return "no pipe";
  const pid_t child = fork();
  if (child == 0) {
    const std::string text = function();
    const bool is_told = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(is_told ? 0 : 1);
  }
  close(ends[1]);
  std::string text;
  std::array<char, 4096> piece{};
  for (ssize_t count = 0; (count = read(ends[0], piece.data(), piece.size())) > 0;)
    text.append(piece.data(), static_cast<std::size_t>(count));
  close(ends[0]);
  waitpid(child, nullptr, 0);
  return text;
}

class Sandbox : public testing::FolderTest {};

bool CanRestrictFiles() {
  SandboxReport report;
  return InChild([&] {
           RestrictFiles({}, &report);
           return std::string(report.has_files ? "yes" : "no");
         }) == "yes";
}

bool CanRestrictCalls() {
  SandboxReport report;
  return InChild([&] {
           RestrictCalls(&report);
           return std::string(report.has_calls ? "yes" : "no");
         }) == "yes";
}

TEST_F(Sandbox, WithoutItEverythingGoesThrough) {
  const std::string told = InChild([] {
    auto check = SandboxCheck::Prepare();
    if (!check.ok()) return check.error().message;
    std::ostringstream text;
    for (const SandboxProbe& probe : check.value()->Try()) text << probe.name << "=" << probe.error << " ";
    return text.str();
  });
  // What containers refuse on their own account is left out.
  for (const char* probe : {"connect=0 ", "socket=0 ", "bind=", "sendto=0 ", "sendmsg=0 ", "execve=0 ", "open=0 "}) {
    EXPECT_THAT(told, ::testing::HasSubstr(probe));
  }
}

TEST_F(Sandbox, EverythingIsRefused) {
  if (!CanRestrictFiles() || !CanRestrictCalls()) GTEST_SKIP() << "this kernel has no sandbox";
  const std::string told = InChild([this] {
    auto check = SandboxCheck::Prepare();
    if (!check.ok()) return check.error().message;
    SandboxReport report;
    RestrictFiles({{}, {folder_}}, &report);
    RestrictCalls(&report);
    const auto probes = check.value()->Try();
    std::ostringstream text;
    if (AllRefused(probes)) text << "all refused: ";
    for (const SandboxProbe& probe : probes) text << probe.name << "=" << probe.error << " ";
    return text.str() + DescribeSandbox(report);
  });
  EXPECT_THAT(
      told, ::testing::StartsWith("all refused: connect=1 socket=1 bind=1 sendto=1 sendmsg=1 execve=1 io_uring_setup=1 "
                                  "ptrace=1 process_vm_readv=1 open=13 only its own files"));
}

TEST_F(Sandbox, FilesOfTheRulesAreOpen) {
  if (!CanRestrictFiles()) GTEST_SKIP() << "this kernel has no Landlock";
  std::filesystem::create_directories(folder_ + "/read");
  std::filesystem::create_directories(folder_ + "/write/a");
  std::filesystem::create_directories(folder_ + "/write/b");
  std::ofstream(folder_ + "/read/model") << "m";
  std::ofstream(folder_ + "/single") << "s";
  std::ofstream(folder_ + "/other") << "o";
  const auto opens = [](const std::string& path, int flags) {
    const int fd = open(path.c_str(), flags, 0600);
    const int error = fd < 0 ? errno : 0;
    if (fd >= 0) close(fd);
    return error;
  };
  const std::string told = InChild([&] {
    SandboxReport report;
    RestrictFiles({{folder_ + "/read", folder_ + "/single", folder_ + "/missing"}, {folder_ + "/write"}}, &report);
    std::ostringstream text;
    text << report.has_files << opens(folder_ + "/read/model", O_RDONLY) << opens(folder_ + "/single", O_RDONLY) << " ";
    text << opens(folder_ + "/other", O_RDONLY) << " " << opens(folder_ + "/read/model", O_WRONLY) << " "
         << opens(folder_ + "/read/new", O_WRONLY | O_CREAT) << " ";
    text << opens(folder_ + "/write/a/new", O_WRONLY | O_CREAT) << opens(folder_ + "/write/a/new", O_WRONLY | O_TRUNC)
         << std::rename((folder_ + "/write/a/new").c_str(), (folder_ + "/write/b/new").c_str())
         << unlink((folder_ + "/write/b/new").c_str()) << " ";
    for (const char* path : {"/proc/self/status", "/proc/meminfo", "/sys/devices/system/cpu/online", "/dev/urandom"}) {
      text << opens(path, O_RDONLY);
    }
    std::thread([&] { text << " " << opens(folder_ + "/other", O_RDONLY); }).join();
    return text.str();
  });
  EXPECT_EQ(told, "100 13 13 13 0000 0000 13");
}

TEST_F(Sandbox, CallsAreRefusedInThreadsThatRunAlready) {
  if (!CanRestrictCalls()) GTEST_SKIP() << "this kernel has no seccomp";
  const std::string told = InChild([] {
    std::array<int, 2> pair{};
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair.data()) != 0) return std::string("no pair");
    std::atomic<bool> is_restricted{false};
    int error = 0;
    std::thread thread([&] {
      while (!is_restricted.load()) std::this_thread::yield();
      error = socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
    });
    SandboxReport report;
    RestrictCalls(&report);
    is_restricted.store(true);
    thread.join();
    char byte = 0;
    const bool goes_on = send(pair[0], "x", 1, 0) == 1 && recv(pair[1], &byte, 1, 0) == 1;  // open sockets go on
    std::ifstream status("/proc/self/status");
    std::stringstream text;
    text << status.rdbuf();
    const bool is_shown = text.str().find("Seccomp:\t2") != std::string::npos;
    return std::to_string(error) + (goes_on ? " goes on" : "") + (is_shown ? " shown" : "");
  });
  EXPECT_EQ(told, "1 goes on shown");
}

#if defined(__x86_64__)
constexpr std::uint32_t kOurs = AUDIT_ARCH_X86_64;
constexpr std::uint32_t kOther = AUDIT_ARCH_I386;
#else
constexpr std::uint32_t kOurs = AUDIT_ARCH_AARCH64;
constexpr std::uint32_t kOther = AUDIT_ARCH_ARM;
#endif

// The kernel's machine, as far as the filter uses it.
std::uint32_t RunFilter(const std::vector<sock_filter>& program, const seccomp_data& data) {
  std::uint32_t value = 0;
  for (std::size_t i = 0; i < program.size(); ++i) {
    const sock_filter& step = program[i];
    switch (step.code) {
      case BPF_LD | BPF_W | BPF_ABS:
        std::memcpy(&value, reinterpret_cast<const char*>(&data) + step.k, sizeof value);
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        i += value == step.k ? step.jt : step.jf;
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        i += value >= step.k ? step.jt : step.jf;
        break;
      case BPF_RET | BPF_K:
        return step.k;
      default:
        ADD_FAILURE() << "an unknown step " << step.code;
        return 0;
    }
  }
  ADD_FAILURE() << "the program has no end";
  return 0;
}

TEST(SeccompFilter, RefusesOtherArchitecturesAndAddresses) {
  const auto program = MakeSeccompFilter();
  if (program.empty()) GTEST_SKIP() << "no table for this processor";
  const std::uint32_t refused = SECCOMP_RET_ERRNO | EPERM;
  const auto asked = [&](int number, std::uint32_t architecture = kOurs, std::uint64_t address = 0) {
    seccomp_data data{};
    data.nr = number;
    data.arch = architecture;
    data.args[4] = address;
    return RunFilter(program, data);
  };
  EXPECT_EQ(asked(__NR_read), static_cast<std::uint32_t>(SECCOMP_RET_ALLOW));
  EXPECT_EQ(asked(__NR_accept4), static_cast<std::uint32_t>(SECCOMP_RET_ALLOW));
  EXPECT_EQ(asked(__NR_read, kOther), refused);
  EXPECT_EQ(asked(__NR_connect), refused);
  EXPECT_EQ(asked(442), refused);
  EXPECT_EQ(asked(__NR_sendto), static_cast<std::uint32_t>(SECCOMP_RET_ALLOW));
  EXPECT_EQ(asked(__NR_sendto, kOurs, 1), refused);
  EXPECT_EQ(asked(__NR_sendto, kOurs, std::uint64_t{1} << 32), refused);
#if defined(__x86_64__)
  EXPECT_EQ(asked(__NR_read | 0x40000000), refused);  // x32
  EXPECT_EQ(asked(-1), refused);
#endif
}

}  // namespace
}  // namespace thimble::server
