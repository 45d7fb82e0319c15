#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.hpp"
#include "codec/depacketizer.hpp"
#include "media/libav.hpp"

namespace rtpx {

/// A decoder of the pictures that a depacketizer gives, their times in nanoseconds. Errors: unsupported (no such
/// decoder here), malformed.
[[nodiscard]] Result<libav::Codec> open_picture_decoder(const std::string& mime_type, const StreamConfig& config,
                                                        int threads);

/// Decodes pictures as depacketizers give them, one by one, in decoding order.
class PictureDecoder {
 public:
  /// `picture` lives during the call.
  using Sink = std::function<Result<void>(AVFrame& picture, std::int64_t time_ns)>;

  /// Errors: unsupported (no such decoder here).
  [[nodiscard]] static Result<std::unique_ptr<PictureDecoder>> open(const std::string& mime_type,
                                                                    const StreamConfig& config, int threads = 1);

  /// Hands on the pictures that come of it. What does not decode is passed over. Errors: those of `sink`.
  Result<void> push(Bytes data, std::int64_t time_ns, bool keyframe, const Sink& sink);
  /// Nothing more comes before the next keyframe: the pictures that are held back come out.
  Result<void> finish(const Sink& sink);

 private:
  Result<void> decode(const AVPacket* packet, const Sink& sink);

  libav::Codec decoder_;
  libav::Packet packet_ = libav::make_packet();
  libav::Frame frame_ = libav::make_frame();
};

}  // namespace rtpx
