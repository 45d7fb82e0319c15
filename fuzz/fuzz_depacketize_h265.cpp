// H.265: lengths of 4 bytes, and parameter sets that came earlier.
#include "depacketize.hpp"
#include "watch_sets.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const rtpx::Codec codec{.payload_type = 96, .mime_type = "video/H265", .clock_rate = 90000};
  rtpx::fuzz::depacketize(codec, data, size,
                          [=](std::size_t bytes) -> std::size_t { return 4 * bytes + size; });
  rtpx::fuzz::watch_sets(codec, data, size);
  return 0;
}
