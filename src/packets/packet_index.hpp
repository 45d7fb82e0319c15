#pragma once

#include <chrono>
#include <filesystem>
#include <optional>
#include <string>

#include "packets/recording.hpp"
#include "packets/scanned_recording.hpp"
#include "packets/spill_file.hpp"

namespace rtpx {

// The packet index: what the scan of a recording found, kept beside it so that it opens without being read
// (docs/packet-index.md). It is a cache: one that is not exactly what this user's rtpx wrote, of exactly these files as
// they are, does not exist.

inline constexpr const char* kPacketIndexName = "packets.rtpxp";

/// What the index of a recording speaks of: its files, as they are, and whatever else the scan goes by.
struct IndexedState {
  std::string text;
  std::chrono::nanoseconds changed{};  ///< on the wall clock: the last time that one of the files did
  bool coarse = false;                 ///< the disk notes times of change in seconds
  bool operator==(const IndexedState&) const = default;
};
/// nullopt: a file cannot be looked at, or one on this machine is sealed.
[[nodiscard]] std::optional<IndexedState> indexed_state(const Recording& recording);
/// For how long yet a change could go unnoticed, since the disk would note it at the same time.
[[nodiscard]] std::chrono::nanoseconds unsettled_for(const IndexedState& state);

/// The scan of `recording` as its index has it; what repair gave back goes into `spill`. nullopt: there is no index that
/// speaks of the recording as it is.
[[nodiscard]] std::optional<ScannedRecording> read_packet_index(const Recording& recording, SpillFile& spill);

/// Writes it, whole or not at all. `state` is what the recording was before the scan. `kept` becomes
/// ScannedRecording::kept.
/// Errors: unsupported, where a part of the recording could not be read, or it has changed since; those of
/// make_index_key() and write_file_atomically().
[[nodiscard]] Result<void> write_packet_index(const Recording& recording, const IndexedState& state,
                                              const ScannedRecording& scanned,
                                              const ScannedRecording::Kept& kept, const SpillFile& spill);

}  // namespace rtpx
