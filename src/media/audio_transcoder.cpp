#include "media/audio_transcoder.hpp"

#include <algorithm>
#include <cstdlib>

#include "media/audio_decoder.hpp"
#include "media/audio_encoder.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kGapNs =
    10'000'000;  // from here on a difference is a gap (or an overlap), below it drift
constexpr std::int64_t kDriftNs = 2'000'000;      // from here on drift is worked off, within a second
constexpr std::int64_t kConcealNs = 100'000'000;  // the longest concealment; then silence
constexpr std::int64_t kJumpNs = 200'000'000;     // gaps that stay, where gaps are kept
constexpr std::int64_t kLongestFillNs = 24 * 3'600 * kSecond;

class Transcoder final : public AudioTranscoder {
 public:
  Transcoder(std::unique_ptr<AudioDecoder> decoder, std::unique_ptr<AudioEncoder> encoder,
             const AudioTranscoderOptions& options)
      : decoder_(std::move(decoder)),
        encoder_(std::move(encoder)),
        options_(options),
        rate_(decoder_->sample_rate()) {}

  [[nodiscard]] const OutputTrack& track() const override { return encoder_->track(); }
  [[nodiscard]] const Stats& stats() const override { return stats_; }
  Result<void> push(const AudioPacket& packet, const Sink& sink) override;
  Result<void> finish(const Sink& sink) override { return begun_ ? encoder_->finish(sink) : Result<void>(); }

 private:
  [[nodiscard]] std::int64_t samples_of(std::int64_t ns) const noexcept {
    return ns / kSecond * rate_ + ns % kSecond * rate_ / kSecond;
  }
  void begin_at(std::int64_t time_ns);
  Result<void> bridge(const AudioPacket& packet, std::int64_t missing, const Sink& sink);
  Result<void> feed_silence(std::int64_t count, const Sink& sink);
  Result<void> feed(const Sink& sink);
  void work_off(std::int64_t difference);

  std::unique_ptr<AudioDecoder> decoder_;
  std::unique_ptr<AudioEncoder> encoder_;
  AudioTranscoderOptions options_;
  std::int64_t rate_;
  bool begun_ = false;
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

Result<void> Transcoder::feed_silence(std::int64_t count, const Sink& sink) {
  stats_.silence_ns += count / rate_ * kSecond + count % rate_ * kSecond / rate_;
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

void Transcoder::work_off(std::int64_t difference) {
  if (std::abs(difference) < samples_of(kDriftNs) || fed_ < stretched_until_) return;
  encoder_->stretch(static_cast<int>(difference));
  fed_ += difference;
  stretched_until_ = fed_ + rate_;
}

Result<void> Transcoder::push(const AudioPacket& packet, const Sink& sink) {
  ++stats_.packets;
  if (packet.time_ns < 0) return fail(Errc::invalid_argument, "an audio packet before the file's start");
  if (!begun_) begin_at(packet.time_ns);
  std::int64_t difference = samples_of(packet.time_ns - base_ns_) - fed_;
  if (difference > samples_of(options_.fill_gaps ? kLongestFillNs : kJumpNs)) {
    if (auto padded = encoder_->pad(sink); !padded) return padded;
    begin_at(packet.time_ns);
    difference = 0;
  } else if (difference >= samples_of(kGapNs)) {
    if (auto bridged = bridge(packet, difference, sink); !bridged) return bridged;
    difference = 0;
  }
  lost_ = !decoder_->decode(packet.data, samples_);
  if (lost_) {
    ++stats_.undecodable;
    samples_.clear();
    return {};
  }
  if (difference <= -samples_of(kGapNs)) {  // what is there already
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
  auto encoder = AudioEncoder::open(options.to, (*decoder)->sample_rate(), (*decoder)->channels());
  if (!encoder) return std::unexpected(encoder.error());
  return std::make_unique<Transcoder>(std::move(*decoder), std::move(*encoder), options);
}

}  // namespace rtpx
