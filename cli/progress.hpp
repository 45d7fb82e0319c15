#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace CLI {
class App;
}

namespace rtpx::cli {

/// One line on the terminal that says how far the work is; nothing where stderr is no terminal. It is gone
/// when the object is. For programs: with a descriptor, a line of JSON for each step instead.
class Progress {
 public:
  explicit Progress(int descriptor = -1);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Why nothing moves; empty: it moves again.
  void show_waiting(const std::string& cause);
  void show(double fraction, const std::string& what, std::optional<double> seconds_left = {});
  /// Of a film that follows its call, with a descriptor alone.
  void show_followed(std::int64_t written_ms, std::int64_t waiting_ms, int fps);

 private:
  int descriptor_;
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

/// `--progress-fd N`; without it `descriptor` keeps its -1, the terminal.
void add_progress_fd(CLI::App& command, int& descriptor,
                     const char* description = "Write progress to this descriptor, a line of JSON each");

}  // namespace rtpx::cli
