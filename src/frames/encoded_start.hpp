#pragma once

#include <deque>
#include <memory>
#include <vector>

#include "frames/frame_source.hpp"
#include "media/picture.hpp"
#include "media/picture_decoder.hpp"
#include "media/video_encoder.hpp"

namespace rtpx {

/// The pictures of a source from a moment on that is no keyframe's: those up to the next keyframe are encoded
/// anew, in the codec that they have; from there on all is as it was sent.
class EncodedStart final : public FrameSource {
 public:
  /// `source` must outlive the object.
  EncodedStart(FrameSource& source, std::int64_t from_ns) : source_(source), from_ns_(from_ns) {}

  /// Errors besides the source's: unsupported (a codec that cannot be decoded or encoded here).
  [[nodiscard]] Result<const PlacedFrame*> peek() override;
  void pop() override;
  /// Begins anew: from `time_ns` on.
  [[nodiscard]] Result<std::int64_t> seek(std::int64_t time_ns) override;

 private:
  struct Encoded {
    PlacedFrame frame;
    std::vector<std::byte> data;
  };
  [[nodiscard]] Result<void> begin();
  [[nodiscard]] Result<void> encode_next();
  [[nodiscard]] Result<void> take_picture(AVFrame& picture, std::int64_t time_ns);
  [[nodiscard]] Result<void> encode(const AVFrame& picture, std::int64_t time_ns);
  [[nodiscard]] Result<void> finish();
  [[nodiscard]] VideoEncoder::Sink sink();

  FrameSource& source_;
  std::int64_t from_ns_;
  bool begun_ = false;
  bool encoding_ = false;
  std::unique_ptr<PictureDecoder> decoder_;
  std::unique_ptr<VideoEncoder> encoder_;
  PictureScaler scaler_{PictureScaler::Range::video};
  libav::Frame before_;             // shown last before from_ns_
  std::deque<std::int64_t> times_;  // of what the encoder holds
  std::deque<Encoded> ready_;
  PlacedFrame like_;  // the keyframe before from_ns_, without data
  Codec codec_;
  StreamConfig config_;
};

}  // namespace rtpx
