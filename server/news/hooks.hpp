#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>

#include "server/options.hpp"

namespace rtpx::server {

/// Runs the command of --on-converted for each converted recording, one after the other, with what there is to
/// tell as JSON on its standard input. It has ten minutes and an environment of PATH, language and time zone;
/// what fails is logged, with the last that it said, and not tried again. Thread-safe.
class Hooks {
 public:
  struct Counts {
    std::size_t waiting = 0;
    std::uint64_t done = 0, failed = 0;
  };

  explicit Hooks(const ServeOptions& options);
  ~Hooks();  ///< ends the one that runs; those that wait do not run

  void converted(const std::string& id, std::string announcement);
  [[nodiscard]] Counts counts() const;

 private:
  struct Job {
    std::string id, announcement;
  };
  void run(const std::stop_token& stop);
  [[nodiscard]] bool run_one(const Job& job, const std::stop_token& stop) const;

  const ServeOptions& options_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  Counts counts_;
  std::jthread thread_;
};

}  // namespace rtpx::server
