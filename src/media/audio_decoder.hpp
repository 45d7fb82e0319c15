#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "codec/depacketizer.hpp"

namespace rtpx {

/// Decodes the packets of one track to interleaved samples.
class AudioDecoder {
 public:
  using Samples = std::vector<float>;  ///< interleaved, -1..1

  /// Opus (libopus: concealment, FEC, multiopus), G.711, G.722, L16. Errors: unsupported, malformed.
  [[nodiscard]] static Result<std::unique_ptr<AudioDecoder>> make(const std::string& mime_type,
                                                                  const StreamConfig& config);
  virtual ~AudioDecoder() = default;

  [[nodiscard]] int sample_rate() const noexcept { return sample_rate_; }
  [[nodiscard]] int channels() const noexcept { return channels_; }
  /// Samples of each channel by which what comes out lags what the encoder was given.
  [[nodiscard]] int delay() const noexcept { return delay_; }

  /// Appends what the packet holds, at most 120 ms (Opus). False: it does not decode, nothing is appended.
  virtual bool decode(Bytes packet, Samples& out) = 0;
  /// Appends about `count` samples of each channel, never more, that go on from what was decoded last.
  /// Answers how many: 0 where the codec cannot.
  virtual int conceal(int count, Samples& out) { return (void)count, (void)out, 0; }
  /// Length, in samples of each channel, of the packet before `packet` if `packet` carries a copy of it
  /// (in-band FEC); 0: it does not.
  [[nodiscard]] virtual int fec_length(Bytes packet) const { return (void)packet, 0; }
  /// Appends that copy. To be followed by decode(packet).
  virtual bool decode_fec(Bytes packet, Samples& out) { return (void)packet, (void)out, false; }

 protected:
  AudioDecoder(int sample_rate, int channels) : sample_rate_(sample_rate), channels_(channels) {}
  int sample_rate_, channels_, delay_ = 0;
};

}  // namespace rtpx
