#pragma once

#include <cmath>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "compose/sound_track.hpp"
#include "rtpx/converter.hpp"

namespace rtpx::film {

/// What somebody's sound does in the mix.
struct Voice {
  bool heard = true;
  double pan = 0;  ///< -1 left to 1 right
};

/// Keeps a signal under a ceiling without distortion: it looks ahead, so that it has turned down softly
/// before a peak comes. Where nothing is too loud the gain is 1 and the signal goes through untouched.
class Limiter {
 public:
  static constexpr int kAhead = kRate / 200;
  /// `ceiling`: of the absolute value.
  explicit Limiter(float ceiling) : ceiling_(ceiling) {}
  /// Gains for each of the `count` samples at `now`, knowing the samples at `next` (as many) that follow. A
  /// block's length is at least kAhead and always the same.
  void gains(const float* now, const float* next, int count, std::vector<float>& out);

 private:
  float ceiling_;
  std::vector<float> wanted_;
  float held_ = 1;
  std::vector<float> ring_ =
      std::vector<float>(kAhead, 1.0F);  // the last gains wanted, of which the mean is taken
  std::size_t at_ = 0;
};

/// All participants' sound in one, at 48 kHz in stereo: every track is decoded once, summed, brought to the
/// loudness asked for and limited to -1 dBFS. What each of them adds to the sum comes out besides.
class Mixer {
 public:
  static constexpr int kBlock = kRate / 50;

  /// `sources` must outlive the object; `voices` has one for each. `gain`: for all, as a factor.
  [[nodiscard]] static Result<std::unique_ptr<Mixer>> open(const std::vector<ParticipantSources>& sources,
                                                           std::vector<Voice> voices, float gain,
                                                           std::int64_t samples);

  /// Of a call that goes on: without end, and at first without anybody.
  [[nodiscard]] static std::unique_ptr<Mixer> live();
  /// Of live(): somebody's sound from next_sample() on.
  void add(std::size_t participant, std::unique_ptr<SoundTrack> track);
  /// The first sample that has not been read of any track.
  [[nodiscard]] std::int64_t next_sample() const noexcept { return done_ + (primed_ ? kBlock : 0); }

  /// The next block of the mix, `count` samples of each channel (kBlock, at the end fewer), interleaved; 0 at
  /// the end. Errors: io.
  [[nodiscard]] Result<int> next();
  [[nodiscard]] const float* mix() const noexcept { return mix_.data(); }
  /// What the participant adds to the mix; nullptr: nothing in this block. The sum of all is the mix.
  [[nodiscard]] const float* part(std::size_t participant) const noexcept;

  /// What could not be decoded, was concealed or recovered, in words; once all is read.
  [[nodiscard]] std::vector<ConvertNote> notes() const;

 private:
  struct Part {
    std::vector<std::unique_ptr<SoundTrack>> tracks;
    std::vector<float> now, next;
    bool sounds_now = false, sounds_next = false;
    float left = 1, right = 1;
  };
  explicit Mixer(std::int64_t samples, float gain) : samples_(samples), gain_(gain) {}
  [[nodiscard]] Result<void> read_ahead();

  const std::vector<ParticipantSources>* sources_ = nullptr;
  std::int64_t samples_;
  float gain_;
  std::int64_t done_ = 0;
  bool primed_ = false;
  std::vector<Part> parts_;
  std::vector<float> sum_now_, sum_next_, mix_, gains_;
  Limiter limiter_{0.891251F};
};

/// What a first pass over the sound finds: who is how loud, and the loudness of the whole.
struct SoundMeasure {
  std::vector<Levels> levels;        ///< one for each participant
  double loudness_lufs = -HUGE_VAL;  ///< integrated, EBU R 128; -inf: silence
};

/// Decodes everything once. `progress` is told 0..1. Errors: io, cancelled.
[[nodiscard]] Result<SoundMeasure> measure_sound(const std::vector<ParticipantSources>& sources,
                                                 const std::vector<Voice>& voices, std::int64_t samples,
                                                 const std::stop_token& stop,
                                                 const std::function<void(double)>& progress);

}  // namespace rtpx::film
