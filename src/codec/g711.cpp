#include "codec/g711.hpp"

#include <algorithm>

namespace rtpx {

G711Depacketizer::G711Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped)
    : AudioDepacketizer(std::move(on_frame), std::move(on_dropped)) {
  config_.sample_rate = codec.clock_rate == 0 ? 8000 : codec.clock_rate;
  config_.channels = std::max<std::uint16_t>(codec.channels.value_or(1), 1);
  config_.bits_per_sample = 8;
}

const char* G711Depacketizer::read(Bytes payload, Frame& frame) {
  frame.duration = static_cast<std::uint32_t>(payload.size() / config_.channels);
  frame.data = payload.first(std::size_t{frame.duration} * config_.channels);
  return frame.duration == 0 ? "shorter than one sample" : nullptr;
}

}  // namespace rtpx
