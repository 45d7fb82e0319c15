#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <stop_token>
#include <string>
#include <vector>

#include "server/library/library_index.hpp"
#include "server/options.hpp"
#include "server/work/uploads.hpp"

namespace rtpx::server {

/// Deletes recordings by --keep-days and --keep-bytes, the oldest first, and says each at `warn`. Never
/// touched are what is still in work, what waits for its upload or failed to be uploaded, and the newest
/// recording for the sake of --keep-bytes. With --upload, a recording goes only when the service proves,
/// right before, that it has all of it; what it lost is uploaded again. Calls by one thread.
class Retention {
 public:
  /// The state of a recording with what runs now.
  using StateOf = std::function<RecordingState(const RecordingEntry&)>;

  Retention(const ServeOptions& options, const Library& library, LibraryIndex& index, Uploads& uploads,
            StateOf state_of)
      : options_(options), library_(library), index_(index), uploads_(uploads), state_of_(std::move(state_of)) {}

  void apply(std::stop_token stop);

 private:
  using Clock = std::chrono::steady_clock;
  /// Why a recording may not be deleted whatever its age and size; empty: it may.
  [[nodiscard]] std::string bound_by(const RecordingEntry& entry) const;
  [[nodiscard]] bool is_proven(const RecordingEntry& entry, std::stop_token stop);
  [[nodiscard]] bool remove(const RecordingEntry& entry, const std::string& option, std::stop_token stop);
  void warn_once(const std::string& id, const std::string& message);

  const ServeOptions& options_;
  const Library& library_;
  LibraryIndex& index_;
  Uploads& uploads_;
  StateOf state_of_;
  std::map<std::string, std::string> warned_;             // recording to what was said of it last
  std::map<std::string, Clock::time_point> asked_again_;  // when the service is asked about it again
};

}  // namespace rtpx::server
