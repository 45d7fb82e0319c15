#pragma once

#include <functional>
#include <memory>

#include "media/libav.hpp"
#include "mux/muxer.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// Bits a second of "1.5M", "800k" or "2500000". Errors: invalid_argument.
[[nodiscard]] Result<std::int64_t> parse_bitrate(const std::string& text);
/// Errors: invalid_argument, naming the option that is out of range.
[[nodiscard]] Result<void> check_options(const Reencode& options);

/// What is known of the pictures before the first.
struct PictureFormat {
  int width = 0, height = 0;
  AVRational frame_rate{25, 1};  ///< about; pictures have times of their own
  AVColorRange range = AVCOL_RANGE_UNSPECIFIED;
  AVColorSpace matrix = AVCOL_SPC_UNSPECIFIED;
};

/// Encodes pictures of one size, in the form that Muxer takes: VP8, VP9, AV1 or H.264.
class VideoEncoder {
 public:
  using Sink = std::function<Result<void>(Sample)>;  ///< sample.track is 0, its data valid during the call

  /// Errors: unsupported (no such encoder in this FFmpeg), invalid_argument.
  [[nodiscard]] static Result<std::unique_ptr<VideoEncoder>> open(const Reencode& options,
                                                                  const PictureFormat& format);

  [[nodiscard]] const StreamConfig& config() const noexcept { return config_; }
  /// One 4:2:0 picture of the format's size; its pts is set here. Times are milliseconds, made strictly
  /// increasing. `keyframe`: it is to be one; else the encoder chooses.
  Result<void> push(AVFrame& picture, std::int64_t time_ns, const Sink& sink, bool keyframe = false);
  Result<void> finish(const Sink& sink);

 private:
  Result<void> drain(const Sink& sink);

  VideoCodec codec_ = VideoCodec::vp8;
  libav::Codec encoder_;
  libav::Packet packet_ = libav::make_packet();
  StreamConfig config_;
  std::int64_t last_pts_ = INT64_MIN;
  std::vector<std::byte> converted_;
};

}  // namespace rtpx
