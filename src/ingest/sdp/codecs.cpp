#include <algorithm>

#include "ingest/sdp/sdp.hpp"
#include "ingest/sdp/text.hpp"

namespace rtpx::sdp {
namespace {

struct StaticType {
  std::uint8_t payload_type;
  const char* mime_type;
  std::uint32_t clock_rate;
  std::uint16_t channels;  // 0: video
};

// RFC 3551, tables 4 and 5. G722 has an 8000 Hz RTP clock (section 4.5.2).
constexpr StaticType kStaticTypes[] = {
    {0, "audio/PCMU", 8000, 1},   {3, "audio/GSM", 8000, 1},    {4, "audio/G723", 8000, 1},
    {5, "audio/DVI4", 8000, 1},   {6, "audio/DVI4", 16000, 1},  {7, "audio/LPC", 8000, 1},
    {8, "audio/PCMA", 8000, 1},   {9, "audio/G722", 8000, 1},   {10, "audio/L16", 44100, 2},
    {11, "audio/L16", 44100, 1},  {12, "audio/QCELP", 8000, 1}, {13, "audio/CN", 8000, 1},
    {14, "audio/MPA", 90000, 1},  {15, "audio/G728", 8000, 1},  {16, "audio/DVI4", 11025, 1},
    {17, "audio/DVI4", 22050, 1}, {18, "audio/G729", 8000, 1},  {25, "video/CelB", 90000, 0},
    {26, "video/JPEG", 90000, 0}, {28, "video/nv", 90000, 0},   {31, "video/H261", 90000, 0},
    {32, "video/MPV", 90000, 0},  {33, "video/MP2T", 90000, 0}, {34, "video/H263", 90000, 0},
};

}  // namespace

std::optional<Codec> static_codec(std::uint8_t payload_type) {
  const auto* const at = std::ranges::find(kStaticTypes, payload_type, &StaticType::payload_type);
  if (at == std::end(kStaticTypes)) return std::nullopt;
  Codec codec{.payload_type = payload_type, .mime_type = at->mime_type, .clock_rate = at->clock_rate};
  if (at->channels != 0) codec.channels = at->channels;
  return codec;
}

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
