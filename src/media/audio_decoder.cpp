#include "media/audio_decoder.hpp"

#include <algorithm>

#include "media/libav.hpp"
#include "media/opus_decoder.hpp"
#include "mux/codec_id.hpp"

namespace rtpx {
namespace {

constexpr float kScale = 1.0F / 32768;
constexpr std::size_t kLargestPacket = 1U << 20;

class L16Decoder final : public AudioDecoder {
 public:
  L16Decoder(int sample_rate, int channels) : AudioDecoder(sample_rate, channels) {}
  bool decode(Bytes packet, Samples& out) override {
    const std::size_t unit = static_cast<std::size_t>(channels_) * 2;
    const std::size_t size = packet.size() / unit * unit;
    if (size == 0 || packet.size() > kLargestPacket) return false;
    for (std::size_t i = 0; i < size; i += 2)
      out.push_back(static_cast<float>(load_le<std::int16_t>(packet.data() + i)) * kScale);
    return true;
  }
};

/// G.711 and G.722 by libavcodec, which gives 16-bit samples.
class LibavAudioDecoder final : public AudioDecoder {
 public:
  LibavAudioDecoder(libav::Codec context, int sample_rate, int channels)
      : AudioDecoder(sample_rate, channels), context_(std::move(context)) {}

  bool decode(Bytes packet, Samples& out) override {
    if (packet.empty() || packet.size() > kLargestPacket ||
        av_new_packet(packet_.get(), static_cast<int>(packet.size())) < 0)
      return false;
    std::copy_n(reinterpret_cast<const std::uint8_t*>(packet.data()), packet.size(), packet_->data);
    const int sent = avcodec_send_packet(context_.get(), packet_.get());
    av_packet_unref(packet_.get());
    if (sent < 0) return false;
    bool any = false;
    while (avcodec_receive_frame(context_.get(), frame_.get()) == 0) any = append(out) || any;
    return any;
  }

 private:
  bool append(Samples& out) const {
    const bool planar = frame_->format == AV_SAMPLE_FMT_S16P;
    if ((!planar && frame_->format != AV_SAMPLE_FMT_S16) || frame_->ch_layout.nb_channels != channels_)
      return false;
    for (int i = 0; i < frame_->nb_samples; ++i)
      for (int channel = 0; channel < channels_; ++channel) {
        const auto* plane =
            reinterpret_cast<const std::int16_t*>(frame_->extended_data[planar ? channel : 0]);
        out.push_back(static_cast<float>(plane[planar ? i : i * channels_ + channel]) * kScale);
      }
    return frame_->nb_samples > 0;
  }

  libav::Codec context_;
  libav::Packet packet_ = libav::make_packet();
  libav::Frame frame_ = libav::make_frame();
};

}  // namespace

Result<std::unique_ptr<AudioDecoder>> AudioDecoder::make(const std::string& mime_type,
                                                         const StreamConfig& config) {
  const auto codec = codec_of(mime_type);
  const int channels = std::clamp<int>(config.channels, 1, 8);
  const int rate = config.sample_rate != 0 ? static_cast<int>(std::min(config.sample_rate, 384'000U)) : 8'000;
  if (codec == CodecId::opus) return OpusAudioDecoder::make(config);
  if (codec == CodecId::l16) return std::make_unique<L16Decoder>(rate, channels);
  if (codec != CodecId::pcmu && codec != CodecId::pcma && codec != CodecId::g722)
    return fail(Errc::unsupported, "cannot decode " + mime_type + " to encode it anew");

  AVCodecParameters* parameters = avcodec_parameters_alloc();
  if (parameters == nullptr) throw std::bad_alloc();
  parameters->codec_type = AVMEDIA_TYPE_AUDIO;
  parameters->codec_id = codec == CodecId::g722   ? AV_CODEC_ID_ADPCM_G722
                         : codec == CodecId::pcmu ? AV_CODEC_ID_PCM_MULAW
                                                  : AV_CODEC_ID_PCM_ALAW;
  const int true_rate = codec == CodecId::g722 ? 16'000 : rate;
  const int true_channels = codec == CodecId::g722 ? 1 : channels;
  parameters->sample_rate = true_rate;
  av_channel_layout_default(&parameters->ch_layout, true_channels);
  auto context = libav::open_decoder(*parameters, 1);
  avcodec_parameters_free(&parameters);
  if (!context) return std::unexpected(context.error());
  return std::make_unique<LibavAudioDecoder>(std::move(*context), true_rate, true_channels);
}

}  // namespace rtpx
