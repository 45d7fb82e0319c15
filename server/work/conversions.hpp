#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "server/library/library.hpp"
#include "server/options.hpp"
#include "server/work/child.hpp"

namespace rtpx::server {

/// Converts ended recordings in the background, each by a child process, so that hostile media which crashes
/// a decoder is a failed conversion and nothing else. What waits is known from the recordings themselves, so
/// a restart goes on. Thread-safe.
class Conversions {
 public:
  struct Counts {
    std::size_t waiting = 0, running = 0;
    std::uint64_t done = 0, failed = 0, cancelled = 0;
  };
  struct Running {
    double fraction = 0;
    std::optional<double> seconds_left;
  };
  /// Runs on a conversion thread after each end: "done", "failed" or "cancelled"; of a fleet's node "prepared":
  /// the recording is as it should be, and is converted by a worker.
  using OnEnded = std::function<void(const std::string& id, const StepState& state)>;

  Conversions(const ServeOptions& options, const Library& library, OnEnded on_ended);
  ~Conversions();  ///< children under way are ended; they begin again at the next start

  /// Queues a recording, unless it waits or runs already. `recover_first`: it was not ended properly.
  /// `outputs`: those that are "done" and still there stay as they are; none: all of the server's --output.
  void add(const std::string& id, bool recover_first = false, std::vector<OutputState> outputs = {});
  /// Errors: not_found when it neither waits nor runs.
  [[nodiscard]] Result<void> cancel(const std::string& id);
  [[nodiscard]] std::optional<Running> running(const std::string& id) const;
  [[nodiscard]] bool waiting(const std::string& id) const;
  [[nodiscard]] Counts counts() const;

 private:
  struct Job {
    std::string id;
    bool recover_first = false;
    std::vector<OutputState> outputs;
  };
  struct Active {
    std::stop_source stop;
    Running progress;
  };

  void run(std::stop_token stop);
  [[nodiscard]] std::optional<Job> next(std::stop_token stop);
  void convert(const Job& job, std::stop_token server_stop);
  struct Share {
    double from = 0, to = 1;  ///< of the whole conversion
  };
  /// Runs `rtpx WORD…` of one conversion, with the program in front.
  using RunCommand = std::function<Result<ChildExit>(std::vector<std::string> words, Share share)>;
  [[nodiscard]] StepState convert_folder(const Job& job, const std::filesystem::path& folder,
                                         std::stop_token stop);
  void make_index(const std::string& id, const std::filesystem::path& folder, const std::filesystem::path& output,
                  std::stop_token stop) const;
  [[nodiscard]] StepState make_outputs(const Job& job, const std::filesystem::path& folder,
                                       const std::filesystem::path& output, const RunCommand& run);
  void on_progress(const std::string& id, const std::string& line, Share share);

  const ServeOptions& options_;
  const Library& library_;
  OnEnded on_ended_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  std::map<std::string, Active> active_;
  Counts counts_;
  std::vector<std::jthread> threads_;
};

}  // namespace rtpx::server
