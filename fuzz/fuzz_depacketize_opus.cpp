// Opus: packets come out as they are, with a duration. Behind a line of format parameters: multiopus.
#include <algorithm>

#include "depacketize.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto unchanged = [](std::size_t bytes) { return bytes; };
  const Codec opus{.payload_type = 96, .mime_type = "audio/opus", .clock_rate = 48000};
  fuzz::depacketize(opus, data, size, unchanged);

  const std::uint8_t* const line_end = std::find(data, data + size, '\n');
  if (line_end == data + size) return 0;
  Codec multiopus{.payload_type = 96, .mime_type = "audio/multiopus", .clock_rate = 48000};
  multiopus.sdp_fmtp_line = std::string(data, line_end);
  const auto made = make_depacketizer(
      multiopus, {}, [](const Frame&) {}, [](const Dropped&) {});
  if (!made) return 0;
  fuzz::depacketize(multiopus, line_end + 1, static_cast<std::size_t>(data + size - line_end - 1), unchanged);
  return 0;
}
