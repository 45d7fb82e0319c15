#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/file_system.hpp"
#include "base/folder_lock.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Disk space that a recorder holds back for the manifest and the end of the index; no part of the recording.
inline constexpr const char* kReserveFileName = ".reserve";

inline constexpr const char* kLockFileName = ".rtpx-lock";  ///< FolderLock's

/// The right to write a recording's folder. It is given up with the object, or with the process, however that
/// ends; a file that a crash left behind holds nothing.
class RecordingLock {
 public:
  /// `owner`: "a recorder", "rtpx recover". Errors: already_exists, naming the owner, its host and process,
  /// and since when; unsupported on another disk than the operating system's; those of FolderLock::take().
  [[nodiscard]] static Result<RecordingLock> take(FileSystem& files, const std::filesystem::path& folder,
                                                  const std::string& owner);
  /// Removes its file and gives the lock up.
  void release();

 private:
  RecordingLock(FolderLock lock, std::filesystem::path folder)
      : lock_(std::move(lock)), folder_(std::move(folder)) {}

  std::optional<FolderLock> lock_;
  std::filesystem::path folder_;
};

/// Who writes the recording in `folder` now, as "a recorder on studio since … (process 1234)"; nullopt:
/// nobody, as far as can be told.
[[nodiscard]] inline std::optional<std::string> recording_owner(const std::filesystem::path& folder) {
  return folder_owner(folder.empty() ? "." : folder);
}

}  // namespace rtpx
