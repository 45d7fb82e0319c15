#include "child.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <chrono>
#include <cstring>

namespace rtpx::server {
namespace {

constexpr std::size_t kStderrTail = 4096;
constexpr int kProgressDescriptor = 3;
constexpr int kNiceness = 10;
constexpr std::chrono::seconds kPatience{3};

struct Pipe {
  int read = -1, write = -1;
  bool open() {
    int ends[2];
    if (::pipe2(ends, O_CLOEXEC) != 0) return false;
    read = ends[0];
    write = ends[1];
    return true;
  }
  void close_write() {
    if (write >= 0) ::close(write);
    write = -1;
  }
  ~Pipe() {
    if (read >= 0) ::close(read);
    close_write();
  }
};

/// Between fork and exec: async-signal-safe calls only.
[[noreturn]] void become(char* const* arguments, int out, int err, int progress, std::uint64_t memory_bytes,
                         pid_t parent) {
  ::setpgid(0, 0);
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  if (::getppid() != parent) ::_exit(127);
  ::setpriority(PRIO_PROCESS, 0, kNiceness);
  if (memory_bytes > 0) {
    const rlimit limit{memory_bytes, memory_bytes};
    ::setrlimit(RLIMIT_AS, &limit);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
  ::signal(SIGPIPE, SIG_DFL);
  ::dup2(out, 1);
  ::dup2(err, 2);
  if (progress == kProgressDescriptor)
    ::fcntl(progress, F_SETFD, 0);
  else
    ::dup2(progress, kProgressDescriptor);
  ::execv(arguments[0], arguments);
  ::_exit(127);
}

/// Reads what is there; false at the end of the pipe.
bool drain(int descriptor, std::string& into) {
  std::array<char, 4096> piece;
  const ssize_t got = ::read(descriptor, piece.data(), piece.size());
  if (got > 0) into.append(piece.data(), static_cast<std::size_t>(got));
  return got > 0 || (got < 0 && errno == EINTR);
}

void hand_out_lines(std::string& text, const std::function<void(const std::string&)>& on_line) {
  for (std::size_t end; (end = text.find('\n')) != text.npos; text.erase(0, end + 1))
    if (on_line) on_line(text.substr(0, end));
}

/// The last line of what an rtpx command said, without its "rtpx convert: ".
std::string last_sentence(std::string text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
  if (const auto at = text.rfind('\n'); at != text.npos) text.erase(0, at + 1);
  const auto colon = text.find(": ");
  if (text.starts_with("rtpx ") && colon != text.npos) text.erase(0, colon + 2);
  return text;
}

}  // namespace

std::string explain(const ChildExit& exit, const std::string& what) {
  if (exit.signal != 0)
    return "The " + what + " crashed (signal " + std::to_string(exit.signal) +
           "); the recording is untouched.";
  const std::string said = last_sentence(exit.stderr_tail);
  return said.empty() ? "The " + what + " failed with exit status " + std::to_string(exit.code) + "." : said;
}

Result<ChildExit> run_child(const ChildOptions& options, std::stop_token stop) {
  const auto failed = [&](const char* what) {
    return fail(Errc::io,
                "Cannot start " + options.command.front() + " (" + what + "): " + std::strerror(errno) + ".");
  };
  Pipe errors, progress;
  if (!errors.open() || !progress.open()) return failed("pipe");
  const int out = ::open(options.stdout_file.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
  if (out < 0) return failed("its output file");
  std::vector<char*> arguments;
  for (const std::string& word : options.command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);

  const pid_t parent = ::getpid();
  const pid_t child = ::fork();
  if (child == 0) become(arguments.data(), out, errors.write, progress.write, options.memory_bytes, parent);
  ::close(out);
  if (child < 0) return failed("fork");
  ::setpgid(child, child);  // as the child does: whoever is first, the group is there before it is killed
  errors.close_write();
  progress.close_write();

  ChildExit result;
  std::string lines;
  std::array<pollfd, 2> waiting{{{errors.read, POLLIN, 0}, {progress.read, POLLIN, 0}}};
  std::chrono::steady_clock::time_point kill_at{};
  int status = 0;
  for (bool exited = false; !exited || waiting[0].fd >= 0 || waiting[1].fd >= 0;) {
    if (stop.stop_requested() && !result.cancelled) {
      result.cancelled = true;
      kill_at = std::chrono::steady_clock::now() + kPatience;
      ::kill(-child, SIGTERM);
    }
    if (result.cancelled && std::chrono::steady_clock::now() >= kill_at) ::kill(-child, SIGKILL);
    ::poll(waiting.data(), waiting.size(), 50);
    if (waiting[0].revents != 0 && !drain(errors.read, result.stderr_tail)) waiting[0].fd = -1;
    if (waiting[1].revents != 0 && !drain(progress.read, lines)) waiting[1].fd = -1;
    if (result.stderr_tail.size() > 2 * kStderrTail)
      result.stderr_tail.erase(0, result.stderr_tail.size() - kStderrTail);
    hand_out_lines(lines, options.on_progress);
    if (lines.size() > kStderrTail) lines.clear();
    if (!exited)
      exited = ::waitpid(child, &status, WNOHANG) == child;
    else
      break;  // one more round after the exit for what was left in the pipes
  }
  if (result.stderr_tail.size() > kStderrTail)
    result.stderr_tail.erase(0, result.stderr_tail.size() - kStderrTail);
  if (WIFEXITED(status))
    result.code = WEXITSTATUS(status);
  else
    result.signal = WTERMSIG(status);
  return result;
}

}  // namespace rtpx::server
