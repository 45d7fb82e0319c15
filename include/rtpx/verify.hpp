#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "rtpx/manifest.hpp"
#include "rtpx/result.hpp"
#include "rtpx/sealed.hpp"

namespace rtpx {

/// What is known of a stretch of a record file.
enum class Proof : std::uint8_t {
  proven,    ///< its checksum agrees
  unproven,  ///< no checksum speaks of it: upstream's recordings, a torn tail, a damaged index
  damaged,   ///< its checksum disagrees, or it is missing, or (where there are no checksums) it is no record
};
[[nodiscard]] const char* to_string(Proof proof) noexcept;

/// Neighbouring blocks of one file with the same proof.
struct VerifiedRange {
  Proof proof = Proof::proven;
  std::uint64_t offset = 0,
                length = 0;  ///< in the file, also of blocks that were moved; 0: bytes are missing
  std::optional<std::int64_t> receive_time_ms;  ///< about where it begins, on the recording's monotonic clock
  std::optional<UtcTime> utc;  ///< the same on the wall clock, where the manifest has the anchor
  bool tail = false;   ///< unproven to the end of a file whose track was not ended: what a crash leaves
  std::string reason;  ///< for a person; empty for proven ones
};

/// One .rtpx or .rtcpx file.
struct VerifiedFile {
  std::string track_id;
  std::filesystem::path file;
  bool rtcp = false;
  std::uint64_t bytes = 0;  ///< that it has now
  std::uint64_t proven_bytes = 0, unproven_bytes = 0, damaged_bytes = 0;
  static constexpr std::size_t kMostRanges = 1000;
  std::vector<VerifiedRange> ranges;  ///< the first kMostRanges, by offset, covering the file as far as they
                                      ///< reach; what is missing at its end lies behind its end
  std::uint64_t further_ranges = 0;   ///< that are not in `ranges`; the sums of bytes count them too
  bool flawed = false;  ///< some range, listed or not, is damaged, or unproven and no tail
};

struct VerifyReport {
  /// The recording is sealed and was not opened: offsets are those of its files on disk, and what is proven is that
  /// blocks are there, whole and in order, and not what they hold.
  bool sealed = false;
  std::vector<VerifiedFile> files;
  std::vector<std::string>
      notes;  ///< for a person: tails of tracks that were not ended, a recording without index
  std::vector<std::string>
      problems;  ///< other damage: manifest or index that cannot be read, files not there

  /// 0 when all is proven, or when only tails of tracks that were not ended are unproven; else 1.
  [[nodiscard]] int exit_code() const noexcept;
};

struct VerifyOptions {
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;  ///< bytes; on the calling thread
  std::stop_token stop;
  /// Open a sealed recording. Without them its blocks are proven to be there, whole and in order, against accidents;
  /// with them against everybody who does not hold them, and their content too.
  Identities identities;
  bool allow_outside = false;  ///< read what the manifest names outside of the folder, and through links
};

/// Reads a whole recording (its folder, or its manifest.json) and compares it with the checksums of its
/// index; one that is sealed, without an identity, with the checksums of its blocks. Changes nothing. A damaged manifest or index is a finding, not an error. Errors: not_found when
/// there is no recording; io; unsupported for newer versions, and where identities were given and none opens it;
/// cancelled.
[[nodiscard]] Result<VerifyReport> verify(const std::filesystem::path& recording,
                                          const VerifyOptions& options = {});

}  // namespace rtpx
