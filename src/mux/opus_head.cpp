#include "mux/opus_head.hpp"

#include <cstring>

namespace rtpx {
namespace {

// Family 0 with an unknown original rate and no gain.
std::vector<std::byte> plain_head(unsigned channels) {
  std::vector<std::byte> head(19);
  std::memcpy(head.data(), "OpusHead", 8);
  head[8] = std::byte{1};
  head[9] = static_cast<std::byte>(channels);
  const std::uint32_t rate = 48'000;
  std::memcpy(head.data() + 12, &rate, sizeof rate);
  return head;
}

}  // namespace

Result<OpusHead> opus_head(const OutputTrack& track) {
  OpusHead head{track.config.codec_private, 0};
  if (head.bytes.empty()) {
    if (track.config.channels > 2)
      return fail(Errc::invalid_argument, "Opus of " + std::to_string(track.config.channels) +
                                              " channels needs an OpusHead that maps them");
    head.bytes = plain_head(track.config.channels == 0 ? 2 : track.config.channels);
  }
  if (head.bytes.size() < 19 || std::memcmp(head.bytes.data(), "OpusHead", 8) != 0)
    return fail(Errc::malformed, "the codec configuration of an Opus track is no OpusHead (" +
                                     std::to_string(head.bytes.size()) + " bytes)");
  if (track.codec_delay_ns > 0) {
    const auto samples = static_cast<std::uint16_t>((track.codec_delay_ns * 48 + 500'000) / 1'000'000);
    std::memcpy(head.bytes.data() + 10, &samples, sizeof samples);
  }
  std::memcpy(&head.pre_skip, head.bytes.data() + 10, sizeof head.pre_skip);
  return head;
}

}  // namespace rtpx
