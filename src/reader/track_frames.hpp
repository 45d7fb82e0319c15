#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "frames/fill_budget.hpp"
#include "frames/frame_log.hpp"
#include "frames/layer_facts.hpp"
#include "frames/layer_outline.hpp"
#include "frames/switch_outline.hpp"
#include "frames/transcoded_audio.hpp"
#include "packets/spill_file.hpp"
#include "report/track_report.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// How the frames of a track are made of its packets.
struct TrackFrameOptions {
  std::optional<int> max_spatial_layer, max_temporal_layer;
  Incomplete incomplete = Incomplete::keep;
  GapPolicy gaps = GapPolicy::automatic;
  AudioCodec audio = AudioCodec::copy;
  bool opus_fec = false;
  /// H.264, H.265: where the parameter sets change, every keyframe carries them in band.
  bool sets_in_band = true;
  std::shared_ptr<const E2eeKeys> e2ee_keys;  ///< null: what was encrypted end to end is left out
};
[[nodiscard]] TrackFrameOptions track_frame_options(const ConvertOptions& options);

/// The frames of a track, as they are written to files: of one layer, or of several the best at each moment;
/// gaps filled, sound encoded anew, as asked for.
class TrackFrames final : public FrameSource {
 public:
  /// What seek() goes by, shared by all who read the same; any may be missing.
  struct Outlines {
    std::vector<std::shared_ptr<LayerOutline>> layers;  ///< one for each layer
    std::shared_ptr<SwitchOutline> best;                ///< of several layers
  };
  /// `layers`, of one track, and `spill` must outlive the object.
  [[nodiscard]] static Result<std::unique_ptr<TrackFrames>> open(std::vector<const PlacedLayer*> layers,
                                                                 const SpillFile& spill,
                                                                 const TrackFrameOptions& options,
                                                                 Outlines outlines);

  [[nodiscard]] Result<const PlacedFrame*> peek() override { return source_->peek(); }
  void pop() override { source_->pop(); }
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override { return source_->seek(time_ns); }

  /// Goes to a place before what is shown at `time_ns`, not far: pictures go on from there, keyframe or not. Errors: as
  /// seek().
  [[nodiscard]] Result<void> go_near(std::int64_t time_ns);

  /// Whether it has any frame. Errors: io.
  [[nodiscard]] Result<bool> has_frames();
  [[nodiscard]] MediaKind kind() const noexcept;
  [[nodiscard]] std::int64_t end_ns() const;           ///< where its media end, about
  [[nodiscard]] std::uint64_t keyframe_bound() const;  ///< no more keyframes than this
  [[nodiscard]] PictureSize largest_picture() const;
  /// H.264, H.265: parameter sets change, and are in band.
  [[nodiscard]] bool sets_in_band() const noexcept { return sets_in_band_; }

  /// One report for each layer. Complete once the source has been read to its end.
  [[nodiscard]] std::vector<TrackReport> reports() const;
  /// What a person should know of it: losses, codecs that no depacketizer knows, what could be read when the recording
  /// was scanned and then no more, what was not filled. Complete once the source has been read to its end.
  [[nodiscard]] std::vector<ConvertNote> notes() const;

 private:
  friend class OpenedRecording;
  explicit TrackFrames(std::vector<const PlacedLayer*> layers) : placed_(std::move(layers)) {}

  [[nodiscard]] std::optional<std::string> left_unfilled() const;

  void keep(std::shared_ptr<const void> recording) { recording_ = std::move(recording); }

  std::shared_ptr<const void> recording_;  // outlives all that follows
  const std::vector<const PlacedLayer*> placed_;
  bool sets_in_band_ = false;
  LayerFacts hidden_;  // what the scan could not see, of all layers that were encrypted
  std::vector<std::unique_ptr<FrameLog>> logs_;  // one for each layer
  std::vector<LayerFrames*> layers_;             // inside source_
  FillBudget budget_{0};
  std::unique_ptr<FrameSource> source_;
  const TranscodedAudio* transcoded_ = nullptr;  // source_, where audio is encoded anew
};

/// What the frames of one layer are made by, where a track is opened with these options.
[[nodiscard]] LayerFrameOptions layer_frame_options(const std::vector<const PlacedLayer*>& layers,
                                                    const TrackFrameOptions& options);

}  // namespace rtpx
