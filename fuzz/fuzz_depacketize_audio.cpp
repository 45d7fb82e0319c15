// PCM formats and telephone events. The first byte picks the format.
#include <array>

#include "codec/comfort_noise.hpp"
#include "codec/telephone_event.hpp"
#include "depacketize.hpp"

using namespace rtpx;

namespace {

void key_presses(Bytes bytes) {
  std::size_t packets = 0, presses = 0;
  KeyPresses keys([&](const KeyPress&) { ++presses; });
  for (std::int64_t sequence = 0; bytes.size() >= 5; bytes = bytes.subspan(5), ++sequence, ++packets)
    keys.push({.sequence = sequence,
               .timestamp = static_cast<std::int64_t>(bytes[0]),
               .payload = bytes.subspan(1, 4)});
  keys.flush();
  require(presses <= packets);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  constexpr std::array kTypes{"audio/PCMU", "audio/PCMA", "audio/G722", "audio/L16"};
  Codec codec{.payload_type = 96, .mime_type = kTypes[data[0] % kTypes.size()], .clock_rate = 8000};
  codec.channels = static_cast<std::uint16_t>(data[0] / kTypes.size() % 9);
  fuzz::depacketize(codec, data + 1, size - 1, [](std::size_t bytes) { return bytes; });
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  key_presses(bytes);
  (void)comfort_noise_level(bytes);
  return 0;
}
