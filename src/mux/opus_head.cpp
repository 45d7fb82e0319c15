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
  store_le<std::uint32_t>(head.data() + 12, 48'000);
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
  std::byte* const pre_skip = head.bytes.data() + 10;
  if (track.codec_delay_ns > 0)
    store_le(pre_skip, static_cast<std::uint16_t>((track.codec_delay_ns * 48 + 500'000) / 1'000'000));
  head.pre_skip = load_le<std::uint16_t>(pre_skip);
  return head;
}

}  // namespace rtpx
