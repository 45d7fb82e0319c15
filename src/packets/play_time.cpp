#include "packets/play_time.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "codec/opus.hpp"

namespace rtpx {

std::int64_t play_time_ns(const Codec& codec, Bytes payload) noexcept {
  const auto is = [&](const char* mime_type) { return equals_ignoring_case(codec.mime_type, mime_type); };
  if (is("audio/opus")) {
    const auto info = parse_opus_packet(payload);
    return info ? std::int64_t{info->duration} * 1'000'000 / 48 : 0;
  }
  const std::uint32_t channels = std::max<std::uint32_t>(codec.channels.value_or(1), 1);
  std::uint32_t bytes_a_second = 0;
  if (is("audio/PCMU") || is("audio/PCMA") || is("audio/G722"))  // RFC 3551 section 4.5.2
    bytes_a_second = (is("audio/G722") || codec.clock_rate == 0 ? 8000 : codec.clock_rate) * channels;
  else if (is("audio/L16"))
    bytes_a_second = 2 * codec.clock_rate * channels;
  if (bytes_a_second == 0) return 0;
  return static_cast<std::int64_t>(payload.size()) * 1'000'000'000 / bytes_a_second;
}

}  // namespace rtpx
