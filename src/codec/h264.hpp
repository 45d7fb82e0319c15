#pragma once

#include <array>

#include "codec/av1_dependency_descriptor.hpp"
#include "codec/described_references.hpp"
#include "codec/h264_parameters.hpp"
#include "codec/nal.hpp"

namespace rtpx {

/// RFC 6184 in packetization modes 0 and 1: single NAL units, STAP-A, FU-A. The types of the interleaved mode
/// (STAP-B, MTAP, FU-B) are malformed here. Keyframes are IDR pictures and recovery points that need no other
/// frame (recovery_frame_cnt 0), and where nothing came before, any recovery point (intra refresh). Temporal layers are
/// known where prefix NAL units or dependency descriptors tell them. Samples hold slices and SEI; delimiters, fillers,
/// parameter sets (see NalDepacketizer) and the layers of SVC and MVC are left out. codec_private is an avcC.
class H264Depacketizer final : public NalDepacketizer {
 public:
  H264Depacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
      : NalDepacketizer(options, std::move(on_frame), std::move(on_dropped)) {}
  /// A parameter set known beforehand, from sprop-parameter-sets.
  void add_parameter_set(Bytes nal);
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  Start inspect(const MediaPacket& packet) override;
  void begin() override;
  bool add(const MediaPacket& packet) override;
  bool take_nal(Bytes nal) override;
  void take_slice(Bytes nal);
  void finish_sample() override;
  void broken() override { uncertain_ = true; }
  void lost(std::int64_t packets) override {
    missing_packets_ += packets;
    uncertain_ = true;
  }
  void restart() override;
  StreamConfig make_config() const override;
  bool reference_lost(bool key);
  void refresh(bool loss);
  std::optional<std::uint32_t> sps_of(std::uint32_t pps_id) const;

  struct Unit {
    bool has_slice = false, idr = false, has_sps = false;
    std::optional<std::uint32_t> recovery_frames;  // recovery_frame_cnt of a recovery point
    bool reference = false;  // nal_ref_idc of a slice is not 0
    std::uint8_t temporal_layer = 0;
    std::optional<std::uint32_t> sps;  // its place in sps_
    std::optional<std::uint32_t> frame_num;
  };
  Unit unit_;
  DependencyDescriptorReader descriptors_;
  std::optional<DependencyDescriptor> descriptor_;  // of the packet being pushed
  DescribedReferences references_;
  std::array<std::optional<H264Sps>, 32> sps_;
  std::array<std::optional<std::uint32_t>, 256> sps_of_pps_;
  std::optional<std::uint32_t> active_sps_;  // its place in sps_
  bool idr_brings_sps_ = false;  // this sender puts the sets before each IDR picture
  // Loss of references, by dependency descriptors or by frame_num (section 7.4.3)
  bool uncertain_ = false;  // something is missing since the last whole unit
  std::int64_t missing_packets_ = 0;
  std::uint32_t reference_frame_num_ = 0;
  bool damaged_ = false;
  std::optional<std::uint32_t> refresh_left_;  // reference frames until intra refresh has mended the damage
  bool begun_ = false;                         // a keyframe has been handed out since the restart
};

}  // namespace rtpx
