#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <thread>

#include "server/library/library.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Makes one film of a recording where somebody asks for it: by a child process, as conversions are made, one
/// after the other. What waits or runs when the server stops is to be asked for again. Thread-safe.
class Films {
 public:
  static constexpr const char* kFileName = "film.mp4";  ///< in output/
  static constexpr const char* kChaptersName = "film.vtt";
  static constexpr const char* kThumbnailName = "film.mp4_thumbnail.jpg";
  static constexpr const char* kSheetName = "film.mp4_sprites.jpg";  ///< pictures for scrubbing
  static constexpr const char* kSpritesName = "film.mp4_sprites.vtt";

  struct Wish {
    std::string layout = "grid";
    int width = 1280, height = 720;
    std::string title;
  };
  struct State {
    std::string state;  ///< "waiting", "running", "done", "failed", "cancelled"
    double fraction = 0;
    std::optional<double> seconds_left;
    std::string error;
  };
  /// Runs on the films' thread after each change of a state.
  using OnChanged = std::function<void(const std::string& id)>;

  Films(const ServeOptions& options, const Library& library, OnChanged on_changed);
  ~Films();  ///< a child under way is ended

  /// Queues a film; one that waits already is replaced. Errors: already_exists while it is being made;
  /// no_space when too many wait.
  [[nodiscard]] Result<void> add(const std::string& id, const Wish& wish);
  /// Errors: not_found when it neither waits nor is being made.
  [[nodiscard]] Result<void> cancel(const std::string& id);
  /// nullopt: nobody has asked for one.
  [[nodiscard]] std::optional<State> state(const std::string& id) const;
  [[nodiscard]] bool running(const std::string& id) const;

 private:
  struct Job {
    std::string id;
    Wish wish;
  };
  void run(std::stop_token stop);
  [[nodiscard]] State make(const Job& job, std::stop_token stop);
  [[nodiscard]] static Result<void> seal_film(const std::filesystem::path& recording, const std::filesystem::path& made);
  void on_progress(const std::string& id, const std::string& line);

  const ServeOptions& options_;
  const Library& library_;
  OnChanged on_changed_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<Job> jobs_;
  std::map<std::string, State> states_;
  std::string running_;  // empty: none
  std::stop_source stop_running_;
  std::jthread thread_;
};

}  // namespace rtpx::server
