#pragma once

#include <functional>
#include <memory>

#include "media/libav.hpp"
#include "mux/muxer.hpp"
#include "rtpx/converter.hpp"

namespace rtpx {

/// Samples a second, and how many belong to one time.
struct AudioFormat {
  int sample_rate = 0, channels = 0;
  bool operator==(const AudioFormat&) const = default;
};

/// Samples in, packets out: Opus, AAC, FLAC, or L16 in packets of 20 ms. What goes in may change its rate and
/// channels; what comes out keeps them.
class AudioEncoder {
 public:
  using Sink = std::function<Result<void>(const Sample&)>;

  /// `out` is kept but for a rate that the codec does not have. Errors: unsupported, invalid_argument.
  [[nodiscard]] static Result<std::unique_ptr<AudioEncoder>> open(AudioCodec codec, AudioFormat in,
                                                                  AudioFormat out);

  [[nodiscard]] const OutputTrack& track() const noexcept { return track_; }
  /// The next sample is at `time_ns`. Before the first push, and after pad().
  void begin(std::int64_t time_ns) noexcept;
  /// What is pushed from now on.
  Result<void> set_input(AudioFormat in, const Sink& sink);
  /// Interleaved samples, `count` of each channel. Throws std::bad_alloc.
  Result<void> push(const float* samples, int count, const Sink& sink);
  /// Makes what is pushed in the next second longer (or, negative, shorter) by `samples`, in the rate of
  /// push().
  void stretch(int samples) noexcept;
  /// What was pushed goes to the encoder, the last frame filled up with silence.
  Result<void> pad(const Sink& sink);
  /// All comes out.
  Result<void> finish(const Sink& sink);

 private:
  struct FreeFifo {
    void operator()(AVAudioFifo* fifo) const noexcept { av_audio_fifo_free(fifo); }
  };

  Result<void> set_up(AudioCodec codec, AudioFormat out);
  Result<void> open_resampler(AudioFormat in);
  Result<void> convert(const float* samples, int count);
  Result<void> encode_whole_frames(const Sink& sink);
  Result<void> encode(int count, const Sink& sink);
  Result<void> empty_resampler(const Sink& sink);
  Result<void> encode_l16(const Sink& sink, std::int64_t time_ns, int count);
  Result<void> drain(const Sink& sink);
  [[nodiscard]] std::int64_t to_ns(std::int64_t samples) const noexcept;

  OutputTrack track_;
  libav::Codec encoder_;  // null: L16
  libav::Resampler resampler_;
  std::unique_ptr<AVAudioFifo, FreeFifo> fifo_;
  libav::Frame frame_ = libav::make_frame();
  libav::Packet packet_ = libav::make_packet();
  AVSampleFormat format_ = AV_SAMPLE_FMT_S16;
  AudioFormat in_;
  int rate_ = 0, channels_ = 0, frame_size_ = 0;
  std::int64_t next_ = 0;  // the sample number, from the file's start, of the next frame
  std::int64_t last_time_ns_ = 0;
};

}  // namespace rtpx
