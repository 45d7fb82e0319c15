#include <utility>

#include "codec/depacketizer.hpp"
#include "codec/fmtp.hpp"
#include "codec/opus.hpp"
#include "codec/vp8.hpp"

namespace rtpx {
namespace {

std::unique_ptr<Depacketizer> make_opus(const Codec& codec, Depacketizer::OnFrame on_frame,
                                        Depacketizer::OnDropped on_dropped) {
  std::uint16_t channels = codec.channels.value_or(0);
  if (channels == 0 && fmtp_parameter(codec, "sprop-stereo") == "1") channels = 2;
  return std::make_unique<OpusDepacketizer>(channels, std::move(on_frame), std::move(on_dropped));
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
  if (is("audio/opus")) return make_opus(codec, std::move(on_frame), std::move(on_dropped));
  return fail(Errc::unsupported, "Codec " + codec.mime_type + " (payload type " +
                                     std::to_string(codec.payload_type) + ") is not supported.");
}

}  // namespace rtpx
