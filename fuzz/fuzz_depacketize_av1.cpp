// AV1: each OBU may grow by its size field.
#include "depacketize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const rtpx::Codec codec{.payload_type = 96, .mime_type = "video/AV1", .clock_rate = 90000};
  rtpx::fuzz::depacketize(codec, data, size, [=](std::size_t bytes) -> std::size_t { return 2 * bytes + 2; });
  return 0;
}
