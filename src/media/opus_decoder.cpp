#include "media/opus_decoder.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <new>
#include <string>

namespace rtpx {
namespace {

constexpr int kLongestPacket = 5'760;    // 120 ms
constexpr std::uint16_t kDecoderPreSkip = 312;  // libopus' look-ahead
constexpr int kStep = 120;               // 2.5 ms: libopus conceals whole steps

/// From Vorbis' order of channels (RFC 7845 section 5.1.1.2) to that of WAVE and FFmpeg: the centre behind both fronts,
/// LFE before the surrounds.
void reorder(std::array<unsigned char, 255>& mapping, int channels) {
  constexpr std::array<std::array<std::uint8_t, 8>, 6> kFrom{{
      {0, 2, 1},                 // L C R
      {0, 1, 2, 3},              // quadraphonic
      {0, 2, 1, 3, 4},           // 5.0
      {0, 2, 1, 5, 3, 4},        // 5.1
      {0, 2, 1, 6, 5, 3, 4},     // 6.1
      {0, 2, 1, 7, 5, 6, 3, 4},  // 7.1
  }};
  if (channels < 3 || channels > 8) return;
  const auto& from = kFrom[static_cast<std::size_t>(channels) - 3];
  const std::array<unsigned char, 255> told = mapping;
  for (std::size_t i = 0; i < static_cast<std::size_t>(channels); ++i) mapping[i] = told[from[i]];
}

const unsigned char* octets(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

}  // namespace

Result<std::unique_ptr<AudioDecoder>> OpusAudioDecoder::make(const StreamConfig& config) {
  int channels = config.channels == 1 ? 1 : 2, streams = 1, coupled = channels - 1;
  std::uint16_t pre_skip = kDecoderPreSkip;
  std::array<unsigned char, 255> mapping{0, 1};
  const Bytes head = config.codec_private;
  if (head.size() >= 19 && std::memcmp(head.data(), "OpusHead", 8) == 0) {  // RFC 7845 section 5.1
    channels = static_cast<int>(head[9]);
    pre_skip = load_le<std::uint16_t>(head.data() + 10);
    if (head[18] != std::byte{0} && head.size() >= 21U + static_cast<unsigned>(channels)) {
      streams = static_cast<int>(head[19]);
      coupled = static_cast<int>(head[20]);
      std::memcpy(mapping.data(), head.data() + 21, static_cast<std::size_t>(channels));
      if (head[18] == std::byte{1}) reorder(mapping, channels);
    } else {
      coupled = channels - 1;
    }
  }
  int error = OPUS_OK;
  OpusMSDecoder* decoder =
      opus_multistream_decoder_create(48'000, channels, streams, coupled, mapping.data(), &error);
  if (error == OPUS_ALLOC_FAIL) throw std::bad_alloc();
  if (decoder == nullptr)
    return fail(Errc::malformed, "Opus of " + std::to_string(channels) + " channels in " +
                                     std::to_string(streams) + " streams, " + std::to_string(coupled) +
                                     " of them coupled, cannot be decoded");
  return std::unique_ptr<AudioDecoder>(new OpusAudioDecoder(decoder, channels, streams, pre_skip));
}

int OpusAudioDecoder::run(Bytes packet, int most, bool fec, Samples& out) {
  const std::size_t begin = out.size();
  out.resize(begin + static_cast<std::size_t>(most) * static_cast<std::size_t>(channels_));
  const int got = opus_multistream_decode_float(decoder_.get(), packet.empty() ? nullptr : octets(packet),
                                                static_cast<opus_int32>(packet.size()), out.data() + begin,
                                                most, fec ? 1 : 0);
  out.resize(begin + static_cast<std::size_t>(std::max(got, 0)) * static_cast<std::size_t>(channels_));
  return std::max(got, 0);
}

bool OpusAudioDecoder::decode(Bytes packet, Samples& out) {
  return !packet.empty() && packet.size() <= 1U << 20 && run(packet, kLongestPacket, false, out) > 0;
}

int OpusAudioDecoder::conceal(int count, Samples& out) {
  int done = 0;
  for (count = count / kStep * kStep; done < count;) {
    const int got = run({}, std::min(count - done, kLongestPacket), false, out);
    if (got == 0) break;
    done += got;
  }
  return done;
}

int OpusAudioDecoder::fec_length(Bytes packet) const {
  if (streams_ != 1 || packet.empty() || packet.size() > 1U << 20) return 0;
  std::array<const unsigned char*, 48> frames{};
  std::array<opus_int16, 48> sizes{};
  const int count = opus_packet_parse(octets(packet), static_cast<opus_int32>(packet.size()), nullptr,
                                      frames.data(), sizes.data(), nullptr);
  const bool celt_only = (static_cast<unsigned>(packet[0]) & 0x80U) != 0;
  if (count <= 0 || celt_only || sizes[0] == 0) return 0;
  // RFC 6716 section 4.2.3: for each channel a VAD bit for each 20 ms, then the LBRR flag.
  const int length = opus_packet_get_samples_per_frame(octets(packet), 48'000);
  const int parts = std::max(length / 960, 1);
  const unsigned first = frames[0][0];
  bool present = (first >> (7 - parts) & 1U) != 0;
  if (opus_packet_get_nb_channels(octets(packet)) == 2)
    present = present || (first >> (6 - 2 * parts) & 1U) != 0;
  return present ? length : 0;
}

bool OpusAudioDecoder::decode_fec(Bytes packet, Samples& out) {
  return run(packet, fec_length(packet), true, out) > 0;
}

}  // namespace rtpx
