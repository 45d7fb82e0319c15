#pragma once

#include <filesystem>
#include <functional>
#include <optional>
#include <vector>

#include "rtpx/recover.hpp"
#include "storage/record_reader.hpp"
#include "storage/recording_layout.hpp"

namespace rtpx {

/// What reading one record file through told.
struct RescuedFile {
  RecoveredFile report;            ///< `file` is the source; `changed` when there are cuts
  std::vector<IndexBlock> blocks;  ///< of the rescued bytes, only where checksums had proven the source
  std::optional<std::int64_t> first_time_ms, last_time_ms;
};

/// Sees every record that is rescued, in order.
using OnRecord = std::function<void(const Record&)>;

/// Reads `file` through, damage and all. `ended`: as for verify_file(). Nothing is written.
/// Errors: io, not_found, cancelled.
[[nodiscard]] Result<RescuedFile> examine(const LayoutFile& file, bool ended, const OnRecord& on_record,
                                          std::stop_token stop);

/// Writes `from` without the stretches in `cuts` into the new file `to`, and syncs it.
/// Errors: io, no_space, cancelled; then `to` is removed.
[[nodiscard]] Result<void> copy_without(FileSystem& files, const std::filesystem::path& from,
                                        const std::vector<RecoveredFile::Cut>& cuts,
                                        const std::filesystem::path& to, std::stop_token stop);

}  // namespace rtpx
