#include "media/libav.hpp"

#include <array>
#include <new>

#include "media/libav_quiet.hpp"

namespace rtpx::libav {
namespace {

constexpr std::int64_t kMostPixels = 64LL << 20;

}  // namespace

Error error(const std::string& doing, int code) {
  std::array<char, AV_ERROR_MAX_STRING_SIZE> text{};
  av_strerror(code, text.data(), text.size());
  Errc errc = Errc::malformed;
  if (code == AVERROR(ENOENT)) errc = Errc::not_found;
  if (code == AVERROR(EACCES) || code == AVERROR(EPERM)) errc = Errc::denied;
  if (code == AVERROR(EIO)) errc = Errc::io;
  if (code == AVERROR(EMFILE) || code == AVERROR(ENFILE)) errc = Errc::too_many_files;
  if (code == AVERROR(ENOSYS) || code == AVERROR_DECODER_NOT_FOUND || code == AVERROR_ENCODER_NOT_FOUND)
    errc = Errc::unsupported;
  return {errc, "cannot " + doing + ": " + text.data()};
}

Frame make_frame() {
  Frame frame(av_frame_alloc());
  if (!frame) throw std::bad_alloc();
  return frame;
}

Packet make_packet() {
  Packet packet(av_packet_alloc());
  if (!packet) throw std::bad_alloc();
  return packet;
}

Result<Frame> make_picture(AVPixelFormat format, int width, int height) {
  Frame frame = make_frame();
  frame->format = format;
  frame->width = width;
  frame->height = height;
  if (const int got = av_frame_get_buffer(frame.get(), 0); got < 0)
    return std::unexpected(
        error("make a picture of " + std::to_string(width) + "x" + std::to_string(height), got));
  return frame;
}

Result<Codec> open_decoder(const AVCodecParameters& parameters, int threads) {
  quiet_libav();
  // FFmpeg's own AV1 decoder needs hardware.
  const AVCodec* codec =
      parameters.codec_id == AV_CODEC_ID_AV1 ? avcodec_find_decoder_by_name("libdav1d") : nullptr;
  if (codec == nullptr) codec = avcodec_find_decoder(parameters.codec_id);
  const std::string name = avcodec_get_name(parameters.codec_id);
  if (codec == nullptr) return fail(Errc::unsupported, "this build of FFmpeg cannot decode " + name);
  Codec context(avcodec_alloc_context3(codec));
  if (!context) throw std::bad_alloc();
  if (const int set = avcodec_parameters_to_context(context.get(), &parameters); set < 0)
    return std::unexpected(error("set up the decoder of " + name, set));
  context->thread_count = threads;
  context->max_pixels = kMostPixels;
  if (threads == 1 || parameters.codec_id == AV_CODEC_ID_AV1) context->flags |= AV_CODEC_FLAG_LOW_DELAY;
  if (const int opened = avcodec_open2(context.get(), codec, nullptr); opened < 0)
    return std::unexpected(error("open the decoder of " + name, opened));
  return context;
}

}  // namespace rtpx::libav
