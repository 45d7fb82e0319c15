#include "support/run_command.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "support/captures.hpp"

extern char** environ;

namespace rtpx::test {

CommandResult run_program(const std::vector<std::string>& arguments,
                          const std::function<bool()>& interrupt_when) {
  TempDir folder;
  const auto out = folder / "out", err = folder / "err";
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_addopen(&actions, 1, out.c_str(), O_WRONLY | O_CREAT, 0600);
  ::posix_spawn_file_actions_addopen(&actions, 2, err.c_str(), O_WRONLY | O_CREAT, 0600);
  std::vector<char*> argv;
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  CommandResult result;
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, argv[0], &actions, nullptr, argv.data(), environ);
  ::posix_spawn_file_actions_destroy(&actions);
  if (failed != 0) return result;
  if (interrupt_when) {
    for (int i = 0; i < 3000 && !interrupt_when(); ++i)
      std::this_thread::sleep_for(std::chrono::milliseconds(10));
    ::kill(child, SIGINT);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
  result.out = read_file(out);
  result.err = read_file(err);
  return result;
}

CommandResult rtpx(std::vector<std::string> arguments, const std::function<bool()>& interrupt_when) {
  arguments.insert(arguments.begin(), RTPX_COMMAND);
  return run_program(arguments, interrupt_when);
}

bool installed(const std::string& program) {
  return run_program({"sh", "-c", "command -v " + program}).status == 0;
}

}  // namespace rtpx::test
