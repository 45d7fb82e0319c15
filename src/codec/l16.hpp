#pragma once

#include "codec/audio_depacketizer.hpp"

namespace rtpx {

/// L16, RFC 3551 section 4.5.11: signed 16-bit samples, big-endian on the wire. Frames hold them
/// little-endian, as containers want PCM.
class L16Depacketizer final : public AudioDepacketizer {
 public:
  L16Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped);
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  const char* read(Bytes payload, Frame& frame) override;

  std::vector<std::byte> samples_;
};

}  // namespace rtpx
