#include "media/audio_encoder.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cstring>
#include <new>
#include <string>

#include "base/bytes.hpp"
#include "media/libav_quiet.hpp"
#include "media/libav_versions.hpp"

namespace rtpx {
namespace {

struct Recipe {
  const char* encoder;
  const char* mime_type;
  std::int64_t bit_rate;  // of each channel; 0: the codec has none
};

Recipe recipe(AudioCodec codec) {
  switch (codec) {
    case AudioCodec::opus:
      return {"libopus", "audio/opus", 48'000};
    case AudioCodec::aac:
      return {"aac", "audio/AAC", 64'000};
    case AudioCodec::flac:
      return {"flac", "audio/FLAC", 0};
    case AudioCodec::pcm:
    case AudioCodec::copy:
      break;
  }
  return {nullptr, "audio/L16", 0};
}

// The lowest rate of the encoder that keeps what is there, else its highest.
int rate_for(const AVCodec& codec, int rate) {
  const auto rates = libav::sample_rates_of(codec);
  if (rates.empty()) return rate;
  int best = 0, highest = 0;
  for (const int one : rates) {
    highest = std::max(highest, one);
    if (one >= rate && (best == 0 || one < best)) best = one;
  }
  return best != 0 ? best : highest;
}

AVSampleFormat format_for(const AVCodec& codec) {
  const auto formats = libav::sample_formats_of(codec);
  if (formats.empty() || std::ranges::find(formats, AV_SAMPLE_FMT_S16) != formats.end())
    return AV_SAMPLE_FMT_S16;
  return formats.front();
}

}  // namespace

Result<std::unique_ptr<AudioEncoder>> AudioEncoder::open(AudioCodec codec, AudioFormat in, AudioFormat out) {
  quiet_libav();
  if (codec == AudioCodec::copy) return fail(Errc::invalid_argument, "copied audio is not encoded");
  auto made = std::make_unique<AudioEncoder>();
  if (auto ready = made->set_up(codec, out); !ready) return std::unexpected(ready.error());
  if (auto ready = made->open_resampler(in); !ready) return std::unexpected(ready.error());
  return made;
}

Result<void> AudioEncoder::set_up(AudioCodec target, AudioFormat out) {
  const Recipe how = recipe(target);
  rate_ = out.sample_rate;
  channels_ = out.channels;
  track_.kind = MediaKind::audio;
  track_.mime_type = how.mime_type;
  if (how.encoder != nullptr) {
    const AVCodec* codec = avcodec_find_encoder_by_name(how.encoder);
    if (codec == nullptr)
      return fail(Errc::unsupported, std::string("this build of FFmpeg cannot encode ") + how.mime_type);
    rate_ = rate_for(*codec, rate_);
    format_ = format_for(*codec);
    encoder_.reset(avcodec_alloc_context3(codec));
    if (!encoder_) throw std::bad_alloc();
    encoder_->sample_rate = rate_;
    av_channel_layout_default(&encoder_->ch_layout, channels_);
    encoder_->sample_fmt = format_;
    encoder_->bit_rate = how.bit_rate * channels_;
    encoder_->time_base = {1, rate_};
    encoder_->thread_count = 1;
    encoder_->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    if (const int opened = avcodec_open2(encoder_.get(), codec, nullptr); opened < 0)
      return std::unexpected(libav::error(std::string("open the encoder of ") + how.mime_type + " for " +
                                              std::to_string(channels_) + " channels",
                                          opened));
    const auto* setup = reinterpret_cast<const std::byte*>(encoder_->extradata);
    track_.config.codec_private.assign(setup, setup + encoder_->extradata_size);
    track_.codec_delay_ns = to_ns(std::max(encoder_->initial_padding, 0));
  }
  frame_size_ = encoder_ && encoder_->frame_size > 0 ? encoder_->frame_size : std::max(rate_ / 50, 1);
  track_.config.sample_rate = static_cast<std::uint32_t>(rate_);
  track_.config.channels = static_cast<std::uint16_t>(channels_);
  track_.config.bits_per_sample = encoder_ ? 0 : 16;

  fifo_.reset(av_audio_fifo_alloc(format_, channels_, frame_size_ * 4));
  if (!fifo_) throw std::bad_alloc();
  return {};
}

Result<void> AudioEncoder::open_resampler(AudioFormat in) {
  in_ = in;
  AVChannelLayout from, to;
  av_channel_layout_default(&from, in.channels);
  av_channel_layout_default(&to, channels_);
  SwrContext* resampler = nullptr;
  int made = swr_alloc_set_opts2(&resampler, &to, format_, rate_, &from, AV_SAMPLE_FMT_FLT, in.sample_rate, 0,
                                 nullptr);
  resampler_.reset(resampler);
  constexpr std::array kOneIntoBoth{1.0, 1.0};  // libswresample would make it quieter
  if (made >= 0 && in.channels == 1 && channels_ == 2)
    made = swr_set_matrix(resampler, kOneIntoBoth.data(), 1);
  if (made >= 0) made = swr_init(resampler);
  if (made < 0) return std::unexpected(libav::error("set up the resampler", made));
  return {};
}

Result<void> AudioEncoder::set_input(AudioFormat in, const Sink& sink) {
  if (in == in_) return {};
  if (auto emptied = empty_resampler(sink); !emptied) return emptied;
  return open_resampler(in);
}

std::int64_t AudioEncoder::to_ns(std::int64_t samples) const noexcept {
  return av_rescale_q(samples, {1, rate_}, libav::kNanoseconds);
}

void AudioEncoder::begin(std::int64_t time_ns) noexcept {
  next_ = std::max(next_, av_rescale_q(time_ns, libav::kNanoseconds, {1, rate_}));
}

void AudioEncoder::stretch(int samples) noexcept {
  // The first call turns the resampler on where the rates are equal; it holds no samples then.
  (void)swr_set_compensation(resampler_.get(),
                             static_cast<int>(static_cast<std::int64_t>(samples) * rate_ / in_.sample_rate),
                             rate_);
}

// nullptr: what the resampler still holds.
Result<void> AudioEncoder::convert(const float* samples, int count) {
  const int most = swr_get_out_samples(resampler_.get(), count);
  if (most <= 0) return {};
  std::uint8_t** planes = nullptr;
  if (av_samples_alloc_array_and_samples(&planes, nullptr, channels_, most, format_, 0) < 0)
    throw std::bad_alloc();
  const auto* in = reinterpret_cast<const std::uint8_t*>(samples);
  const int got = swr_convert(resampler_.get(), planes, most, samples != nullptr ? &in : nullptr, count);
  const bool stored =
      got <= 0 || av_audio_fifo_write(fifo_.get(), reinterpret_cast<void**>(planes), got) == got;
  av_freep(&planes[0]);
  av_freep(&planes);
  if (!stored) throw std::bad_alloc();
  if (got < 0) return std::unexpected(libav::error("resample audio", got));
  return {};
}

Result<void> AudioEncoder::push(const float* samples, int count, const Sink& sink) {
  constexpr int kMost = 48'000;  // bounds the fifo
  for (int at = 0; at < count; at += kMost) {
    if (auto converted =
            convert(samples + static_cast<std::ptrdiff_t>(at) * in_.channels, std::min(count - at, kMost));
        !converted)
      return converted;
    if (auto encoded = encode_whole_frames(sink); !encoded) return encoded;
  }
  return {};
}

Result<void> AudioEncoder::encode_whole_frames(const Sink& sink) {
  while (av_audio_fifo_size(fifo_.get()) >= frame_size_)
    if (auto encoded = encode(frame_size_, sink); !encoded) return encoded;
  return {};
}

// The next `count` samples, fewer than a frame only at the end: every encoder takes that, and says how long
// it is.
Result<void> AudioEncoder::encode(int count, const Sink& sink) {
  av_frame_unref(frame_.get());
  frame_->format = format_;
  frame_->sample_rate = rate_;
  av_channel_layout_default(&frame_->ch_layout, channels_);
  frame_->nb_samples = count;
  if (av_frame_get_buffer(frame_.get(), 0) < 0) throw std::bad_alloc();
  if (av_audio_fifo_read(fifo_.get(), reinterpret_cast<void**>(frame_->extended_data), count) < count)
    return fail(Errc::internal, "the audio encoder lost samples");
  const std::int64_t at = next_;
  next_ += count;
  if (!encoder_) return encode_l16(sink, to_ns(at), count);
  frame_->pts = at;
  if (const int sent = avcodec_send_frame(encoder_.get(), frame_.get()); sent < 0)
    return std::unexpected(libav::error("encode " + track_.mime_type, sent));
  return drain(sink);
}

Result<void> AudioEncoder::encode_l16(const Sink& sink, std::int64_t time_ns, int count) {
  const std::span samples(reinterpret_cast<std::int16_t*>(frame_->extended_data[0]),
                          static_cast<std::size_t>(count) * static_cast<std::size_t>(channels_));
  for (std::int16_t& one : samples) one = in_order<std::endian::little>(one);  // FFmpeg's are the machine's
  Sample sample;
  sample.time_ns = time_ns;
  sample.duration_ns = to_ns(count);
  sample.keyframe = true;
  sample.data = std::as_bytes(samples);
  return sink(sample);
}

Result<void> AudioEncoder::drain(const Sink& sink) {
  for (;;) {
    const int got = avcodec_receive_packet(encoder_.get(), packet_.get());
    if (got == AVERROR(EAGAIN) || got == AVERROR_EOF) return {};
    if (got < 0) return std::unexpected(libav::error("encode " + track_.mime_type, got));
    if (packet_->size == 0) continue;  // FLAC's new STREAMINFO
    Sample sample;
    const std::int64_t first = packet_->pts + std::max(encoder_->initial_padding, 0);
    sample.time_ns = std::max({to_ns(first), std::int64_t{0}, last_time_ns_});
    last_time_ns_ = sample.time_ns;
    // Packets of a fixed length say by their duration how much of them is to be heard.
    const std::int64_t heard = std::clamp<std::int64_t>(packet_->duration, 0, frame_size_);
    sample.duration_ns = to_ns(encoder_->initial_padding > 0 ? frame_size_ : heard);
    sample.discard_ns = sample.duration_ns - to_ns(heard);
    sample.keyframe = true;
    sample.data = std::as_bytes(std::span(packet_->data, static_cast<std::size_t>(packet_->size)));
    auto taken = sink(sample);
    av_packet_unref(packet_.get());
    if (!taken) return taken;
  }
}

Result<void> AudioEncoder::empty_resampler(const Sink& sink) {
  if (auto converted = convert(nullptr, 0); !converted) return converted;
  return encode_whole_frames(sink);
}

Result<void> AudioEncoder::pad(const Sink& sink) {
  if (auto emptied = empty_resampler(sink); !emptied) return emptied;
  (void)swr_init(resampler_.get());
  const int left = av_audio_fifo_size(fifo_.get());
  if (left == 0) return {};
  const int step = in_.sample_rate / 10;
  std::vector<float> silence(static_cast<std::size_t>(step) * static_cast<std::size_t>(in_.channels));
  while (av_audio_fifo_size(fifo_.get()) < frame_size_)
    if (auto converted = convert(silence.data(), step); !converted) return converted;
  auto encoded = encode(frame_size_, sink);
  av_audio_fifo_reset(fifo_.get());
  (void)swr_init(resampler_.get());
  return encoded;
}

Result<void> AudioEncoder::finish(const Sink& sink) {
  if (auto emptied = empty_resampler(sink); !emptied) return emptied;
  if (const int left = av_audio_fifo_size(fifo_.get()); left > 0)
    if (auto encoded = encode(left, sink); !encoded) return encoded;
  if (!encoder_) return {};
  (void)avcodec_send_frame(encoder_.get(), nullptr);
  return drain(sink);
}

}  // namespace rtpx
