#include "codec/audio_depacketizer.hpp"

namespace rtpx {

void AudioDepacketizer::push(const MediaPacket& packet) {
  if (packet.payload.empty()) return;
  Frame frame;
  frame.timestamp = packet.timestamp;
  frame.first_sequence = frame.last_sequence = packet.sequence;
  frame.kind = FrameKind::key;
  const std::uint16_t channels = config_.channels;
  if (const char* why = read(packet.payload, frame)) {
    on_dropped_(Dropped{packet.timestamp, packet.sequence, packet.sequence, Dropped::Reason::malformed, why});
    return;
  }
  frame.parameters_changed = delivered_ && config_.channels != channels;
  delivered_ = true;
  on_frame_(frame);
}

}  // namespace rtpx
