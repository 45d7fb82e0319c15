#include "media/audio_transcoder.hpp"

#include <algorithm>
#include <cstdlib>

#include "media/audio_decoder.hpp"
#include "media/audio_encoder.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kTranscoderSecond = 1'000'000'000;
constexpr std::int64_t kSoundGapNs =
    10'000'000;  // from here on a difference is a gap (or an overlap), below it drift
constexpr std::int64_t kDriftNs = 2'000'000;      // from here on drift is worked off, within a second
constexpr std::int64_t kConcealNs = 100'000'000;  // the longest concealment; then silence
constexpr std::int64_t kJumpNs = 200'000'000;     // gaps that stay, where gaps are kept
constexpr std::int64_t kLongestFillNs = 24 * 3'600 * kTranscoderSecond;

class Transcoder final : public AudioTranscoder {
 public:
  Transcoder(std::unique_ptr<AudioDecoder> decoder, std::unique_ptr<AudioEncoder> encoder,
             const AudioTranscoderOptions& options)
      : decoder_(std::move(decoder)),
        encoder_(std::move(encoder)),
        options_(options),
        rate_(decoder_->sample_rate()),
        skip_(decoder_->delay()) {}

  [[nodiscard]] const OutputTrack& track() const override { return encoder_->track(); }
  [[nodiscard]] const Stats& stats() const override { return stats_; }
  Result<void> change(const std::string& mime_type, const StreamConfig& config, const Sink& sink) override;
  Result<void> push(const AudioPacket& packet, const Sink& sink) override;
  Result<void> finish(const Sink& sink) override;

 private:
  [[nodiscard]] std::int64_t samples_of(std::int64_t ns) const noexcept {
    return ns / kTranscoderSecond * rate_ + ns % kTranscoderSecond * rate_ / kTranscoderSecond;
  }
  [[nodiscard]] std::int64_t ns_of(std::int64_t samples) const noexcept {
    return samples / rate_ * kTranscoderSecond + samples % rate_ * kTranscoderSecond / rate_;
  }
  void begin_at(std::int64_t time_ns);
  Result<void> bridge(const AudioPacket& packet, std::int64_t missing, const Sink& sink);
  Result<void> feed_silence(std::int64_t count, const Sink& sink);
  Result<void> feed(const Sink& sink);
  Result<void> feed_delayed(const Sink& sink);
  [[nodiscard]] bool fills(std::int64_t time_ns) const;
  void work_off(std::int64_t difference);

  std::unique_ptr<AudioDecoder> decoder_;
  std::unique_ptr<AudioEncoder> encoder_;
  AudioTranscoderOptions options_;
  std::int64_t rate_;
  bool begun_ = false;
  std::int64_t skip_ = 0;             // samples before the first that the sender's encoder was given
  bool lost_ = false;                 // the packet before did not decode
  std::int64_t base_ns_ = 0;          // where fed_ counts from
  std::int64_t fed_ = 0;              // samples since, drift worked off included
  std::int64_t stretched_until_ = 0;  // in fed_
  AudioDecoder::Samples samples_;
  Stats stats_;
};

void Transcoder::begin_at(std::int64_t time_ns) {
  begun_ = true;
  base_ns_ = time_ns;
  fed_ = 0;
  stretched_until_ = 0;
  encoder_->begin(time_ns);
}

Result<void> Transcoder::feed(const Sink& sink) {
  const auto count = samples_.size() / static_cast<std::size_t>(decoder_->channels());
  auto pushed = encoder_->push(samples_.data(), static_cast<int>(count), sink);
  fed_ += static_cast<std::int64_t>(count);
  samples_.clear();
  return pushed;
}

// The end of what was sent never left the sender's encoder: the decoder goes on for so long.
Result<void> Transcoder::feed_delayed(const Sink& sink) {
  if (!begun_ || decoder_->conceal(decoder_->delay(), samples_) == 0) return {};
  return feed(sink);
}

Result<void> Transcoder::finish(const Sink& sink) {
  if (!begun_) return {};
  if (auto fed = feed_delayed(sink); !fed) return fed;
  return encoder_->finish(sink);
}

Result<void> Transcoder::feed_silence(std::int64_t count, const Sink& sink) {
  stats_.silence_ns += ns_of(count);
  while (count > 0) {
    const std::int64_t step = std::min<std::int64_t>(count, rate_);
    samples_.assign(static_cast<std::size_t>(step * decoder_->channels()), 0.0F);
    if (auto fed = feed(sink); !fed) return fed;
    count -= step;
  }
  return {};
}

// Fills `missing` samples before `packet`: concealed and recovered where packets were lost, silent else.
Result<void> Transcoder::bridge(const AudioPacket& packet, std::int64_t missing, const Sink& sink) {
  const bool lost = packet.lost_before || lost_;
  std::int64_t recoverable = lost && options_.opus_fec ? decoder_->fec_length(packet.data) : 0;
  if (recoverable > missing + rate_ / 1'000) recoverable = 0;  // not what is missing
  if (lost) {
    const std::int64_t wanted = std::min(missing - recoverable, samples_of(kConcealNs));
    const int concealed = decoder_->conceal(static_cast<int>(std::max<std::int64_t>(wanted, 0)), samples_);
    if (concealed > 0) {
      ++stats_.concealed;
      if (auto fed = feed(sink); !fed) return fed;
      missing -= concealed;
    }
  }
  if (missing > recoverable)
    if (auto fed = feed_silence(missing - recoverable, sink); !fed) return fed;
  if (recoverable > 0 && decoder_->decode_fec(packet.data, samples_)) {
    ++stats_.recovered_by_fec;
    return feed(sink);
  }
  return {};
}

/// Whether the gap before `time_ns` (since base_ns_) is filled with silence.
bool Transcoder::fills(std::int64_t time_ns) const {
  const std::int64_t gap = time_ns - ns_of(fed_);
  return options_.fill_gaps && gap <= kLongestFillNs && (!options_.may_fill || options_.may_fill(gap));
}

void Transcoder::work_off(std::int64_t difference) {
  if (std::abs(difference) < samples_of(kDriftNs) || fed_ < stretched_until_) return;
  encoder_->stretch(static_cast<int>(difference));
  fed_ += difference;
  stretched_until_ = fed_ + rate_;
}

Result<void> Transcoder::change(const std::string& mime_type, const StreamConfig& config, const Sink& sink) {
  auto decoder = AudioDecoder::make(mime_type, config);
  if (!decoder) return std::unexpected(decoder.error());
  if (auto fed = feed_delayed(sink); !fed) return fed;
  decoder_ = std::move(*decoder);
  lost_ = false;
  base_ns_ += ns_of(fed_);
  fed_ = 0;
  stretched_until_ = 0;
  rate_ = decoder_->sample_rate();
  skip_ = decoder_->delay();
  return encoder_->set_input({decoder_->sample_rate(), decoder_->channels()}, sink);
}

Result<void> Transcoder::push(const AudioPacket& packet, const Sink& sink) {
  ++stats_.packets;
  if (packet.time_ns < 0) return fail(Errc::invalid_argument, "an audio packet before the file's start");
  // Where its first sample belongs that is to be heard.
  const std::int64_t time_ns = packet.time_ns - ns_of(decoder_->delay() - skip_);
  if (!begun_) begin_at(time_ns);
  std::int64_t difference = samples_of(time_ns - base_ns_) - fed_;
  if (difference > samples_of(kJumpNs) && !fills(time_ns - base_ns_)) {
    if (auto padded = encoder_->pad(sink); !padded) return padded;
    begin_at(time_ns);
    difference = 0;
  } else if (difference >= samples_of(kSoundGapNs)) {
    if (auto bridged = bridge(packet, difference, sink); !bridged) return bridged;
    difference = 0;
  }
  lost_ = !decoder_->decode(packet.data, samples_);
  if (lost_) {
    ++stats_.undecodable;
    samples_.clear();
    return {};
  }
  if (skip_ > 0) {
    const auto whole = static_cast<std::int64_t>(samples_.size()) / decoder_->channels();
    const std::int64_t cut = std::min(skip_, whole);
    samples_.erase(samples_.begin(),
                   samples_.begin() + static_cast<std::ptrdiff_t>(cut * decoder_->channels()));
    skip_ -= cut;
  }
  if (difference <= -samples_of(kSoundGapNs)) {  // what is there already
    const auto cut = std::min(samples_.size(), static_cast<std::size_t>(-difference * decoder_->channels()));
    samples_.erase(samples_.begin(), samples_.begin() + static_cast<std::ptrdiff_t>(cut));
  } else {
    work_off(difference);
  }
  return feed(sink);
}

}  // namespace

Result<std::unique_ptr<AudioTranscoder>> AudioTranscoder::create(const std::string& mime_type,
                                                                 const StreamConfig& config,
                                                                 const AudioTranscoderOptions& options) {
  auto decoder = AudioDecoder::make(mime_type, config);
  if (!decoder) return std::unexpected(decoder.error());
  const AudioFormat in{(*decoder)->sample_rate(), (*decoder)->channels()};
  const AudioFormat out{std::max(options.sample_rate, in.sample_rate),
                        std::max(options.channels, in.channels)};
  auto encoder = AudioEncoder::open(options.to, in, out);
  if (!encoder) return std::unexpected(encoder.error());
  return std::make_unique<Transcoder>(std::move(*decoder), std::move(*encoder), options);
}

}  // namespace rtpx
