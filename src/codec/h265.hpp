#pragma once

#include <array>

#include "codec/h265_parameters.hpp"
#include "codec/nal.hpp"

namespace rtpx {

/// RFC 7798: single NAL units, aggregation packets, fragmentation units, PACI around them, with or without
/// decoding order numbers (NAL units are taken to come in decoding order). Keyframes are IRAP pictures and recovery
/// points that need no other picture, and where nothing came before, any recovery point (gradual refresh). RASL
/// pictures that follow the first one, or the first one after a loss, refer to pictures that are not there:
/// at the start they are dropped, later they are reference_lost. Other layers than the base layer are left
/// out. codec_private is an hvcC.
class H265Depacketizer final : public NalDepacketizer {
 public:
  H265Depacketizer(DepacketizerOptions options, OnFrame on_frame, OnDropped on_dropped)
      : NalDepacketizer(options, std::move(on_frame), std::move(on_dropped)) {}
  /// A parameter set known beforehand, from sprop-vps, sprop-sps or sprop-pps.
  void add_parameter_set(Bytes nal);
  /// Payloads carry decoding order numbers.
  void expect_donl() noexcept { has_donl_ = true; }
  [[nodiscard]] std::unique_ptr<Depacketizer> clone(OnFrame on_frame, OnDropped on_dropped) const override {
    return clone_of(*this, std::move(on_frame), std::move(on_dropped));
  }

 private:
  Start inspect(const MediaPacket& packet) override;
  void begin() override;
  bool add(const MediaPacket& packet) override;
  bool take_nal(Bytes nal) override;
  void take_slice(const H265Header& header, Bytes nal);
  void finish_sample() override;
  void broken() override { lost(0); }
  void lost(std::int64_t) override { uncertain_ = true; }
  void restart() override { uncertain_ = true; }
  StreamConfig make_config() const override;
  void refresh(bool loss);

  struct Unit {
    bool has_slice = false, has_sps = false;
    H265Header header;                      // of its first slice
    std::optional<std::uint32_t> poc_lsb;   // slice_pic_order_cnt_lsb
    std::optional<std::int32_t> recovery_pocs;  // recovery_poc_cnt of a recovery point
  };
  bool has_donl_ = false;
  std::vector<std::byte> plain_;
  Bytes payload_;  // of the packet inspected last, without PACI and decoding order numbers
  Unit unit_;
  std::array<std::optional<H265Sps>, 16> sps_;
  std::array<std::optional<H265Pps>, 64> pps_;
  std::optional<H265Sps> active_sps_;
  std::optional<std::uint32_t> whole_from_poc_lsb_;  // gradual refresh: damage is over with this picture
  bool irap_brings_sps_ = false;
  bool uncertain_ = true;         // something is missing since the last whole unit
  bool damaged_ = true;           // since the last IRAP picture
  bool leading_damaged_ = true;   // RASL pictures of the last IRAP picture cannot be decoded
  bool leading_at_start_ = true;  // because nothing came before it
};

}  // namespace rtpx
