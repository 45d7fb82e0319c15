#pragma once

extern "C" {
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libswresample/swresample.h>
#include <libswscale/swscale.h>
}

#include <memory>
#include <string>

#include "rtpx/result.hpp"

/// FFmpeg's objects with owners, and its errors as ours.
namespace rtpx::libav {

struct Free {
  void operator()(AVCodecContext* p) const noexcept { avcodec_free_context(&p); }
  void operator()(AVFormatContext* p) const noexcept { avformat_close_input(&p); }
  void operator()(AVFrame* p) const noexcept { av_frame_free(&p); }
  void operator()(AVPacket* p) const noexcept { av_packet_free(&p); }
  void operator()(SwsContext* p) const noexcept { sws_freeContext(p); }
  void operator()(SwrContext* p) const noexcept { swr_free(&p); }
};
using Codec = std::unique_ptr<AVCodecContext, Free>;
using Input = std::unique_ptr<AVFormatContext, Free>;
using Frame = std::unique_ptr<AVFrame, Free>;
using Packet = std::unique_ptr<AVPacket, Free>;
using Scaler = std::unique_ptr<SwsContext, Free>;
using Resampler = std::unique_ptr<SwrContext, Free>;

inline constexpr AVRational kNanoseconds{1, 1'000'000'000};

/// "cannot <doing>: <FFmpeg's text for code>".
[[nodiscard]] Error error(const std::string& doing, int code);
/// Throws std::bad_alloc when memory is out.
[[nodiscard]] Frame make_frame();
[[nodiscard]] Packet make_packet();
/// A picture with memory of its own. Errors: malformed (a size that cannot be).
[[nodiscard]] Result<Frame> make_picture(AVPixelFormat format, int width, int height);

/// A decoder that is ready. Pictures of over 64 megapixels are refused by it.
/// Errors: unsupported, malformed.
[[nodiscard]] Result<Codec> open_decoder(const AVCodecParameters& parameters, int threads);

}  // namespace rtpx::libav
