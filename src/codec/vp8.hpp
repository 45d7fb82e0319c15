#pragma once

#include <optional>

#include "codec/av1_dependency_descriptor.hpp"
#include "codec/described_references.hpp"
#include "codec/temporal_references.hpp"
#include "codec/video_depacketizer.hpp"

namespace rtpx {

/// VP8 payload descriptor, RFC 7741 section 4.2. An absent optional field is nullopt, never zero.
struct Vp8Descriptor {
  bool non_reference = false;                  ///< N: no other frame refers to this one
  bool starts_partition = false;               ///< S
  std::uint8_t partition = 0;                  ///< PID, 0..7
  std::optional<std::uint16_t> picture_id;     ///< 7 or 15 bits wide; wraps at that width
  bool long_picture_id = false;                ///< M: 15 bits
  std::optional<std::uint8_t> tl0picidx;       ///< running number of the frames of temporal layer 0
  std::optional<std::uint8_t> temporal_layer;  ///< TID, 0..3
  bool layer_sync = false;                     ///< Y: refers to temporal layer 0 only
  std::size_t size = 0;                        ///< of the descriptor, in bytes, 1..6
};

/// Reads the descriptor at the front of an RTP payload. Reserved bits are ignored, as section 4.2 asks of
/// receivers. nullopt: the payload ends inside the descriptor or right after it.
[[nodiscard]] std::optional<Vp8Descriptor> parse_vp8_descriptor(Bytes payload) noexcept;

/// VP8 frame tag and keyframe header, RFC 6386 section 9.1.
struct Vp8FrameHeader {
  bool keyframe = false;
  bool shown = false;
  std::uint16_t width = 0, height = 0;  ///< keyframes only
};
/// nullopt: too short, or a keyframe without its start code or size.
[[nodiscard]] std::optional<Vp8FrameHeader> parse_vp8_frame_header(Bytes frame) noexcept;

/// RFC 7741. Where the payload descriptor tells neither picture ids nor layers (browsers leave them out once
/// the dependency descriptor is negotiated), layers and what a loss damages are told by that header
/// extension.
class Vp8Depacketizer final : public VideoDepacketizer {
 public:
  Vp8Depacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
      : VideoDepacketizer(options, std::move(on_frame), std::move(on_dropped)) {}
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  Start inspect(const MediaPacket& packet) override;
  void begin() override;
  bool add(const MediaPacket& packet) override;
  void finish() override;
  void broken() override;
  void lost(std::int64_t packets) override;
  void restart() override;
  [[nodiscard]] bool reference_lost(bool keyframe);

  static FramePlace place(const Vp8Descriptor& frame) noexcept;

  Vp8Descriptor packet_;  // of the packet inspected last
  Vp8Descriptor unit_;    // of the open unit's first packet
  TemporalReferences references_;
  DependencyDescriptorReader descriptors_;
  std::optional<DependencyDescriptor> described_;       // the packet inspected last
  std::optional<DependencyDescriptor> unit_described_;  // the open unit's first packet
  DescribedReferences described_references_;
  bool damaged_ = false;  // something is missing since the last keyframe
};

}  // namespace rtpx
