#pragma once

#include <array>

#include "codec/av1_dependency_descriptor.hpp"
#include "codec/av1_obu.hpp"
#include "codec/described_references.hpp"
#include "codec/video_depacketizer.hpp"

namespace rtpx {

/// AV1 (RTP Payload Format For AV1, AOM). A frame is a temporal unit in the low-overhead format that
/// containers hold: every OBU with a size field, no temporal delimiter, no padding. All layers stay together,
/// since the sequence header tells decoders which to show; layers beyond the options' limits are taken out.
/// The highest spatial layer of a unit bears the number of the sequence's top one. Keyframes are units with a
/// sequence header and a shown key frame. codec_private is an av1C.
class Av1Depacketizer final : public VideoDepacketizer {
 public:
  Av1Depacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
      : VideoDepacketizer(options, std::move(on_frame), std::move(on_dropped)) {}
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  Start inspect(const MediaPacket& packet) override;
  void begin() override;
  bool add(const MediaPacket& packet) override;
  void finish() override;
  void broken() override { damaged_ = true; }
  void lost(std::int64_t packets) override;
  void restart() override;

  [[nodiscard]] Start start_of_first_obu(Bytes payload) const;
  bool begin_obu(Bytes data);
  bool end_obu();
  bool take_obu(const ObuHeader& header, Bytes payload, Bytes whole);
  [[nodiscard]] bool obu_open() const noexcept { return obu_at_ != kNone; }
  bool reference_lost();
  [[nodiscard]] StreamConfig make_config() const;
  void raise_layer();

  /// Of the open temporal unit.
  struct Unit {
    unsigned frames = 0;  // frame headers
    bool keyframe = false, has_sequence = false;
    bool layer_dropped = false;
    int width = 0, height = 0;  // of the shown key frame, where its header was read
    std::uint8_t temporal_layer = 0, spatial_layer = 0;
  };
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  std::size_t obu_at_ = kNone;  // where the open OBU begins in buffer()
  Unit unit_;
  std::optional<Av1Sequence> sequence_;
  std::vector<std::byte> sequence_obu_;
  bool one_frame_a_unit_ = true;  // so far
  bool damaged_ = false;          // something is missing since the last keyframe

  DependencyDescriptorReader descriptors_;
  std::optional<DependencyDescriptor> descriptor_;  // of the packet inspected last
  DescribedReferences references_;
};

}  // namespace rtpx
