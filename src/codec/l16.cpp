#include "codec/l16.hpp"

#include <algorithm>

namespace rtpx {

L16Depacketizer::L16Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped)
    : AudioDepacketizer(std::move(on_frame), std::move(on_dropped)) {
  config_.sample_rate = codec.clock_rate == 0 ? 44100 : codec.clock_rate;
  config_.channels = std::max<std::uint16_t>(codec.channels.value_or(1), 1);
  config_.bits_per_sample = 16;
}

const char* L16Depacketizer::read(Bytes payload, Frame& frame) {
  const std::size_t block = std::size_t{2} * config_.channels;
  frame.duration = static_cast<std::uint32_t>(payload.size() / block);
  if (frame.duration == 0) return "shorter than one sample";
  samples_.resize(frame.duration * block);
  for (std::size_t i = 0; i < samples_.size(); i += 2) {
    samples_[i] = payload[i + 1];
    samples_[i + 1] = payload[i];
  }
  frame.data = samples_;
  return nullptr;
}

}  // namespace rtpx
