#pragma once

#include <string>
#include <vector>

namespace rtpx::test {

/// A child process with pipes at its standard input and output. Its input is closed and it is waited for
/// (killed after 5 s) with the object.
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
  void kill(int signal);
  /// Exit status, or 128 + signal.
  int wait();
  [[nodiscard]] int pid() const { return pid_; }

 private:
  int pid_ = -1;
  int in_ = -1, out_ = -1;
  std::string buffered_;
};

}  // namespace rtpx::test
