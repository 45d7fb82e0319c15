#include "media/source_track.hpp"

#include <algorithm>

#include "mux/payload.hpp"

namespace rtpx {
namespace {

const char* mime_type_of(AVCodecID codec) {
  switch (codec) {
    case AV_CODEC_ID_OPUS:
      return "audio/opus";
    case AV_CODEC_ID_PCM_MULAW:
      return "audio/PCMU";
    case AV_CODEC_ID_PCM_ALAW:
      return "audio/PCMA";
    case AV_CODEC_ID_ADPCM_G722:
      return "audio/G722";
    case AV_CODEC_ID_PCM_S16LE:
    case AV_CODEC_ID_PCM_S16BE:
      return "audio/L16";
    case AV_CODEC_ID_AAC:
      return "audio/AAC";
    case AV_CODEC_ID_FLAC:
      return "audio/FLAC";
    default:
      return nullptr;
  }
}

}  // namespace

Result<std::unique_ptr<SourceTrack>> SourceTrack::open(const AVStream& stream) {
  const AVCodecParameters& parameters = *stream.codecpar;
  const char* mime_type = mime_type_of(parameters.codec_id);
  if (mime_type == nullptr)
    return fail(Errc::unsupported,
                std::string("cannot copy audio of ") + avcodec_get_name(parameters.codec_id));
  auto source = std::make_unique<SourceTrack>();
  OutputTrack& track = source->track_;
  track.kind = MediaKind::audio;
  track.mime_type = mime_type;
  track.config.sample_rate = static_cast<std::uint32_t>(std::max(parameters.sample_rate, 0));
  track.config.channels = static_cast<std::uint16_t>(parameters.ch_layout.nb_channels);
  const auto* extradata = reinterpret_cast<const std::byte*>(parameters.extradata);
  const bool wave = codec_of(mime_type) == CodecId::l16;
  if (!wave) track.config.codec_private.assign(extradata, extradata + parameters.extradata_size);
  source->time_base_ = stream.time_base;
  if (parameters.initial_padding > 0 && parameters.sample_rate > 0) {
    const AVRational samples{1, parameters.sample_rate};
    source->delay_ticks_ = av_rescale_q(parameters.initial_padding, samples, stream.time_base);
    track.codec_delay_ns = av_rescale_q(parameters.initial_padding, samples, libav::kNanoseconds);
  }
  source->big_endian_ = parameters.codec_id == AV_CODEC_ID_PCM_S16BE;
  return source;
}

Sample SourceTrack::sample(const AVPacket& packet) {
  Sample sample;
  const std::int64_t time = packet.pts != AV_NOPTS_VALUE   ? packet.pts
                            : packet.dts == AV_NOPTS_VALUE ? 0
                                                           : packet.dts;
  sample.time_ns =
      std::max<std::int64_t>(av_rescale_q(time + delay_ticks_, time_base_, libav::kNanoseconds), 0);
  sample.duration_ns = av_rescale_q(packet.duration, time_base_, libav::kNanoseconds);
  sample.keyframe = true;
  sample.data = std::as_bytes(std::span(packet.data, static_cast<std::size_t>(std::max(packet.size, 0))));
  if (big_endian_) sample.data = swap_16(sample.data, swapped_);
  return sample;
}

}  // namespace rtpx
