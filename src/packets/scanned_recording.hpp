#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stop_token>
#include <vector>

#include "base/recent_files.hpp"
#include "packets/placed_layer.hpp"
#include "packets/recording.hpp"
#include "packets/rtcp_log.hpp"
#include "packets/spill_file.hpp"
#include "packets/track_scan.hpp"

namespace rtpx {

/// A recording after the scan: what each track holds, and where each layer's media lie in time.
struct ScannedRecording {
  std::vector<TrackScan> tracks;
  std::vector<PlacedLayer> layers;  ///< of `tracks`, in their order; only those with media
  double zero_receive_ms = 0;       ///< receive time at the timeline's zero
  std::optional<UtcTime>
      started;                   ///< wall-clock time at the timeline's zero, where a track has a clock anchor
  std::vector<Pause> cuts;       ///< pauses that take no time on the timeline, each with its end
  std::int64_t duration_ns = 0;  ///< from the timeline's zero to the last media
  /// What others have kept in the packet index, for themselves; empty: nothing, or there is none.
  struct Kept {
    std::vector<std::byte> outlined;  ///< reader/
    std::vector<std::byte> played;    ///< play/
    /// base/archive.hpp
    template <class Archive>
    void archive(Archive& with) {
      with(outlined, played);
    }
  };
  Kept kept;
};

/// Scans all tracks of a recording and places them on one timeline, or reads what its packet index
/// (packets/packet_index.hpp) has kept of that. `progress` is told 0..1.
/// Errors: cancelled; io and no_space of the spill file.
[[nodiscard]] Result<ScannedRecording> scan_recording(const Recording& recording, SpillFile& spill,
                                                      const std::stop_token& stop,
                                                      const std::function<void(double)>& progress);

/// A recording that is under way, scanned on with each look: what a look reads grows with what was written since the
/// last one. One thread; what it answers is for any.
class GrowingScan {
 public:
  explicit GrowingScan(std::filesystem::path spill_folder)
      : spill_(std::make_shared<SpillFile>(std::move(spill_folder))) {}

  /// As scan_recording(), without what is still pending. nullopt: this recording has to be scanned anew each time, since
  /// a track takes more than one pass, or its files are not what they were. Errors: as scan_recording().
  [[nodiscard]] Result<std::optional<ScannedRecording>> look(const Recording& recording, const std::stop_token& stop);
  /// Of all answers.
  [[nodiscard]] const std::shared_ptr<SpillFile>& spill() const noexcept { return spill_; }

  static constexpr std::size_t kMostRecentBytes = 5U << 19;
  /// What was read of the ends of its files serves the next looks, and whoever reads what they have found.
  void share_recent_bytes(Recording& recording) const;

 private:
  std::shared_ptr<SpillFile> spill_;
  std::shared_ptr<RecentBytes> recent_ = std::make_shared<RecentBytes>(kMostRecentBytes);
  std::optional<RtcpLogs> rtcp_;
  std::map<std::string, GrowingTrack> tracks_;
  bool given_up_ = false;
};

/// Where a moment of the record files' clock lies on the timeline; one within a cut, where that is.
[[nodiscard]] std::int64_t timeline_ns(const ScannedRecording& scanned, std::int64_t receive_ms);

/// Where the last media of a layer lie.
[[nodiscard]] std::int64_t end_of(const PlacedLayer& layer);
[[nodiscard]] std::int64_t start_of(const PlacedLayer& layer);

}  // namespace rtpx
