#pragma once

#include <filesystem>
#include <span>
#include <string>
#include <vector>

#include "ingest/drops.hpp"
#include "ingest/streams/stream_stats.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// What a person should know of how streams were received: sentences.
[[nodiscard]] std::vector<std::string> reception_notes(std::span<const TrackStats> tracks);

/// Keeps in the recording.json of a recording that has ended what was dropped on the way to it, by reason,
/// and what there is to say of its streams; reports show both. Changes nothing where there is nothing to say.
/// Does I/O. Errors: those of read_recording_info and write_recording_info.
[[nodiscard]] Result<void> note_reception(const std::filesystem::path& folder, const DropCounts& dropped,
                                          std::span<const TrackStats> tracks);

}  // namespace rtpx
