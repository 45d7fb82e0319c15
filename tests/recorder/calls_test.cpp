// Which system calls does a thread make that calls record()? Counted by tracing it.

#include <gtest/gtest.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <ctime>
#include <map>
#include <optional>
#include <vector>

#include "recorder/started.hpp"

namespace rtpx {
namespace {

using test::Started;
using test::video;

constexpr std::uint32_t kPackets = 20'000, kTracks = 10;

/// Records, between two calls of getppid(), in a process that is being traced.
void record_traced() {
  if (::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) != 0) ::_exit(77);
  ::raise(SIGSTOP);
  {
    Started s;
    std::vector<Recorder::Track> handles;
    for (std::uint32_t i = 0; i < kTracks; ++i) {
      s.add(video("t" + std::to_string(i)));
      handles.push_back(*s.recorder->track("t" + std::to_string(i)));
    }
    const auto packet = test::rtp(1, 1000);
    const auto send = [&](std::uint32_t i) {
      if (handles[i % kTracks].record(0, packet) != Outcome::accepted) ::_exit(78);
    };
    for (std::uint32_t i = 0; i < kTracks; ++i) send(i);
    (void)::syscall(SYS_getppid);
    for (std::uint32_t i = 0; i < kPackets; ++i) {
      send(i);
      const timespec pause{0, 500'000};
      if (i % 16 == 0) ::nanosleep(&pause, nullptr);
    }
    (void)::syscall(SYS_getppid);
  }
  ::_exit(0);
}

/// The calls of the first thread of `child` between its two calls of getppid(), by number; nullopt where
/// tracing is not allowed.
std::optional<std::map<std::uint64_t, int>> trace(pid_t child) {
  int status = 0;
  if (::waitpid(child, &status, 0) != child || !WIFSTOPPED(status)) return std::nullopt;
  if (::ptrace(PTRACE_SETOPTIONS, child, nullptr, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) != 0)
    return std::nullopt;
  std::map<std::uint64_t, int> calls;
  int marks = 0;
  long signal = 0;
  while (::ptrace(PTRACE_SYSCALL, child, nullptr, signal) == 0 && ::waitpid(child, &status, 0) == child &&
         WIFSTOPPED(status)) {
    const bool at_call = WSTOPSIG(status) == (SIGTRAP | 0x80);
    signal = at_call ? 0 : WSTOPSIG(status);
    if (!at_call) continue;
    __ptrace_syscall_info info{};
    if (::ptrace(PTRACE_GET_SYSCALL_INFO, child, sizeof info, &info) < 0) return std::nullopt;
    if (info.op != PTRACE_SYSCALL_INFO_ENTRY) continue;
    if (info.entry.nr == SYS_getppid)
      ++marks;
    else if (marks == 1)
      ++calls[info.entry.nr];
  }
  EXPECT_TRUE(WIFEXITED(status));
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(marks, 2);
  return calls;
}

// docs/crash-safety.md, "What record() may cost": no call at all but for a futex where two threads meet in a
// lock, or where the writer has to be woken because much of the memory is used.
TEST(SystemCalls, OfAThreadThatRecordsAreAFewFutexesAtMost) {
  const pid_t child = ::fork();
  ASSERT_GE(child, 0);
  if (child == 0) record_traced();
  auto calls = trace(child);
  if (!calls) {
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    GTEST_SKIP() << "tracing a process of one's own is not allowed here";
  }
  EXPECT_GE((*calls)[SYS_clock_nanosleep] + (*calls)[SYS_nanosleep], static_cast<int>(kPackets / 16))
      << "the tracing works";
  calls->erase(SYS_clock_nanosleep);  // the test's own
#ifdef SYS_nanosleep
  calls->erase(SYS_nanosleep);
#endif
  calls->erase(SYS_clock_gettime);  // a call only where the machine's clock cannot be read without
  calls->erase(SYS_restart_syscall);
  const int futexes = (*calls)[SYS_futex];
  calls->erase(SYS_futex);
  for (const auto& [number, count] : *calls)
    ADD_FAILURE() << "system call " << number << ", " << count << " times";
  std::printf("%d futex calls for %u packets\n", futexes, kPackets);
  EXPECT_LE(futexes, static_cast<int>(kPackets / 100));
}

}  // namespace
}  // namespace rtpx
