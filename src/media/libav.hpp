#pragma once

#include <memory>
#include <string>

#include "media/libav_functions.hpp"
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

/// A decoder that is ready. Pictures of over 64 megapixels are refused by it. AV1 is decoded without frame
/// delay: with it, dav1d loses intact pictures behind one that is damaged.
/// Errors: unsupported, malformed.
[[nodiscard]] Result<Codec> open_decoder(const AVCodecParameters& parameters, int threads);

/// Gives the decoder a packet (nullptr: the end) and hands each picture or sound that comes of it to `take`,
/// in `frame`. What does not decode is passed over, and what is behind it is not lost with it.
template <typename Take>
Result<void> decode(AVCodecContext& decoder, const AVPacket* packet, AVFrame& frame, Take&& take) {
  constexpr int kMostErrors = 64;  // a decoder that never comes to an end is left
  int errors = 0;
  const auto receive = [&]() -> Result<void> {
    for (;;) {
      const int got = avcodec_receive_frame(&decoder, &frame);
      if (got == AVERROR(EAGAIN) || got == AVERROR_EOF || (got < 0 && ++errors > kMostErrors)) return {};
      if (got < 0) continue;
      if (auto taken = take(); !taken) return taken;
    }
  };
  for (int sent = AVERROR(EAGAIN); sent == AVERROR(EAGAIN) && errors <= kMostErrors; ++errors) {
    sent = avcodec_send_packet(&decoder, packet);
    if (auto received = receive(); !received) return received;
  }
  return {};
}

}  // namespace rtpx::libav
