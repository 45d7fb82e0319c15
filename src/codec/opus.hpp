#pragma once

#include <array>

#include "codec/audio_depacketizer.hpp"

namespace rtpx {

/// What the first bytes of an Opus packet tell (RFC 6716 section 3).
struct OpusPacketInfo {
  std::uint32_t duration = 0;  ///< samples at 48 kHz of all its frames, 120..5760 (2.5 to 120 ms)
  int frames = 0;              ///< 1..48
  bool stereo = false;
};
/// nullopt: malformed by the rules R1 to R7 of section 3.4 that the bytes without the last stream's framing
/// can show: empty, no frames, more than 120 ms, lengths that do not fit.
[[nodiscard]] std::optional<OpusPacketInfo> parse_opus_packet(Bytes packet) noexcept;

/// The same of a packet with several streams (RFC 6716 appendix B, RFC 7845 section 3): all last equally
/// long, so the first tells. Lengths are not checked.
[[nodiscard]] std::optional<OpusPacketInfo> parse_multistream_opus_packet(Bytes packet) noexcept;

/// Channel layout of multiopus, as its format parameters give it (num_streams, coupled_streams,
/// channel_mapping). It is what channel mapping family 1 of RFC 7845 section 5.1.1 holds.
struct OpusLayout {
  std::uint8_t channels = 2;
  std::uint8_t streams = 1, coupled_streams = 1;
  std::array<std::uint8_t, 8> mapping{0, 1};
};

/// The layout that the format parameters give
/// ("num_streams=4;coupled_streams=2;channel_mapping=0,4,1,2,3,5"). nullopt: parameters are missing, or
/// contradict themselves or codec.channels.
[[nodiscard]] std::optional<OpusLayout> multiopus_layout(const Codec& codec);

/// OpusHead (RFC 7845 section 5.1), with a pre-skip of 312 samples (6.5 ms at 48 kHz, libopus' own delay) and
/// channel mapping family 0 for one stream of up to two channels, else 1.
[[nodiscard]] std::vector<std::byte> make_opus_head(const OpusLayout& layout,
                                                    std::uint32_t input_sample_rate);

/// RFC 7587: every packet is a frame, those of DTX (two bytes or fewer) too.
class OpusDepacketizer final : public AudioDepacketizer {
 public:
  /// `channels`: 0 when not negotiated: then the first packet decides, and a stereo packet after mono changes
  /// it.
  OpusDepacketizer(std::uint16_t channels, OnFrame on_frame, OnDropped on_dropped);
  OpusDepacketizer(const OpusLayout& layout, OnFrame on_frame, OnDropped on_dropped);
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  const char* read(Bytes payload, Frame& frame) override;
  void set_channels(std::uint8_t channels);

  bool negotiated_ = true;  // the number of channels
  bool multistream_ = false;
};

}  // namespace rtpx
