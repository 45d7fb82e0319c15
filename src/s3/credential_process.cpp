#include "s3/credential_process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "s3/content.hpp"

extern char** environ;

namespace rtpx::s3 {
namespace {

constexpr std::chrono::seconds kPatience{60};
constexpr std::size_t kLargestAnswer = 64U << 10;

/// Starts the shell with its output going to `out`; answers its process id, or -1 with errno.
pid_t start(const std::string& command, int out) {
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, out, 1);
  posix_spawnattr_init(&attributes);
  sigset_t none;
  sigemptyset(&none);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setpgroup(&attributes, 0);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETPGROUP);
  std::string shell = "sh", option = "-c", line = command;
  char* arguments[] = {shell.data(), option.data(), line.data(), nullptr};
  pid_t child = -1;
  const int error = ::posix_spawn(&child, "/bin/sh", &actions, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&actions);
  if (error == 0) return child;
  errno = error;
  return -1;
}

/// False: it says too much, or takes too long.
bool read_all(int from, std::string& text) {
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  std::array<char, 4096> piece;
  while (text.size() <= kLargestAnswer) {
    const auto left =
        std::chrono::duration_cast<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    pollfd waiting{from, POLLIN, 0};
    if (left.count() <= 0) return false;
    if (::poll(&waiting, 1, static_cast<int>(left.count())) <= 0) continue;
    const ssize_t got = ::read(from, piece.data(), piece.size());
    if (got == 0) return true;
    if (got > 0) text.append(piece.data(), static_cast<std::size_t>(got));
    if (got < 0 && errno != EINTR) return false;
  }
  return false;
}

}  // namespace

Result<TemporaryCredentials> run_credential_process(const std::string& command) {
  const auto failed = [&](const std::string& how) {
    return fail(Errc::denied, "The profile's credential_process " + how + ": " + command);
  };
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0)
    return failed(std::string("cannot be started (") + std::strerror(errno) + ")");
  const Descriptor read(ends[0]);
  Descriptor write(ends[1]);
  const pid_t child = start(command, write.get());
  if (child < 0) return failed(std::string("cannot be started (") + std::strerror(errno) + ")");
  write = Descriptor();
  std::string text;
  const bool whole = read_all(read.get(), text);
  if (!whole) ::kill(-child, SIGKILL);
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  if (!whole) return failed("gave no answer within a minute, or one without an end");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
    return failed(WIFEXITED(status) ? "failed with exit status " + std::to_string(WEXITSTATUS(status))
                                    : "crashed");
  auto found = parse_credentials_json(text);
  if (!found) return failed("printed no credentials");
  return std::move(*found);
}

}  // namespace rtpx::s3
