#pragma once

#include <sys/types.h>

#include <functional>
#include <string>
#include <vector>

namespace rtpx::test {

/// A child process with pipes at its standard input and output; the rest it shares with us. Its input is
/// closed and it is waited for (killed after 5 s) with the object.
class Child {
 public:
  explicit Child(const std::vector<std::string>& command);
  ~Child();
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;

  void send(const std::string& line);
  /// The next line of its output, without the newline; empty at the end.
  [[nodiscard]] std::string read_line();
  /// Reads lines until one equals `wanted`; false at the end.
  bool wait_for(const std::string& wanted);
  /// All that is left of its output, to the end.
  [[nodiscard]] std::string read_rest();
  void signal(int number) const;
  [[nodiscard]] bool running();
  /// Exit status, or 128 + signal; 127 when it could not be started.
  int wait();
  /// Kills it and waits; false when it had ended by itself before.
  bool kill();

 private:
  pid_t pid_ = -1;
  int status_ = 127;  // once pid_ is -1
  int in_ = -1, out_ = -1;
  std::string buffered_;
};

struct ProgramResult {
  int status = 127;  ///< exit status; 128 + signal when killed; 127 when it could not be started
  std::string out, err;
  std::size_t most_memory = 0;  ///< bytes that were resident at most
};

/// Runs a program with nothing at its input and waits for it. `interrupt_when`: polled; SIGINT is sent once
/// it answers true.
[[nodiscard]] ProgramResult run_program(const std::vector<std::string>& command,
                                        const std::function<bool()>& interrupt_when = {});

/// True when the program is installed.
[[nodiscard]] bool installed(const std::string& program);

}  // namespace rtpx::test
