#include <utility>

#include "base/ascii.hpp"
#include "codec/av1.hpp"
#include "codec/depacketizer.hpp"
#include "codec/fmtp.hpp"
#include "codec/g711.hpp"
#include "codec/g722.hpp"
#include "codec/h264.hpp"
#include "codec/h265.hpp"
#include "codec/h265_payload.hpp"
#include "codec/l16.hpp"
#include "codec/opus.hpp"
#include "codec/vp8.hpp"
#include "codec/vp9.hpp"

namespace rtpx {
namespace {

std::unique_ptr<Depacketizer> make_opus(const Codec& codec, Depacketizer::OnFrame on_frame,
                                        Depacketizer::OnDropped on_dropped) {
  std::uint16_t channels = codec.channels.value_or(0);
  if (channels == 0 && fmtp_parameter(codec, "sprop-stereo") == "1") channels = 2;
  return std::make_unique<OpusDepacketizer>(channels, std::move(on_frame), std::move(on_dropped));
}

Result<std::unique_ptr<Depacketizer>> make_multiopus(const Codec& codec, Depacketizer::OnFrame on_frame,
                                                     Depacketizer::OnDropped on_dropped) {
  const auto layout = multiopus_layout(codec);
  if (!layout)
    return fail(Errc::unsupported, "The channel layout of " + codec.mime_type + " (payload type " +
                                       std::to_string(codec.payload_type) +
                                       ") is missing or contradicts itself; its format parameters are '" +
                                       codec.sdp_fmtp_line.value_or("") + "'.");
  return std::make_unique<OpusDepacketizer>(*layout, std::move(on_frame), std::move(on_dropped));
}

template <typename NalCodec>
std::unique_ptr<Depacketizer> make_nal(const Codec& codec, const DepacketizerOptions& options,
                                       Depacketizer::OnFrame on_frame, Depacketizer::OnDropped on_dropped) {
  auto made = std::make_unique<NalCodec>(options, std::move(on_frame), std::move(on_dropped));
  for (const auto& nal : sprop_parameter_sets(codec)) made->add_parameter_set(nal);
  if constexpr (std::is_same_v<NalCodec, H265Depacketizer>)
    if (h265_has_donl(codec)) made->expect_donl();
  return made;
}

}  // namespace

Result<std::unique_ptr<Depacketizer>> make_depacketizer(const Codec& codec, DepacketizerOptions options,
                                                        Depacketizer::OnFrame on_frame,
                                                        Depacketizer::OnDropped on_dropped) {
  const auto is = [&](std::string_view mime_type) {
    return equals_ignoring_case(codec.mime_type, mime_type);
  };
  if (is("video/VP8"))
    return std::make_unique<Vp8Depacketizer>(options, std::move(on_frame), std::move(on_dropped));
  if (is("video/VP9"))
    return std::make_unique<Vp9Depacketizer>(options, std::move(on_frame), std::move(on_dropped));
  if (is("video/AV1"))
    return std::make_unique<Av1Depacketizer>(options, std::move(on_frame), std::move(on_dropped));
  if (is("audio/opus")) return make_opus(codec, std::move(on_frame), std::move(on_dropped));
  if (is("audio/multiopus")) return make_multiopus(codec, std::move(on_frame), std::move(on_dropped));
  if (is("audio/PCMU") || is("audio/PCMA"))
    return std::make_unique<G711Depacketizer>(codec, std::move(on_frame), std::move(on_dropped));
  if (is("audio/G722"))
    return std::make_unique<G722Depacketizer>(codec, std::move(on_frame), std::move(on_dropped));
  if (is("audio/L16"))
    return std::make_unique<L16Depacketizer>(codec, std::move(on_frame), std::move(on_dropped));
  if (is("video/H264"))
    return make_nal<H264Depacketizer>(codec, options, std::move(on_frame), std::move(on_dropped));
  if (is("video/H265"))
    return make_nal<H265Depacketizer>(codec, options, std::move(on_frame), std::move(on_dropped));
  return fail(Errc::unsupported, "Codec " + codec.mime_type + " (payload type " +
                                     std::to_string(codec.payload_type) + ") is not supported.");
}

}  // namespace rtpx
