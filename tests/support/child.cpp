#include "support/child.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <thread>
#include <utility>

#include "support/captures.hpp"

extern char** environ;

namespace rtpx::test {
namespace {

using namespace std::chrono_literals;

struct Descriptors {
  int in, out, err;
};

/// -1 when it cannot be started. The child gets the descriptors as its standard ones, and no signal blocked
/// or ignored.
pid_t spawn(const std::vector<std::string>& command, const Descriptors& descriptors) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, descriptors.in, STDIN_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, descriptors.out, STDOUT_FILENO);
  ::posix_spawn_file_actions_adddup2(&actions, descriptors.err, STDERR_FILENO);
  sigset_t none, all;
  ::sigemptyset(&none);
  ::sigfillset(&all);
  posix_spawnattr_t attributes;
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = -1;
  if (::posix_spawnp(&pid, arguments[0], &actions, &attributes, arguments.data(), environ) != 0) pid = -1;
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return pid;
}

int exit_status(int status) {
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Child::Child(const std::vector<std::string>& command) {
  int in[2], out[2];
  if (::pipe2(in, O_CLOEXEC) != 0 || ::pipe2(out, O_CLOEXEC) != 0) return;
  pid_ = spawn(command, {in[0], out[1], STDERR_FILENO});
  ::close(in[0]);
  ::close(out[1]);
  in_ = in[1];
  out_ = out[0];
  std::signal(SIGPIPE, SIG_IGN);
}

Child::~Child() {
  if (in_ >= 0) ::close(in_);
  for (int i = 0; i < 500 && running(); ++i) std::this_thread::sleep_for(10ms);
  kill();
  if (out_ >= 0) ::close(out_);
}

void Child::send(const std::string& line) {
  const std::string text = line + "\n";
  [[maybe_unused]] const ssize_t sent = ::write(in_, text.data(), text.size());
}

std::string Child::read_line() {
  for (;;) {
    const std::size_t end = buffered_.find('\n');
    if (end != std::string::npos) {
      std::string line = buffered_.substr(0, end);
      buffered_.erase(0, end + 1);
      return line;
    }
    char piece[4096];
    const ssize_t got = ::read(out_, piece, sizeof piece);
    if (got <= 0) return {};
    buffered_.append(piece, static_cast<std::size_t>(got));
  }
}

bool Child::wait_for(const std::string& wanted) {
  for (;;) {
    const std::string line = read_line();
    if (line == wanted) return true;
    if (line.empty()) return false;
  }
}

std::string Child::read_rest() {
  char piece[4096];
  for (ssize_t got = 0; (got = ::read(out_, piece, sizeof piece)) > 0;)
    buffered_.append(piece, static_cast<std::size_t>(got));
  return std::exchange(buffered_, {});
}

void Child::signal(int number) const {
  if (pid_ > 0) ::kill(pid_, number);
}

bool Child::running() {
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, WNOHANG) == pid_) {
    pid_ = -1;
    status_ = exit_status(status);
  }
  return pid_ > 0;
}

int Child::wait() {
  int status = 0;
  if (pid_ > 0 && ::waitpid(pid_, &status, 0) == pid_) status_ = exit_status(status);
  pid_ = -1;
  return status_;
}

bool Child::kill() {
  const bool was_running = running();
  signal(SIGKILL);
  return was_running && wait() == 128 + SIGKILL;
}

ProgramResult run_program(const std::vector<std::string>& command,
                          const std::function<bool()>& interrupt_when) {
  const TempDir folder;
  const auto create = [&](const char* name) {
    return ::open((folder / name).c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
  };
  const Descriptors files{::open("/dev/null", O_RDONLY | O_CLOEXEC), create("out"), create("err")};
  const pid_t child = spawn(command, files);
  for (const int descriptor : {files.in, files.out, files.err}) ::close(descriptor);
  ProgramResult result;
  if (child < 0) return result;
  if (interrupt_when) {
    for (int i = 0; i < 3000 && !interrupt_when(); ++i) std::this_thread::sleep_for(10ms);
    ::kill(child, SIGINT);
  }
  int status = 0;
  rusage used{};
  ::wait4(child, &status, 0, &used);
  result.status = exit_status(status);
  result.most_memory = static_cast<std::size_t>(used.ru_maxrss) * 1024;
  result.out = read_file(folder / "out");
  result.err = read_file(folder / "err");
  return result;
}

bool installed(const std::string& program) {
  return run_program({"sh", "-c", "command -v " + program}).status == 0;
}

}  // namespace rtpx::test
