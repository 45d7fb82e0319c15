#pragma once

#include "codec/audio_depacketizer.hpp"

namespace rtpx {

/// G.722 at 64 kbit/s, RFC 3551 section 4.5.2: its RTP clock says 8000 Hz by an old mistake, while the sound
/// has 16000 samples a second, two in each byte. So a byte lasts one RTP tick, and config() says 16000 Hz.
class G722Depacketizer final : public AudioDepacketizer {
 public:
  G722Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped);
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  const char* read(Bytes payload, Frame& frame) override;
};

}  // namespace rtpx
