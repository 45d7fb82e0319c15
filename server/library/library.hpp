#pragma once

#include <filesystem>
#include <functional>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/converter.hpp"
#include "rtpx/describe.hpp"
#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "sealed/sealed_files.hpp"
#include "server/library/output_profile.hpp"
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

/// In output/: tells what was made for the first profile.
inline constexpr const char* kFirstResult = "result.json";
/// In output/: tells what was made for another profile, by its name.
[[nodiscard]] std::string result_name(const std::string& profile);
/// One of these.
[[nodiscard]] bool is_result_name(std::string_view file);

/// What became of one of the things that a recording is converted into.
struct OutputState {
  std::string profile;  ///< OutputProfile::text
  std::string state = "waiting";  ///< or "done", "failed"
  std::string error;              ///< why it failed
  int exit_code = 0;
};

/// What recording.json keeps of a recording's conversion, and of its upload.
struct StepState {
  std::string state;  ///< "waiting", "running", "done", "failed", "cancelled"; empty: never asked for
  std::string error;  ///< of a conversion that is done: which of several outputs could not be made, and why
  int exit_code = 0;
  std::vector<OutputState> outputs;  ///< of a conversion: those asked for, the first one first; empty: the server's own
  std::string encrypted;  ///< of a conversion: what was encrypted end to end and left out, in words; empty: nothing
};

/// One converted file of a recording, as `output/result.json` tells.
struct OutputFile {
  std::string id;    ///< `<stream>` or `<stream>_<rid>`
  std::string name;  ///< in output/
  std::string profile;  ///< name of the OutputProfile that it was made for; empty: not known
  std::string format;  ///< its extension: "webm"
  std::int64_t duration_ms = 0;
  std::uint64_t bytes = 0;
  std::string thumbnail, sprites, report;  ///< names in output/; empty: none
  std::vector<ConvertedChapter> chapters;
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
  UtcTime recorded_at{};  ///< when it began, by recording.json, else by its tracks, else by the disk
  bool sealed = false;  ///< and this server has no identity that opens it: its manifest is empty
};

/// The recordings in a base folder. Keeps nothing in memory but the path; reads the disk at each call.
/// Thread-safe.
class Library {
 public:
  explicit Library(std::filesystem::path base_dir, const Identities& identities = {})
      : base_dir_(std::move(base_dir)), files_(sealed::reading_files(identities)) {}

  [[nodiscard]] const std::filesystem::path& base_dir() const { return base_dir_; }
  /// `changed` is told of each recording that a member has altered. Before other threads use this.
  void on_change(std::function<void(const std::string& id)> changed) { changed_ = std::move(changed); }
  /// Newest first.
  [[nodiscard]] std::vector<std::string> ids() const;
  /// The folder of `id`. Errors: not_found; any id that is not the plain name of a recording's folder is one.
  [[nodiscard]] Result<std::filesystem::path> folder(const std::string& id) const;
  /// A file of a recording, by name: in its output/ first, then in the folder. Errors: not_found.
  [[nodiscard]] Result<std::filesystem::path> file(const std::string& id, const std::string& name) const;
  [[nodiscard]] Result<RecordingEntry> entry(const std::string& id) const;
  [[nodiscard]] Result<void> set_conversion(const std::string& id, const StepState& state) const;
  [[nodiscard]] Result<void> set_upload(const std::string& id, const StepState& state) const;
  /// What is known of its clock at one of its ends.
  [[nodiscard]] Result<void> set_clock(const std::string& id, std::optional<ClockOffset> RecordingClock::* when,
                                       const ClockOffset& offset) const;
  /// Names, labels and metadata. Errors: not_found, and those of change_description().
  [[nodiscard]] Result<void> describe(const std::string& id,
                                      const std::function<void(Description&)>& change) const;
  /// Deletes the folder: first renamed out of sight, then removed.
  [[nodiscard]] Result<void> remove(const std::string& id) const;
  /// Finishes deletions that an earlier process began.
  void sweep() const;

 private:
  [[nodiscard]] Result<void> set(const std::string& id, std::string RecordingInfo::*step,
                                 const StepState& state) const;

  std::filesystem::path base_dir_;
  std::function<void(const std::string& id)> changed_ = [](const std::string&) {};
  std::shared_ptr<FileSystem> files_;  // opens sealed recordings, where the server may
};

}  // namespace rtpx::server
