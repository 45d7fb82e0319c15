#pragma once

#include <functional>
#include <map>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "packets/codec_choice.hpp"
#include "packets/layer_scan.hpp"
#include "packets/made_times.hpp"
#include "packets/recording.hpp"
#include "packets/rtx_media.hpp"
#include "packets/source_routes.hpp"
#include "storage/record_files.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

/// What one pass over a track's records found.
struct TrackScan {
  TrackFiles files;
  CodecChoice codecs;
  std::unique_ptr<PayloadTypes> types;
  SourceRoutes routes;              ///< sources that were recorded under another rid than theirs
  RtxMedia rtx_media;               ///< retransmissions that stand for media of which nothing came
  std::map<std::uint8_t, MadeTimes> made_times;  ///< of layers whose own RTP times are none, by rid index
  std::vector<Codec> found_codecs;  ///< recognised, of payload types that the manifest does not name
  std::map<std::uint8_t, std::unique_ptr<LayerScan>> layers;  ///< by rid index, those with packets
  std::map<std::uint8_t, std::string> rid_names;              ///< of the manifest; no simulcast: absent
  std::string refused;     ///< why nothing of the track can be converted; empty: it can
  std::string read_error;  ///< the file could not be read to its end
  std::string rtcp_error;  ///< its RTCP could not be read to its end
  std::uint64_t damaged_bytes = 0, torn_bytes = 0;
  std::vector<DamagedRange> damage;  ///< what was passed over, by offset
  std::uint64_t records = 0;         ///< that were read
  std::uint64_t not_rtp = 0;
  std::uint64_t unknown_rid_packets = 0;  ///< of rid indexes that the manifest does not name; they are kept
  std::uint64_t file_bytes = 0;
  /// Of a track that is being recorded: the same for looks that go on from each other, so that the records of one are the
  /// first ones of a later one. Else null.
  std::shared_ptr<const void> lineage;
};

/// As that of storage/record_files.hpp; 0 also where the files could not be read to their end, which is told.
[[nodiscard]] std::uint64_t missing_packets(const TrackScan& track);

/// `progress` is told the bytes read so far, now and then.
struct ScanControl {
  std::stop_token stop;
  std::function<void(std::uint64_t bytes)> progress;
};

/// Scans a track. What is wrong with it stands in the answer. Errors: cancelled; io and no_space of the spill
/// file.
[[nodiscard]] Result<TrackScan> scan_track(TrackFiles files, const RtcpLog& rtcp, SpillFile& spill,
                                           const ScanControl& control);

/// A track that is being recorded, scanned on with each look. One thread.
class GrowingTrack {
 public:
  GrowingTrack();
  GrowingTrack(GrowingTrack&&) noexcept;
  ~GrowingTrack();

  /// What scan_track() would find of the track as it is now, without what is still pending; reads what was written since
  /// the last look. `rtcp` and `spill` are the same ones each time. nullopt: the track takes more than one pass.
  /// Errors: as scan_track().
  [[nodiscard]] Result<std::optional<TrackScan>> look(TrackFiles files, const RtcpLog& rtcp, SpillFile& spill,
                                                      const ScanControl& control);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// A layer's rid; nullopt without simulcast. An index that the manifest does not name answers "#<index>".
[[nodiscard]] std::optional<std::string> rid_of(const TrackScan& track, std::uint8_t rid_index);

}  // namespace rtpx
