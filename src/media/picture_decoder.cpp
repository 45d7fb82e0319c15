#include "media/picture_decoder.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "mux/codec_id.hpp"

namespace rtpx {
namespace {

std::optional<AVCodecID> picture_codec(const std::string& mime_type) noexcept {
  switch (codec_of(mime_type).value_or(CodecId::opus)) {
    case CodecId::vp8:
      return AV_CODEC_ID_VP8;
    case CodecId::vp9:
      return AV_CODEC_ID_VP9;
    case CodecId::av1:
      return AV_CODEC_ID_AV1;
    case CodecId::h264:
      return AV_CODEC_ID_H264;
    case CodecId::h265:
      return AV_CODEC_ID_HEVC;
    default:
      return std::nullopt;
  }
}

struct FreeParameters {
  void operator()(AVCodecParameters* p) const noexcept { avcodec_parameters_free(&p); }
};

}  // namespace

Result<libav::Codec> open_picture_decoder(const std::string& mime_type, const StreamConfig& config, int threads) {
  const auto codec = picture_codec(mime_type);
  if (!codec) return fail(Errc::unsupported, "cannot decode " + mime_type);
  const std::unique_ptr<AVCodecParameters, FreeParameters> parameters(avcodec_parameters_alloc());
  if (!parameters) throw std::bad_alloc();
  parameters->codec_type = AVMEDIA_TYPE_VIDEO;
  parameters->codec_id = *codec;
  parameters->width = config.width;
  parameters->height = config.height;
  // VP8 and VP9 need none, and libvpx' wrappers take any for a fault.
  const bool set_up = *codec != AV_CODEC_ID_VP8 && *codec != AV_CODEC_ID_VP9 && !config.codec_private.empty();
  if (set_up) {
    const std::size_t size = config.codec_private.size();
    auto* extradata = static_cast<std::uint8_t*>(av_mallocz(size + AV_INPUT_BUFFER_PADDING_SIZE));
    if (extradata == nullptr) throw std::bad_alloc();
    std::memcpy(extradata, config.codec_private.data(), size);
    parameters->extradata = extradata;
    parameters->extradata_size = static_cast<int>(size);
  }
  auto decoder = libav::open_decoder(*parameters, threads);
  if (!decoder) return std::unexpected(decoder.error());
  (*decoder)->pkt_timebase = libav::kNanoseconds;
  return decoder;
}

Result<std::unique_ptr<PictureDecoder>> PictureDecoder::open(const std::string& mime_type,
                                                             const StreamConfig& config, int threads) {
  auto decoder = open_picture_decoder(mime_type, config, threads);
  if (!decoder) return std::unexpected(decoder.error());
  auto made = std::make_unique<PictureDecoder>();
  made->decoder_ = std::move(*decoder);
  return made;
}

Result<void> PictureDecoder::push(Bytes data, std::int64_t time_ns, bool keyframe, const Sink& sink) {
  if (data.empty() || data.size() > INT32_MAX - AV_INPUT_BUFFER_PADDING_SIZE) return {};
  if (av_new_packet(packet_.get(), static_cast<int>(data.size())) < 0) throw std::bad_alloc();
  std::memcpy(packet_->data, data.data(), data.size());
  packet_->pts = time_ns;
  packet_->dts = AV_NOPTS_VALUE;
  packet_->flags = keyframe ? AV_PKT_FLAG_KEY : 0;
  auto decoded = decode(packet_.get(), sink);
  av_packet_unref(packet_.get());
  return decoded;
}

Result<void> PictureDecoder::finish(const Sink& sink) {
  auto decoded = decode(nullptr, sink);
  avcodec_flush_buffers(decoder_.get());
  return decoded;
}

Result<void> PictureDecoder::decode(const AVPacket* packet, const Sink& sink) {
  return libav::decode(*decoder_, packet, *frame_, [&]() -> Result<void> {
    if ((frame_->flags & AV_FRAME_FLAG_CORRUPT) != 0) return {};
    const std::int64_t time = frame_->best_effort_timestamp;
    return time == AV_NOPTS_VALUE ? Result<void>() : sink(*frame_, time);
  });
}

}  // namespace rtpx
