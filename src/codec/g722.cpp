#include "codec/g722.hpp"

#include <algorithm>

namespace rtpx {

G722Depacketizer::G722Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped)
    : AudioDepacketizer(std::move(on_frame), std::move(on_dropped)) {
  config_.sample_rate = 16000;
  config_.channels = std::max<std::uint16_t>(codec.channels.value_or(1), 1);
  config_.bits_per_sample = 4;
}

const char* G722Depacketizer::read(Bytes payload, Frame& frame) {
  frame.duration = static_cast<std::uint32_t>(payload.size() / config_.channels);
  frame.data = payload;
  return frame.duration == 0 ? "shorter than one sample" : nullptr;
}

}  // namespace rtpx
