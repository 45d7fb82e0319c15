#include "compose/sound_track.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <new>

namespace rtpx::film {
namespace {

constexpr std::int64_t kGap = kRate / 100;           // from here on a difference is a gap or an overlap
constexpr std::int64_t kDrift = kRate / 500;         // from here on drift is worked off within a second
constexpr std::int64_t kMostConcealed = kRate / 10;  // then silence
constexpr int kFade = kRate / 200;
constexpr std::int64_t kLossReach = 1'000;  // a larger step of numbers is another segment

std::int64_t sample_at(std::int64_t time_ns) {
  constexpr std::int64_t kSecond = 1'000'000'000;
  return time_ns / kSecond * kRate + time_ns % kSecond * kRate / kSecond;
}

}  // namespace

Result<std::unique_ptr<SoundTrack>> SoundTrack::open(const TrackSource& source) {
  std::unique_ptr<SoundTrack> made(new SoundTrack(source));
  auto frames = LayerFrames::open(*source.layers.front(), *source.spill, source.frame_options(), made->log_);
  if (!frames) return std::unexpected(frames.error());
  made->frames_ = std::move(*frames);
  return made;
}

std::unique_ptr<SoundTrack> SoundTrack::of(const TrackSource& source, std::unique_ptr<FrameSource> frames,
                                           std::int64_t from, std::function<bool()> goes_on) {
  std::unique_ptr<SoundTrack> made(new SoundTrack(source));
  made->frames_ = std::move(frames);
  made->read_ = made->silent_until_ = from;
  made->goes_on_ = std::move(goes_on);
  return made;
}

Result<void> SoundTrack::add(int count, float* out) {
  std::int64_t left = count;
  while (left > 0) {
    const auto have = static_cast<std::int64_t>((ready_.size() - used_) / kChannels);
    if (have > 0) {
      const std::int64_t take = std::min(have, left);
      for (std::int64_t i = 0; i < take * kChannels; ++i)
        *out++ += ready_[used_ + static_cast<std::size_t>(i)];
      used_ += static_cast<std::size_t>(take * kChannels);
      read_ += take;
      left -= take;
      continue;
    }
    ready_.clear();
    used_ = 0;
    if (read_ < silent_until_) {  // nothing needs to be added
      const std::int64_t skip = std::min(left, silent_until_ - read_);
      out += skip * kChannels;
      read_ += skip;
      left -= skip;
      continue;
    }
    if (ended_) return {};
    const auto more = decode_next();
    if (!more) return std::unexpected(more.error());
  }
  return {};
}

// Nothing is ready, and no silence is left.
Result<void> SoundTrack::decode_next() {
  const auto frame = frames_->peek();
  if (!frame) return std::unexpected(frame.error());
  if (*frame == nullptr && goes_on_ && goes_on_()) {
    end_sound();
    silent_until_ = position() + kGap;
    return {};
  }
  if (*frame == nullptr) {
    if (decoder_ && sounding_ && decoder_->conceal(decoder_->delay(), decoded_) > 0) emit();
    end_sound();
    ended_ = true;
    return {};
  }
  const std::int64_t step = (*frame)->frame.first_sequence - last_sequence_;
  const bool lost = last_sequence_ >= 0 && step > 1 && step < kLossReach;
  if ((*frame)->codec != nullptr && (*frame)->config != nullptr && use_decoder_of(**frame) &&
      !take(**frame, sample_at((*frame)->time_ns + source_.offset_ns), lost))
    return {};
  last_sequence_ = (*frame)->frame.last_sequence;
  concealed_ = false;
  frames_->pop();
  return {};
}

bool SoundTrack::use_decoder_of(const PlacedFrame& frame) {
  if (decoder_ && mime_type_ == frame.codec->mime_type && config_ == *frame.config) return true;
  if (!decoder_ && !refused_.empty() && mime_type_ == frame.codec->mime_type) return false;
  end_sound();
  decoder_.reset();
  mime_type_ = frame.codec->mime_type;
  config_ = *frame.config;
  auto made = AudioDecoder::make(mime_type_, config_);
  if (!made) {
    refused_ = made.error().message;
    return false;
  }
  AVChannelLayout from, to;
  av_channel_layout_default(&from, (*made)->channels());
  av_channel_layout_default(&to, kChannels);
  SwrContext* resampler = nullptr;
  int ready = swr_alloc_set_opts2(&resampler, &to, AV_SAMPLE_FMT_FLT, kRate, &from, AV_SAMPLE_FMT_FLT,
                                  (*made)->sample_rate(), 0, nullptr);
  resampler_.reset(resampler);
  constexpr std::array kOneIntoBoth{1.0, 1.0};  // libswresample would make it quieter
  if (ready >= 0 && (*made)->channels() == 1) ready = swr_set_matrix(resampler, kOneIntoBoth.data(), 1);
  if (ready >= 0) ready = swr_init(resampler);
  if (ready < 0) {
    refused_ = libav::error("set up the resampler", ready).message;
    return false;
  }
  decoder_ = std::move(*made);
  lost_ = false;
  begins_at_ = -1;
  return true;
}

std::int64_t SoundTrack::rate_in(std::int64_t samples_out) const noexcept {
  return samples_out * decoder_->sample_rate() / kRate;
}

// `at`: where the first sample belongs that the sender's encoder was given. False: something goes before the
// frame, and it is to be given again.
bool SoundTrack::take(const PlacedFrame& frame, std::int64_t at, bool lost_before) {
  if (begins_at_ < 0) begins_at_ = std::max(at, position());
  at -= std::int64_t{decoder_->delay()} * kRate / decoder_->sample_rate();
  std::int64_t difference = at - position();
  if (difference >= kGap) {
    if (!fill_gap(frame, difference, lost_before || lost_)) return false;
    difference = 0;
  }
  ++stats_.packets;
  lost_ = !decoder_->decode(frame.frame.data, decoded_);
  if (lost_) {
    ++stats_.undecodable;
    decoded_.clear();
    return true;
  }
  if (difference <= -kGap || (difference < 0 && !sounding_)) {  // what is there already
    const auto cut = static_cast<std::size_t>(rate_in(-difference) * decoder_->channels());
    decoded_.erase(decoded_.begin(),
                   decoded_.begin() + static_cast<std::ptrdiff_t>(std::min(cut, decoded_.size())));
  } else if (std::abs(difference) >= kDrift && sounding_ && position() >= stretching_until_) {
    (void)swr_set_compensation(resampler_.get(), static_cast<int>(difference), kRate);
    stretching_until_ = position() + kRate;
  }
  emit();
  return true;
}

// True: the frame follows now. What was lost is concealed, then silent, then taken from the frame's FEC.
bool SoundTrack::fill_gap(const PlacedFrame& frame, std::int64_t gap, bool lost) {
  std::int64_t recoverable = lost ? decoder_->fec_length(frame.frame.data) : 0;
  if (recoverable > rate_in(gap) + decoder_->sample_rate() / 1'000) recoverable = 0;  // not what is missing
  const std::int64_t before = gap - recoverable * kRate / decoder_->sample_rate();
  if (lost && sounding_ && !concealed_ && before > 0) {
    concealed_ = true;
    if (decoder_->conceal(static_cast<int>(rate_in(std::min(before, kMostConcealed))), decoded_) > 0) {
      ++stats_.concealed;
      emit();
    }
    return false;
  }
  if (before >= kGap) {
    const std::int64_t until = position() + before;
    end_sound();
    silent_until_ = until;
    return false;
  }
  if (recoverable > 0 && decoder_->decode_fec(frame.frame.data, decoded_)) {
    ++stats_.recovered_by_fec;
    emit();
  }
  return true;
}

// What is decoded goes on, in the film's format.
void SoundTrack::emit() {
  const int count = static_cast<int>(decoded_.size() / static_cast<std::size_t>(decoder_->channels()));
  const int most = swr_get_out_samples(resampler_.get(), count);
  if (count > 0 && most > 0) {
    resampled_.resize(static_cast<std::size_t>(most) * kChannels);
    auto* to = reinterpret_cast<std::uint8_t*>(resampled_.data());
    const auto* from = reinterpret_cast<const std::uint8_t*>(decoded_.data());
    const int got = swr_convert(resampler_.get(), &to, most, &from, count);
    if (got > 0) append(resampled_.data(), static_cast<std::size_t>(got));
  }
  decoded_.clear();
}

void SoundTrack::append(const float* samples, std::size_t count) {
  // Before the sender's first sample there is only what its encoder began with.
  if (const std::int64_t early = begins_at_ - position(); early > 0) {
    const auto cut = std::min(static_cast<std::size_t>(early), count);
    ready_.resize(ready_.size() + cut * kChannels, 0.0F);
    samples += cut * kChannels;
    count -= cut;
  }
  if (count == 0) return;
  const std::size_t begin = ready_.size();
  if (!sounding_) fade_in_ = kFade;
  sounding_ = true;
  ready_.insert(ready_.end(), samples, samples + count * kChannels);
  for (std::size_t i = 0; i < count && fade_in_ > 0; ++i, --fade_in_)
    for (std::size_t c = 0; c < kChannels; ++c)
      ready_[begin + i * kChannels + c] *= static_cast<float>(kFade - fade_in_) / kFade;
}

// The wave falls to nothing from where it stands.
void SoundTrack::end_sound() {
  if (!sounding_) return;
  sounding_ = false;
  if (resampler_) {  // what it holds
    resampled_.resize(kChannels * 256);
    auto* to = reinterpret_cast<std::uint8_t*>(resampled_.data());
    const int got = swr_convert(resampler_.get(), &to, 256, nullptr, 0);
    if (got > 0)
      ready_.insert(ready_.end(), resampled_.data(),
                    resampled_.data() + static_cast<std::ptrdiff_t>(got) * kChannels);
    (void)swr_init(resampler_.get());
    stretching_until_ = 0;
  }
  if (ready_.size() < kChannels || ready_.size() == used_) return;
  const std::array last{ready_[ready_.size() - 2], ready_[ready_.size() - 1]};
  for (int i = 1; i <= kFade; ++i)
    for (const float value : last) ready_.push_back(value * static_cast<float>(kFade - i) / kFade);
}

}  // namespace rtpx::film
