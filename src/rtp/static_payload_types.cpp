#include "rtp/static_payload_types.hpp"

#include <algorithm>

namespace rtpx {
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

}  // namespace rtpx
