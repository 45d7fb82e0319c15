// VP9: frames may grow by a superframe index of eight layers, and a bit in each.
#include "depacketize.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const rtpx::Codec codec{.payload_type = 96, .mime_type = "video/VP9", .clock_rate = 90000};
  rtpx::fuzz::depacketize(codec, data, size, [=](std::size_t bytes) -> std::size_t { return bytes + 42; });
  return 0;
}
