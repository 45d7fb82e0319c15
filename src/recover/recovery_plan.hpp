#pragma once

#include <vector>

#include "recover/record_rescue.hpp"
#include "rtpx/recover.hpp"
#include "storage/recording_layout.hpp"

namespace rtpx {

/// What was read of one file, with where it goes.
struct Rescue {
  LayoutFile source;
  RescuedFile found;
  bool ended = false;
};

/// What recover() is going to do: everything is read and decided, nothing is changed.
struct RecoveryPlan {
  RecordingLayout layout;  ///< `rescues` point into it
  Manifest manifest;       ///< as it will be written
  std::vector<Rescue> rescues;
  bool ours = false;     ///< the recording is rtpx's, not upstream's
  RecoverReport report;  ///< with the notes and tracks so far
};

/// Reads through `source`. Errors: those of read_layout() and of reading the files; cancelled.
[[nodiscard]] Result<RecoveryPlan> plan_recovery(const std::filesystem::path& recording,
                                                 const RecoverOptions& options,
                                                 std::shared_ptr<FileSystem> source);

}  // namespace rtpx
