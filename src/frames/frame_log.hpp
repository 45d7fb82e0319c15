#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "frames/frame_source.hpp"
#include "rtpx/inspect.hpp"

namespace rtpx {

/// What became of the frames of one layer while they were read: the part of a TrackReport that the scan does
/// not know. Bounded: lists stop at 10,000 entries, counts go on.
class FrameLog {
 public:
  void wrote(const PlacedFrame& frame);
  void dropped(double time_ms, const char* reason, const char* detail);
  void damaged(double time_ms, const char* detail);
  void changed(double time_ms, const char* what, std::string from, std::string to);
  /// What became of a frame that may have been encrypted end to end: its state in `what`, its time alone.
  void encryption(double time_ms, ReportEncryption what);
  /// Only a clean frame ends a freeze; `lost` says that something was missing before
  /// `frame`.
  void picture(const PlacedFrame& frame, bool lost);

  /// Copies what was logged into the report.
  void report(TrackReport& report) const;
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] bool lost_media() const noexcept { return incomplete_ > 0; }

 private:
  [[nodiscard]] std::optional<ReportGap> freeze_until(double time_ms) const;

  std::uint64_t frames_ = 0, keyframes_ = 0, filled_ = 0;
  std::uint64_t dropped_count_ = 0, damaged_count_ = 0, incomplete_ = 0;
  std::vector<ReportFrame> dropped_, damaged_;
  std::vector<ReportGap> freezes_;
  std::vector<ReportChange> changes_;
  std::vector<ReportEncryption> encryption_;
  bool encrypted_ = false;  // a frame was
  std::optional<StreamConfig> first_config_;
  std::optional<double> last_clean_ms_;
  double last_ms_ = 0;  // of the last picture, clean or not
  bool loss_since_clean_ = false;
};

}  // namespace rtpx
