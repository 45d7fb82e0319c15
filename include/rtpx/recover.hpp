#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"

namespace rtpx {

struct RecoverOptions {
  /// Where to write a repaired copy (new or empty); the recording itself is then not touched. Empty: in
  /// place, and each file that is changed is first kept beside it as NAME.damaged; of one that only ends in an unfinished
  /// record these bytes are, as NAME.torn.
  std::filesystem::path output;
  std::stop_token stop;
  Identities identities;  ///< open a sealed recording; what is written is sealed for the same recipients
  /// Read what the manifest names outside of the folder, and through links. Nothing outside is ever changed.
  bool allow_outside = false;
};

/// What was done for one .rtpx or .rtcpx file.
struct RecoveredFile {
  std::string track_id;
  std::filesystem::path file;  ///< as it is now
  bool rtcp = false;
  bool changed = false;       ///< stretches were cut out
  std::uint64_t records = 0;  ///< that it holds now
  std::uint64_t bytes_before = 0, bytes = 0;
  struct Cut {
    std::uint64_t offset = 0, length = 0;         ///< in the file as it was
    bool tail = false;                            ///< a torn write rather than damage
    std::optional<std::int64_t> receive_time_ms;  ///< of the record before it
  };
  std::vector<Cut> cuts;
  std::uint64_t suspect_records =
      0;  ///< kept although their checksum disagrees: any of them may hold wrong bytes
};

struct RecoverReport {
  std::filesystem::path folder;  ///< of the recovered recording
  std::vector<RecoveredFile> files;
  std::uint64_t missing_packets = 0;        ///< that the manifest counts and the files do not hold, whole
  std::vector<std::string> rebuilt_tracks;  ///< ids whose manifest entry was made from the files
  std::vector<std::string> ended_tracks;    ///< ids that had not been ended
  std::vector<std::filesystem::path> kept;  ///< NAME.damaged and NAME.torn of files that were changed
  std::vector<std::string> notes;           ///< for a person: all that was found and done, in order
  std::filesystem::path report;  ///< recovery.json, the same for programs; empty when nothing was wrong
  /// False: the recording was whole, nothing was written (in place).
  [[nodiscard]] bool changed() const noexcept { return !report.empty(); }
};

/// Makes a whole recording of what a crash or damage left: cuts torn tails and damaged stretches out of the
/// record files, rebuilds a missing or broken manifest from the files (track ids from index and file names,
/// codecs recognised by their payload), ends what was not ended (end_reason "recovered"). Works on upstream's
/// recordings too. Running it again changes nothing. A recording that is being written is refused.
/// `recording` is a folder, or the manifest.json in it.
/// Errors: not_found, already_exists (output), io, no_space, unsupported (newer version), cancelled;
/// already_exists too while a recorder, or another recovery, writes the recording: the message says which
/// process, and since when.
[[nodiscard]] Result<RecoverReport> recover(const std::filesystem::path& recording,
                                            const RecoverOptions& options = {});

/// The manifest that recover() would write, as far as it is needed for reading: made from the files when
/// manifest.json is missing or broken. Reads all record files, writes nothing.
/// Errors: as recover().
[[nodiscard]] Result<Manifest> rebuild_manifest(const std::filesystem::path& recording,
                                                std::stop_token stop = {}, const Identities& identities = {});

}  // namespace rtpx
