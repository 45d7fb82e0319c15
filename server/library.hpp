#pragma once

#include <filesystem>
#include <mutex>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "storage/recording_file.hpp"

namespace rtpx::server {

enum class RecordingState : std::uint8_t {
  recording,
  waiting,
  converting,
  ready,
  failed,
  cancelled,
  uploaded
};
[[nodiscard]] const char* to_string(RecordingState state) noexcept;

/// What recording.json keeps of a recording's conversion, and of its upload.
struct StepState {
  std::string state;  ///< "waiting", "running", "done", "failed", "cancelled"; empty: never asked for
  std::string error;
  int exit_code = 0;
};

/// One converted file of a recording, as `output/result.json` tells.
struct OutputFile {
  std::string id;    ///< `<stream>` or `<stream>_<rid>`
  std::string name;  ///< in output/
  std::int64_t duration_ms = 0;
  std::uint64_t bytes = 0;
  std::string thumbnail, sprites, report;  ///< names in output/; empty: none
};

/// A recording on disk, as the page and the API show it.
struct RecordingEntry {
  std::string id;  ///< folder name
  RecordingInfo info;
  Manifest manifest;
  StepState conversion, upload;
  RecordingState state = RecordingState::waiting;  ///< without what runs now: Live and Conversions know that
  std::uint64_t bytes = 0;                         ///< of the folder, outputs included
  std::int64_t duration_ms = 0;                    ///< of the longest output
  std::vector<OutputFile> outputs;
};

/// The recordings in a base folder. Keeps nothing in memory but the path; reads the disk at each call.
/// Thread-safe.
class Library {
 public:
  explicit Library(std::filesystem::path base_dir) : base_dir_(std::move(base_dir)) {}

  [[nodiscard]] const std::filesystem::path& base_dir() const { return base_dir_; }
  /// Newest first.
  [[nodiscard]] std::vector<std::string> ids() const;
  /// The folder of `id`. Errors: not_found; any id that is not the plain name of a recording's folder is one.
  [[nodiscard]] Result<std::filesystem::path> folder(const std::string& id) const;
  /// A file of a recording, by name: in its output/ first, then in the folder. Errors: not_found.
  [[nodiscard]] Result<std::filesystem::path> file(const std::string& id, const std::string& name) const;
  [[nodiscard]] Result<RecordingEntry> entry(const std::string& id) const;
  [[nodiscard]] Result<void> set_conversion(const std::string& id, const StepState& state) const;
  [[nodiscard]] Result<void> set_upload(const std::string& id, const StepState& state) const;
  /// Deletes the folder: first renamed out of sight, then removed.
  [[nodiscard]] Result<void> remove(const std::string& id) const;
  /// Finishes deletions that an earlier process began.
  void sweep() const;

 private:
  [[nodiscard]] Result<void> set(const std::string& id, std::string RecordingInfo::*step,
                                 const StepState& state) const;

  std::filesystem::path base_dir_;
  mutable std::mutex writing_;  // recording.json is read, changed and replaced
};

}  // namespace rtpx::server
