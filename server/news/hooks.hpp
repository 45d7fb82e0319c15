#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>

#include "server/news/event_files.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Runs the command of --on-converted for each converted recording, one after the other, with what there is to
/// tell as JSON on its standard input. It has ten minutes and an environment of PATH, language and time zone;
/// what fails is logged, with the last that it said, and not tried again. What waits outlives the server. Thread-safe.
class Hooks {
 public:
  struct Counts {
    std::size_t waiting = 0;
    std::uint64_t done = 0, failed = 0;
  };

  explicit Hooks(const ServeOptions& options);
  ~Hooks();  ///< ends the one that runs: it begins anew, and those that wait run, when the server is started again

  void converted(const std::string& id, std::string announcement);
  [[nodiscard]] Counts counts() const;

 private:
  void run(const std::stop_token& stop);
  void run_all(const std::stop_token& stop);
  [[nodiscard]] bool run_one(const std::string& announcement, const std::stop_token& stop) const;

  const ServeOptions& options_;
  const EventFiles files_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  bool pending_ = true;
  Counts counts_;
  std::jthread thread_;
};

}  // namespace rtpx::server
