#pragma once

#include <cstdint>
#include <span>

#include "media/libav_functions.hpp"

/// What FFmpeg 5.1 to 9 name differently, behind one name each.
namespace rtpx::libav {

/// The stream's display matrix, nine numbers; nullptr where it has none.
inline const std::int32_t* display_matrix(const AVStream& stream) noexcept {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(60, 31, 100)
  const AVCodecParameters& parameters = *stream.codecpar;
  const AVPacketSideData* side = av_packet_side_data_get(
      parameters.coded_side_data, parameters.nb_coded_side_data, AV_PKT_DATA_DISPLAYMATRIX);
  return side != nullptr ? reinterpret_cast<const std::int32_t*>(side->data) : nullptr;
#else
  return reinterpret_cast<const std::int32_t*>(
      av_stream_get_side_data(&stream, AV_PKT_DATA_DISPLAYMATRIX, nullptr));
#endif
}

/// The sample rates that an encoder takes; empty: any.
inline std::span<const int> sample_rates_of(const AVCodec& codec) noexcept {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
  const void* rates = nullptr;
  int count = 0;
  if (avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_SAMPLE_RATE, 0, &rates, &count) < 0)
    return {};
  return {static_cast<const int*>(rates), static_cast<std::size_t>(count)};
#else
  std::size_t count = 0;
  while (codec.supported_samplerates != nullptr && codec.supported_samplerates[count] != 0) ++count;
  return {codec.supported_samplerates, count};
#endif
}

/// The sample formats that an encoder takes, its favourite first; empty: any.
inline std::span<const AVSampleFormat> sample_formats_of(const AVCodec& codec) noexcept {
#if LIBAVCODEC_VERSION_INT >= AV_VERSION_INT(61, 13, 100)
  const void* formats = nullptr;
  int count = 0;
  if (avcodec_get_supported_config(nullptr, &codec, AV_CODEC_CONFIG_SAMPLE_FORMAT, 0, &formats, &count) < 0)
    return {};
  return {static_cast<const AVSampleFormat*>(formats), static_cast<std::size_t>(count)};
#else
  std::size_t count = 0;
  while (codec.sample_fmts != nullptr && codec.sample_fmts[count] != AV_SAMPLE_FMT_NONE) ++count;
  return {codec.sample_fmts, count};
#endif
}

/// How long the frame lasts is not known.
inline void forget_duration(AVFrame& frame) noexcept {
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(57, 30, 100)
  frame.duration = 0;
#else
  frame.pkt_duration = 0;
#endif
}

}  // namespace rtpx::libav
