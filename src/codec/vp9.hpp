#pragma once

#include <array>
#include <optional>

#include "codec/temporal_references.hpp"
#include "codec/video_depacketizer.hpp"
#include "codec/vp9_header.hpp"

namespace rtpx {

/// VP9 payload descriptor, RFC 9628 section 4.2. An absent optional field is nullopt, never zero.
struct Vp9Descriptor {
  bool inter_picture = false;                          ///< P: refers to other pictures
  bool flexible = false;                               ///< F
  bool begins_layer = false, ends_layer = false;       ///< B, E: of a layer frame
  bool not_for_upper_layers = false;                   ///< Z
  std::optional<std::uint16_t> picture_id;             ///< 7 or 15 bits wide; wraps at that width
  bool long_picture_id = false;                        ///< M: 15 bits
  bool has_layers = false;                             ///< L: the next four are there
  std::uint8_t temporal_layer = 0, spatial_layer = 0;  ///< TID, SID: 0..7
  bool switching_up = false;                           ///< U
  bool inter_layer = false;                            ///< D: refers to the spatial layer below
  std::optional<std::uint8_t> tl0picidx;               ///< non-flexible mode
  std::array<std::uint8_t, 3> differences{};  ///< P_DIFF, flexible mode: how many pictures back it refers
  std::uint8_t difference_count = 0;          ///< 0..3
  bool has_structure = false;                 ///< V
  std::size_t size = 0;                       ///< of the descriptor
};
/// nullopt: the payload ends inside the descriptor or right after it, or has a fourth P_DIFF.
[[nodiscard]] std::optional<Vp9Descriptor> parse_vp9_descriptor(Bytes payload) noexcept;

/// A picture is all layer frames of one timestamp. What comes out of it is the highest spatial layer that is
/// there and wanted; layers below it come along, as a superframe, only if that layer refers to them in this
/// picture (D). So full SVC gives superframes, K-SVC superframes at keyframes and the top layer alone
/// between, and decoders show one picture for each: lower layers in a superframe are marked as not shown.
/// codec_private is a vpcC.
class Vp9Depacketizer final : public VideoDepacketizer {
 public:
  Vp9Depacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
      : VideoDepacketizer(options, std::move(on_frame), std::move(on_dropped)) {}
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    auto made = clone_of(*this, std::move(on_frame), std::move(on_dropped));
    std::vector<std::byte>().swap(made->superframe_);
    std::vector<std::byte>().swap(made->hidden_);
    return made;
  }

 private:
  struct LayerFrame {
    Vp9Descriptor descriptor;
    std::size_t begin = 0, end = 0;  // in buffer()
  };
  /// What became of a picture: the spatial layers of it that a decoder has.
  struct Picture {
    std::uint16_t id = 0;
    bool intact = false;
    std::uint8_t lowest = 0, highest = 0;
  };
  static constexpr std::size_t kLayers = 8;

  Start inspect(const MediaPacket& packet) override;
  void begin() override;
  bool add(const MediaPacket& packet) override;
  void finish() override;
  void broken() override;
  void lost(std::int64_t packets) override { references_.gap(packets); }
  void restart() override;

  [[nodiscard]] bool transform_layers();
  [[nodiscard]] bool choose_layers();
  Bytes make_superframe();
  bool reference_lost(bool keyframe);
  bool flexible_reference_lost(bool keyframe);
  void forget_pictures_up_to(const Vp9Descriptor& picture);
  static FramePlace place(const Vp9Descriptor& picture) noexcept;

  Vp9Descriptor packet_;  // of the packet inspected last
  Vp9Descriptor unit_;    // of the open unit's first packet
  std::array<LayerFrame, kLayers> layers_;
  std::size_t layer_count_ = 0;
  std::size_t lowest_ = 0, highest_ = 0;  // of layers_: what comes out
  std::array<Vp9Size, kLayers> layer_sizes_{};
  std::vector<std::byte> superframe_, hidden_;  // keep their capacity

  TemporalReferences references_;                    // non-flexible mode
  std::array<Picture, 128> pictures_{};              // flexible mode: P_DIFF looks back at most 127
  std::optional<Vp9Descriptor> last_;                // of the last picture heard of
  std::uint8_t last_lowest_ = 0, last_highest_ = 0;  // spatial layers of the last picture that came out
  Vp9Sizes sizes_;
};

}  // namespace rtpx
