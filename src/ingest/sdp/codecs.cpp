#include <algorithm>

#include "ingest/sdp/sdp.hpp"
#include "ingest/sdp/text.hpp"
#include "rtp/static_payload_types.hpp"

namespace rtpx::sdp {

std::vector<Codec> codecs(const Media& media) {
  std::vector<Codec> out;
  for (const std::uint8_t type : media.payload_types) {
    const std::string prefix = std::to_string(type) + " ";
    std::optional<Codec> codec = static_codec(type);
    if (const auto map = std::ranges::find(media.rtpmaps, type, &RtpMap::payload_type);
        map != media.rtpmaps.end()) {
      codec = Codec{
          .payload_type = type, .mime_type = media.kind + "/" + map->encoding, .clock_rate = map->clock_rate};
      if (media.kind == "audio")
        codec->channels = map->channels.value_or(1);  // RFC 8866 section 6.6: default 1
    }
    if (!codec) continue;
    for (const Fmtp& fmtp : media.fmtps)
      if (fmtp.payload_type == type && !codec->sdp_fmtp_line) codec->sdp_fmtp_line = prefix + fmtp.parameters;
    for (const RtcpFeedback& feedback : media.feedback)
      if (feedback.payload_type.value_or(type) == type) codec->rtcp_fbs.push_back(prefix + feedback.value);
    out.push_back(std::move(*codec));
  }
  return out;
}

std::map<std::string, std::uint8_t> header_extensions(const Media& media) {
  std::map<std::string, std::uint8_t> out;
  for (const ExtMap& extension : media.extmaps)
    if (extension.id >= 1 && extension.id <= 255)
      out[extension.uri] = static_cast<std::uint8_t>(extension.id);
  return out;
}

}  // namespace rtpx::sdp
