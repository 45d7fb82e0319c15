#pragma once

#include "codec/audio_depacketizer.hpp"

namespace rtpx {

/// G.711 A and µ law, RFC 3551 section 4.5.14: one byte a sample, channels interleaved, any packet time.
class G711Depacketizer final : public AudioDepacketizer {
 public:
  G711Depacketizer(const Codec& codec, OnFrame on_frame, OnDropped on_dropped);
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  const char* read(Bytes payload, Frame& frame) override;
};

}  // namespace rtpx
