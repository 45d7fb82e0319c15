#pragma once

#include <opus_multistream.h>

#include "media/audio_decoder.hpp"

namespace rtpx {

/// Opus by libopus, at 48 kHz.
class OpusAudioDecoder final : public AudioDecoder {
 public:
  /// Errors: malformed (an OpusHead that cannot be).
  [[nodiscard]] static Result<std::unique_ptr<AudioDecoder>> make(const StreamConfig& config);
  bool decode(Bytes packet, Samples& out) override;
  int conceal(int count, Samples& out) override;
  [[nodiscard]] int fec_length(Bytes packet) const override;
  bool decode_fec(Bytes packet, Samples& out) override;

 private:
  struct Destroy {
    void operator()(OpusMSDecoder* decoder) const noexcept { opus_multistream_decoder_destroy(decoder); }
  };
  OpusAudioDecoder(OpusMSDecoder* decoder, int channels, int streams, int pre_skip)
      : AudioDecoder(48'000, channels), decoder_(decoder), streams_(streams) {
    delay_ = pre_skip;
  }
  int run(Bytes packet, int most, bool fec, Samples& out);

  std::unique_ptr<OpusMSDecoder, Destroy> decoder_;
  int streams_;
};

}  // namespace rtpx
