#include "frames/transcoded_audio.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kPrerollNs = 200'000'000;  // until decoder and encoder have settled
constexpr std::int64_t kLossReach = 1'000;  // a larger step of numbers is another segment

}  // namespace

Result<const PlacedFrame*> TranscodedAudio::peek() {
  while (ready_.empty()) {
    if (ended_) return nullptr;
    const auto frame = source_->peek();
    if (!frame) return frame;
    if (*frame == nullptr) {
      ended_ = true;
      if (auto done = finish(); !done) return std::unexpected(done.error());
      continue;
    }
    if (auto taken = take(**frame); !taken) {
      if (taken.error().code != Errc::unsupported) return std::unexpected(taken.error());
      refused_ = taken.error().message;
      ended_ = true;
      continue;
    }
    source_->pop();
  }
  ready_.front().frame.frame.data = ready_.front().data;
  return &ready_.front().frame;
}

void TranscodedAudio::pop() {
  ready_.pop_front();
}

Result<std::int64_t> TranscodedAudio::seek(std::int64_t time_ns) {
  const bool far = time_ns > INT64_MIN + kPrerollNs;
  if (auto found = source_->seek(far ? time_ns - kPrerollNs : time_ns); !found) return found;
  transcoder_.reset();
  from_.clear();
  last_sequence_ = -1;
  ready_.clear();
  ended_ = false;
  refused_.clear();
  while (true) {
    const auto frame = peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) return time_ns;
    if ((*frame)->time_ns + (*frame)->duration_ns > time_ns) return (*frame)->time_ns;
    pop();
  }
}

Result<void> TranscodedAudio::take(const PlacedFrame& frame) {
  if (frame.codec == nullptr || frame.config == nullptr) return {};
  if (!transcoder_ || from_ != frame.codec->mime_type || from_config_ != *frame.config)
    if (auto begun = begin(frame); !begun) return begun;
  const std::int64_t step = frame.frame.first_sequence - last_sequence_;
  const bool lost = last_sequence_ >= 0 && step > 1 && step < kLossReach;
  last_sequence_ = frame.frame.last_sequence;
  return transcoder_->push({frame.frame.data, frame.time_ns, lost},
                           [this](const Sample& sample) -> Result<void> {
                             keep(sample);
                             return {};
                           });
}

// The first frame, or the first one of another codec or configuration.
Result<void> TranscodedAudio::begin(const PlacedFrame& frame) {
  from_ = frame.codec->mime_type;
  from_config_ = *frame.config;
  if (transcoder_)
    return transcoder_->change(from_, from_config_, [this](const Sample& sample) -> Result<void> {
      keep(sample);
      return {};
    });
  auto made = AudioTranscoder::create(from_, from_config_, options_);
  if (!made) return std::unexpected(made.error());
  transcoder_ = std::move(*made);
  const OutputTrack& track = transcoder_->track();
  config_ = track.config;
  codec_ = {0, track.mime_type, config_.sample_rate, config_.channels, std::nullopt, {}};
  return {};
}

Result<void> TranscodedAudio::finish() {
  if (!transcoder_) return {};
  concealed_ += transcoder_->stats().concealed;
  recovered_by_fec_ += transcoder_->stats().recovered_by_fec;
  return transcoder_->finish([this](const Sample& sample) -> Result<void> {
    keep(sample);
    return {};
  });
}

void TranscodedAudio::keep(const Sample& sample) {
  Encoded encoded;
  encoded.data.assign(sample.data.begin(), sample.data.end());
  PlacedFrame& out = encoded.frame;
  out.frame.kind = FrameKind::key;
  out.time_ns = sample.time_ns;
  out.duration_ns = sample.duration_ns;
  out.discard_ns = sample.discard_ns;
  out.codec_delay_ns = transcoder_->track().codec_delay_ns;
  out.codec = &codec_;
  out.config = &config_;
  ready_.push_back(std::move(encoded));
}

}  // namespace rtpx
