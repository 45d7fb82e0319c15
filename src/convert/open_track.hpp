#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "convert/output_writer.hpp"
#include "convert/plan.hpp"
#include "frames/fill_budget.hpp"
#include "frames/frame_log.hpp"
#include "frames/transcoded_audio.hpp"
#include "packets/spill_file.hpp"

namespace rtpx {

/// A planned track with its sources open, ready to be written.
class OpenTrack {
 public:
  /// `planned` and `spill` must outlive the object.
  [[nodiscard]] static Result<std::unique_ptr<OpenTrack>> open(const PlannedTrack& planned,
                                                               const SpillFile& spill,
                                                               const ConvertOptions& options);

  /// Whether it has any frame to write. Errors: io.
  [[nodiscard]] Result<bool> has_frames();
  [[nodiscard]] WriterInput input() const;
  [[nodiscard]] MediaKind kind() const noexcept;
  [[nodiscard]] const PlannedTrack& planned() const noexcept { return planned_; }

  /// One report for each layer. Complete once the source has been read to its end.
  [[nodiscard]] std::vector<TrackReport> reports() const;
  /// Codecs that no depacketizer knows, in words.
  [[nodiscard]] std::vector<std::string> unsupported() const;
  /// What was not filled because the sender's clock is not to be believed, in words.
  [[nodiscard]] std::optional<std::string> left_unfilled() const;

 private:
  explicit OpenTrack(const PlannedTrack& planned) : planned_(planned) {}

  [[nodiscard]] PictureSize largest_picture() const;

  const PlannedTrack& planned_;
  bool declares_largest_ = false;
  bool sets_in_band_ = false;  // H.264, H.265: in every keyframe, as they change in the file
  std::vector<std::unique_ptr<FrameLog>> logs_;  // one for each layer
  std::vector<const LayerFrames*> layers_;       // inside source_
  FillBudget budget_{0};
  std::unique_ptr<FrameSource> source_;
  const TranscodedAudio* transcoded_ = nullptr;  // source_, where audio is encoded anew
};

}  // namespace rtpx
