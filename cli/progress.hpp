#pragma once

#include <chrono>
#include <optional>
#include <string>

namespace rtpx::cli {

/// One line on the terminal that says how far the work is; nothing where stderr is no terminal. It is gone
/// when the object is.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  void show(double fraction, const std::string& what, std::optional<double> seconds_left = {});

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_{};
};

}  // namespace rtpx::cli
