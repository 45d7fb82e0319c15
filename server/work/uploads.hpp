#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "server/library/library.hpp"
#include "server/options.hpp"
#include "server/work/growing_uploads.hpp"

namespace rtpx::server {

/// Stores finished recordings at `--upload`, one after the other, each by a child process (`rtpx upload`)
/// that tries until the network is back. What waits is known from the recordings themselves, so a restart
/// goes on. Thread-safe.
class Uploads {
 public:
  struct Counts {
    std::size_t waiting = 0, running = 0;
    std::uint64_t done = 0, failed = 0;
  };
  /// Runs on the thread of the uploads after each end: "done" or "failed".
  using OnEnded = std::function<void(const std::string& id, const StepState& state)>;

  Uploads(const ServeOptions& options, const Library& library, OnEnded on_ended);
  ~Uploads();  ///< the child under way is ended; it goes on at the next start

  /// It is being recorded: parts of it are stored already.
  void begin(const std::string& id) { growing_.begin(id); }
  void add(const std::string& id);
  enum class Proof : std::uint8_t {
    stored,      ///< all of it, equal in size and checksum
    not_stored,  ///< something is missing or different
    unknown,     ///< the service cannot be asked, or tells no checksum
  };
  /// Asks the service, by a child process, whether it has the recording as it is here now. Waits.
  [[nodiscard]] Proof prove(const std::string& id, std::stop_token stop) const;
  [[nodiscard]] bool running(const std::string& id) const;
  [[nodiscard]] Counts counts() const;

 private:
  void run(std::stop_token stop);
  void warn_without_credentials() const;
  [[nodiscard]] StepState upload(const std::string& id, std::stop_token stop) const;
  void index(const std::filesystem::path& folder, std::stop_token stop) const;
  void on_progress(const std::string& id, const std::string& line) const;

  const ServeOptions& options_;
  const Library& library_;
  OnEnded on_ended_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::string> waiting_;
  std::string running_;  // empty: none
  Counts counts_;
  GrowingUploads growing_;
  std::jthread thread_;
};

}  // namespace rtpx::server
