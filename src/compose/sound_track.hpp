#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compose/open_call.hpp"
#include "frames/layer_frames.hpp"
#include "media/audio_decoder.hpp"
#include "media/libav.hpp"

namespace rtpx::film {

inline constexpr int kRate = 48'000;  ///< of the film's sound, which is stereo
inline constexpr int kChannels = 2;

/// One track of sound, decoded once, on the film's clock: read from its zero on, without a gap. Losses are
/// concealed by the decoder (Opus: by the next packet's in-band FEC where it has it), other gaps are silence;
/// what begins or ends in the middle of a wave is faded within 5 ms. Clocks that drift are followed by
/// stretching softly.
class SoundTrack {
 public:
  /// `source` must outlive the object. Errors: io.
  [[nodiscard]] static Result<std::unique_ptr<SoundTrack>> open(const TrackSource& source);
  /// Of frames that come while the call goes on: where their source has none, and `goes_on` says that some may come,
  /// there is silence. The first sample that is asked for is number `from`.
  [[nodiscard]] static std::unique_ptr<SoundTrack> of(const TrackSource& source, std::unique_ptr<FrameSource> frames,
                                                      std::int64_t from, std::function<bool()> goes_on);

  /// Adds the next `count` samples of each channel, interleaved, to `out`. Errors: io.
  [[nodiscard]] Result<void> add(int count, float* out);

  struct Stats {
    std::uint64_t packets = 0, undecodable = 0, concealed = 0, recovered_by_fec = 0;
  };
  [[nodiscard]] const Stats& stats() const noexcept { return stats_; }
  /// Why a part of it could not be decoded; empty: it could.
  [[nodiscard]] const std::string& refused() const noexcept { return refused_; }

 private:
  explicit SoundTrack(const TrackSource& source) : source_(source) {}

  [[nodiscard]] Result<void> decode_next();
  [[nodiscard]] bool use_decoder_of(const PlacedFrame& frame);
  [[nodiscard]] bool take(const PlacedFrame& frame, std::int64_t at, bool lost_before);
  [[nodiscard]] bool fill_gap(const PlacedFrame& frame, std::int64_t gap, bool lost);
  void emit();
  void append(const float* samples, std::size_t count);
  void end_sound();
  [[nodiscard]] std::int64_t rate_in(std::int64_t samples_out) const noexcept;
  [[nodiscard]] std::int64_t position() const noexcept {
    return read_ + static_cast<std::int64_t>((ready_.size() - used_) / kChannels);
  }

  const TrackSource& source_;
  FrameLog log_;
  std::unique_ptr<FrameSource> frames_;
  std::function<bool()> goes_on_;  // unset: what has ended has ended
  std::unique_ptr<AudioDecoder> decoder_;
  libav::Resampler resampler_;
  std::string mime_type_, refused_;
  StreamConfig config_;
  AudioDecoder::Samples decoded_;
  std::vector<float> resampled_;
  std::vector<float> ready_;       // interleaved, in the film's format
  std::size_t used_ = 0;           // of ready_
  std::int64_t read_ = 0;          // samples handed out
  std::int64_t silent_until_ = 0;  // after what is ready
  std::int64_t last_sequence_ = -1;
  std::int64_t begins_at_ = 0;         // no sample of this decoder belongs before
  std::int64_t stretching_until_ = 0;  // position
  int fade_in_ = 0;                    // samples still to be faded
  bool sounding_ = false;              // the last sample is of the track, not silence
  bool lost_ = false;                  // the packet before did not decode
  bool concealed_ = false;             // the gap before the next packet, as far as that is done
  bool ended_ = false;
  Stats stats_;
};

}  // namespace rtpx::film
