#pragma once

#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "packets/scanned_recording.hpp"
#include "reader/track_frames.hpp"

namespace rtpx {

/// A recording that is kept open: scanned and placed in time once, read any number of times, by any number of
/// threads. What was written later is not seen: open it again for that.
class OpenedRecording : public std::enable_shared_from_this<OpenedRecording> {
 public:
  struct Options {
    std::filesystem::path download_path;  ///< where files of remote recordings go
    Downloader* downloader = nullptr;
    Identities identities;  ///< open a sealed recording that is given by name
    /// Takes a file without a name, of packets that were given back. Empty: the system's for temporary files.
    std::filesystem::path spill_folder;
    WriteBudget* budget = nullptr;  ///< pays for it, and outlives the recording; nullptr: nobody
    std::stop_token stop;
    std::function<void(double fraction)> progress;  ///< told 0..1 while it is scanned
    /// The same recording as it was opened before, while it was still being written: times up to `settled_ns`
    /// stay as they are there.
    std::shared_ptr<const OpenedRecording> before;
    std::int64_t settled_ns = 0;
    /// Of a recording that is being written: the same one each time, so that only what was written since is read.
    /// `spill_folder` and `budget` are its.
    GrowingScan* growing = nullptr;
  };
  /// `recording`: a folder, a manifest, or with a downloader an s3:// URL. A track that cannot be read is
  /// there, without layers, and says why. Errors: those of find_recording() and scan_recording().
  [[nodiscard]] static Result<std::shared_ptr<const OpenedRecording>> open(const std::string& recording,
                                                                           const Options& options);
  [[nodiscard]] static Result<std::shared_ptr<const OpenedRecording>> open(Recording recording,
                                                                           const Options& options);

  struct Layer {
    const PlacedLayer* placed = nullptr;
    std::optional<std::string> rid;  ///< nullopt: no simulcast
    const Codec* codec = nullptr;    ///< of its first media; nullptr: not known
    int width = 0, height = 0;       ///< of its largest picture, as far as its headers tell; 0: unknown
    std::int64_t start_ns = 0, end_ns = 0;  ///< of its media, on the recording's timeline
  };
  struct Track {
    std::string id;
    MediaKind kind = MediaKind::video;
    std::vector<std::string> streams;
    std::vector<Layer> layers;  ///< those with media, by rid index
    const TrackScan* scan = nullptr;
    std::string refused;  ///< why nothing of it can be read; empty: it can
  };
  [[nodiscard]] const std::vector<Track>& tracks() const noexcept { return tracks_; }
  /// Index of the track with this id.
  [[nodiscard]] std::optional<std::size_t> find_track(const std::string& id) const;

  /// From the timeline's zero to the last media.
  [[nodiscard]] std::int64_t duration_ns() const noexcept { return scanned_.duration_ns; }
  /// Wall-clock time at the timeline's zero, where it is known.
  [[nodiscard]] std::optional<UtcTime> started() const noexcept { return scanned_.started; }
  [[nodiscard]] const Recording& recording() const noexcept { return recording_; }
  [[nodiscard]] const ScannedRecording& scanned() const noexcept { return scanned_; }
  [[nodiscard]] const SpillFile& spill() const noexcept { return *spill_; }

  /// For the packet index: where the frames of each layer lie, so that a seek needs not read up to there. Reads all frames
  /// several times. Errors: as for open_source().
  [[nodiscard]] Result<std::vector<std::byte>> outlined() const;

  /// All simulcast layers of a track as one: the best at each moment.
  static constexpr std::size_t kBestLayer = static_cast<std::size_t>(-1);
  /// The frames of one layer (index into Track::layers), or of the best at each moment. The source keeps the
  /// recording open; it is for one thread at a time. Errors: invalid_argument (no such track or layer), io.
  [[nodiscard]] Result<std::unique_ptr<TrackFrames>> open_source(std::size_t track,
                                                                 std::size_t layer = kBestLayer,
                                                                 const TrackFrameOptions& options = {}) const;
  /// The frames of these layers of one track, with what their seek() goes by; they live as long as the
  /// recording.
  [[nodiscard]] Result<std::unique_ptr<TrackFrames>> open_layers(
      const std::vector<const PlacedLayer*>& layers, const TrackFrameOptions& options) const;
  /// Where the layer's keyframes lie, up to a time. The first call for a time reads the layer until there;
  /// later ones know. Errors: as for open_source().
  [[nodiscard]] Result<std::vector<Keyframe>> keyframes(std::size_t track, std::size_t layer,
                                                        std::int64_t until_ns = INT64_MAX,
                                                        const TrackFrameOptions& options = {}) const;

 private:
  OpenedRecording(Recording recording, std::filesystem::path spill_folder, WriteBudget* budget)
      : recording_(std::move(recording)), spill_(std::make_shared<SpillFile>(std::move(spill_folder), budget)) {}

  [[nodiscard]] Result<void> scan(const Options& options);
  void describe_tracks();
  void go_on_from(const OpenedRecording& before, std::int64_t settled_ns);
  void know_outlines();
  [[nodiscard]] std::shared_ptr<LayerOutline> outline(const PlacedLayer& layer,
                                                      const LayerFrameOptions& options) const;
  [[nodiscard]] std::shared_ptr<SwitchOutline> outline_of_best(const std::vector<const PlacedLayer*>& layers,
                                                               const LayerFrameOptions& options) const;
  [[nodiscard]] Result<std::vector<const PlacedLayer*>> layers_of(std::size_t track, std::size_t layer) const;

  Recording recording_;
  std::shared_ptr<SpillFile> spill_;
  ScannedRecording scanned_;
  bool goes_on_ = false;  // a later one will go on from this one
  std::vector<Track> tracks_;
  struct Outlined {
    const PlacedLayer* layer = nullptr;
    LayerFrameOptions options;
    std::shared_ptr<LayerOutline> outline;
  };
  mutable std::mutex mutex_;
  mutable std::vector<Outlined> outlines_;  // a few options for each layer
  struct OutlinedBest {
    std::vector<const PlacedLayer*> layers;
    LayerFrameOptions options;
    std::shared_ptr<SwitchOutline> outline;
  };
  mutable std::vector<OutlinedBest> best_outlines_;
};

}  // namespace rtpx
