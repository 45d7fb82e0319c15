#include "codec/opus.hpp"

#include <charconv>

#include "codec/fmtp.hpp"

namespace rtpx {
namespace {

constexpr std::uint16_t kEncoderPreSkip = 312;
constexpr std::uint32_t kMaxDuration = 5760;  // 120 ms, RFC 6716 rule R5

// Samples at 48 kHz of one frame, table 2 of RFC 6716.
std::uint32_t frame_duration(unsigned config) noexcept {
  if (config < 12) return std::array{480U, 960U, 1920U, 2880U}[config & 3U];
  if (config < 16) return std::array{480U, 960U}[config & 1U];
  return std::array{120U, 240U, 480U, 960U}[config & 3U];
}

// Section 3.2.1: one or two bytes.
std::size_t frame_length(ByteReader& in) noexcept {
  const std::size_t first = in.u8();
  return first < 252 ? first : first + 4 * std::size_t{in.u8()};
}

// Section 3.2.5, after the TOC byte. The number of frames; 0: malformed.
int frames_of_code_3(ByteReader in) noexcept {
  const std::uint8_t head = in.u8();
  const int count = head & 0x3F;
  std::size_t padding = 0;
  if ((head & 0x40U) != 0) {
    std::uint8_t byte = 0;
    do {
      byte = in.u8();
      padding += byte == 255 ? 254 : byte;
    } while (byte == 255 && in.ok());
  }
  std::size_t lengths = 0;
  if ((head & 0x80U) != 0)  // VBR
    for (int i = 0; i + 1 < count; ++i) lengths += frame_length(in);
  if (!in.ok() || padding + lengths > in.remaining()) return 0;
  if ((head & 0x80U) == 0 && count > 0 && (in.remaining() - padding) % static_cast<std::size_t>(count) != 0)
    return 0;
  return count;
}

std::optional<std::uint8_t> to_u8(std::string_view text) noexcept {
  std::uint8_t out = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), out);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return out;
}

}  // namespace

std::optional<OpusPacketInfo> parse_opus_packet(Bytes packet) noexcept {
  if (packet.empty()) return std::nullopt;
  ByteReader in(packet);
  const std::uint8_t toc = in.u8();
  OpusPacketInfo out;
  out.stereo = (toc & 0x04U) != 0;
  switch (toc & 0x03U) {
    case 0:
      out.frames = 1;
      break;
    case 1:
      out.frames = in.remaining() % 2 == 0 ? 2 : 0;
      break;
    case 2:
      out.frames = frame_length(in) <= in.remaining() && in.ok() ? 2 : 0;
      break;
    default:
      out.frames = frames_of_code_3(in);
      break;
  }
  out.duration = static_cast<std::uint32_t>(out.frames) * frame_duration(toc >> 3);
  if (out.frames == 0 || out.duration > kMaxDuration) return std::nullopt;
  return out;
}

std::optional<OpusPacketInfo> parse_multistream_opus_packet(Bytes packet) noexcept {
  ByteReader in(packet);
  const std::uint8_t toc = in.u8();
  OpusPacketInfo out;
  out.stereo = (toc & 0x04U) != 0;
  const unsigned code = toc & 0x03U;
  out.frames = code == 0 ? 1 : code < 3 ? 2 : in.u8() & 0x3F;
  out.duration = static_cast<std::uint32_t>(out.frames) * frame_duration(toc >> 3);
  if (!in.ok() || out.frames == 0 || out.duration > kMaxDuration) return std::nullopt;
  return out;
}

std::optional<OpusLayout> multiopus_layout(const Codec& codec) {
  const auto streams = to_u8(fmtp_parameter(codec, "num_streams").value_or(""));
  const auto coupled = to_u8(fmtp_parameter(codec, "coupled_streams").value_or(""));
  std::string_view mapping = fmtp_parameter(codec, "channel_mapping").value_or("");
  if (!streams || !coupled || *streams == 0 || *coupled > *streams) return std::nullopt;
  OpusLayout out{.channels = 0, .streams = *streams, .coupled_streams = *coupled, .mapping = {}};
  while (!mapping.empty()) {
    const std::size_t end = std::min(mapping.find(','), mapping.size());
    const auto source = to_u8(mapping.substr(0, end));
    if (!source || out.channels == out.mapping.size()) return std::nullopt;
    if (*source != 255 && *source >= *streams + *coupled) return std::nullopt;
    out.mapping[out.channels++] = *source;
    mapping.remove_prefix(std::min(end + 1, mapping.size()));
  }
  if (out.channels == 0 || codec.channels.value_or(out.channels) != out.channels) return std::nullopt;
  return out;
}

std::vector<std::byte> make_opus_head(const OpusLayout& layout, std::uint32_t input_sample_rate) {
  const bool family_1 = layout.channels > 2 || layout.streams > 1;
  std::vector<std::byte> out(family_1 ? 21 + layout.channels : 19);
  std::memcpy(out.data(), "OpusHead", 8);
  auto write = [&, at = std::size_t{8}](std::uint32_t value, int bytes) mutable {  // little endian
    for (; bytes > 0; --bytes, value >>= 8) out[at++] = static_cast<std::byte>(value);
  };
  write(1, 1);  // version
  write(layout.channels, 1);
  write(kEncoderPreSkip, 2);
  write(input_sample_rate, 4);
  write(0, 2);  // output gain
  write(family_1 ? 1 : 0, 1);
  if (!family_1) return out;
  write(layout.streams, 1);
  write(layout.coupled_streams, 1);
  for (std::size_t i = 0; i < layout.channels; ++i) write(layout.mapping[i], 1);
  return out;
}

OpusDepacketizer::OpusDepacketizer(std::uint16_t channels, OnFrame on_frame, OnDropped on_dropped)
    : AudioDepacketizer(std::move(on_frame), std::move(on_dropped)), negotiated_(channels != 0) {
  config_.sample_rate = 48000;
  set_channels(channels == 2 ? 2 : 1);
}

OpusDepacketizer::OpusDepacketizer(const OpusLayout& layout, OnFrame on_frame, OnDropped on_dropped)
    : AudioDepacketizer(std::move(on_frame), std::move(on_dropped)), multistream_(layout.streams > 1) {
  config_.sample_rate = 48000;
  config_.channels = layout.channels;
  config_.codec_private = make_opus_head(layout, config_.sample_rate);
}

void OpusDepacketizer::set_channels(std::uint8_t channels) {
  if (config_.channels == channels) return;
  config_.channels = channels;
  const auto coupled = static_cast<std::uint8_t>(channels - 1);
  config_.codec_private =
      make_opus_head({.channels = channels, .coupled_streams = coupled}, config_.sample_rate);
}

const char* OpusDepacketizer::read(Bytes payload, Frame& frame) {
  const auto info = multistream_ ? parse_multistream_opus_packet(payload) : parse_opus_packet(payload);
  if (!info) return "not an Opus packet";
  if (!negotiated_ && info->stereo) set_channels(2);
  frame.duration = info->duration;
  frame.data = payload;
  return nullptr;
}

}  // namespace rtpx
