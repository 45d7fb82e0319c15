#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "compose/call.hpp"
#include "compose/mixer.hpp"
#include "media/audio_encoder.hpp"
#include "rtpx/composer.hpp"

namespace rtpx::film {

/// With its dot.
[[nodiscard]] const char* extension_of_stem(StemFormat format);

/// The film's sound on its way: mixed once, encoded for the film, and for each participant's stem.
class FilmSound {
 public:
  explicit FilmSound(std::unique_ptr<Mixer> mixer) : mixer_(std::move(mixer)) {}

  /// The film's own sound. Errors: unsupported.
  [[nodiscard]] Result<void> open_track(AudioCodec codec);
  [[nodiscard]] const OutputTrack& track() const { return encoder_->track(); }
  /// A file for each participant with sound; `taken` are names, without extension, that none may have. Errors: io and
  /// others of the muxer, unsupported.
  [[nodiscard]] Result<void> open_stems(const Stems& stems, const Call& call, std::set<std::string> taken);

  /// Mixes and encodes all. `sink` takes the film's samples; `progress` is told samples done. Errors:
  /// cancelled, io, no_space.
  [[nodiscard]] Result<void> run(const AudioEncoder::Sink& sink, const std::stop_token& stop,
                                 const std::function<void(std::int64_t)>& progress);
  /// The stems appear under their names. On an error those that have are taken away again.
  [[nodiscard]] Result<std::vector<ComposedStem>> publish_stems();
  [[nodiscard]] const Mixer& mixer() const noexcept { return *mixer_; }

 private:
  struct Stem {
    std::size_t participant = 0;
    ComposedStem composed;
    std::unique_ptr<AudioEncoder> encoder;
    std::unique_ptr<Muxer> muxer;
  };
  [[nodiscard]] Result<void> write_stems(int count);

  std::unique_ptr<Mixer> mixer_;
  std::unique_ptr<AudioEncoder> encoder_;
  std::vector<Stem> stems_;
  std::vector<float> silence_ = std::vector<float>(Mixer::kBlock * kChannels, 0.0F);
};

}  // namespace rtpx::film
