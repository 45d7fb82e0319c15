#include "codec/codec_evidence.hpp"

#include <algorithm>
#include <array>

#include "codec/av1_obu.hpp"
#include "codec/h264_parameters.hpp"
#include "codec/h265_parameters.hpp"
#include "codec/opus.hpp"
#include "codec/vp8.hpp"
#include "codec/vp9.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFewestPackets = 3;
constexpr std::uint64_t kMisfitsOneIn = 50;  // torn packets happen

bool plausible_size(int width, int height) noexcept {
  return width >= 16 && height >= 16 && width <= 16384 && height <= 16384;
}

// Proof: a keyframe's start code behind a descriptor without reserved bits.
class Vp8Evidence final : public CodecEvidence {
 public:
  Vp8Evidence() : CodecEvidence("video/VP8") {}

 private:
  bool fits(const MediaPacket& packet, bool first) override {
    const auto descriptor = parse_vp8_descriptor(packet.payload);
    if (!descriptor || (u8(packet.payload[0]) & 0x48U) != 0) return false;
    if (descriptor->size > 1 && (u8(packet.payload[1]) & 0x0FU) != 0) return false;
    const bool start = descriptor->starts_partition && descriptor->partition == 0;
    if (first && !start) return false;
    if (!start) return true;
    const Bytes frame = packet.payload.subspan(descriptor->size);
    if (frame.size() < 3 || (u8(frame[0]) >> 1 & 7U) > 3) return false;  // version, RFC 6386 section 9.1
    if ((u8(frame[0]) & 1U) != 0) return true;
    const auto header = parse_vp8_frame_header(frame);
    if (!header || !plausible_size(header->width, header->height)) return false;
    proven_ = true;
    return true;
  }
};

// Proof: a keyframe's sync code.
class Vp9Evidence final : public CodecEvidence {
 public:
  Vp9Evidence() : CodecEvidence("video/VP9") {}

 private:
  bool fits(const MediaPacket& packet, bool first) override {
    const auto descriptor = parse_vp9_descriptor(packet.payload);
    if (!descriptor || (first && !descriptor->begins_layer) || (packet.marker && !descriptor->ends_layer))
      return false;
    if (!descriptor->begins_layer) return true;
    const auto header = parse_vp9_header(packet.payload.subspan(descriptor->size));
    if (!header) return false;
    if (header->keyframe && !plausible_size(header->size->width, header->size->height)) return false;
    proven_ = proven_ || header->keyframe;
    return true;
  }
};

// Proof: a new coded video sequence that begins with a sequence header and goes on with a shown key frame.
class Av1Evidence final : public CodecEvidence {
 public:
  Av1Evidence() : CodecEvidence("video/AV1") {}

 private:
  bool fits(const MediaPacket& packet, bool first) override {
    const std::uint8_t head = u8(packet.payload[0]);
    const bool continues = (head & 0x80U) != 0, continued = (head & 0x40U) != 0,
               new_sequence = (head & 0x08U) != 0;
    if ((head & 0x07U) != 0 || (first && continues) || (packet.marker && continued)) return false;
    if (continues && new_sequence) return false;
    Bytes rest = packet.payload.subspan(1);
    const unsigned count = head >> 4 & 3U;
    std::optional<Av1Sequence> sequence;
    for (unsigned i = 1; !rest.empty(); ++i) {
      Bytes obu = rest;
      if (count == 0 || i < count) {
        const auto length = parse_leb128(rest);
        if (!length || length->value > rest.size() - length->size) return false;
        obu = rest.subspan(length->size, length->value);
      }
      rest = rest.subspan(static_cast<std::size_t>(obu.data() + obu.size() - rest.data()));
      if (i == 1 && continues) continue;
      if (!fits_obu(obu, sequence)) return false;
      if (count != 0 && i == count && !rest.empty()) return false;
    }
    return !new_sequence || sequence.has_value();
  }

  bool fits_obu(Bytes obu, std::optional<Av1Sequence>& sequence) {
    const auto header = parse_obu_header(obu);
    if (!header || (u8(obu[0]) & 1U) != 0) return false;  // obu_reserved_1bit
    const auto type = static_cast<unsigned>(header->type);
    if (type == 0 || (type > 8 && type < 15)) return false;
    const Bytes payload = obu.subspan(header->size);
    if (header->has_size) return true;  // allowed, but nobody sends it: no proof
    if (header->type == ObuType::sequence_header) {
      sequence = parse_av1_sequence(payload);
      return sequence && plausible_size(sequence->width, sequence->height);
    }
    if (sequence && (header->type == ObuType::frame || header->type == ObuType::frame_header)) {
      const auto frame = parse_av1_frame_header(payload, *sequence);
      proven_ = proven_ || (frame && frame->keyframe && frame->shown);
    }
    return true;
  }
};

// Proof: a slice of a keyframe that refers to a PPS that refers to an SPS.
class H264Evidence final : public CodecEvidence {
 public:
  H264Evidence() : CodecEvidence("video/H264") {}

 private:
  bool fits(const MediaPacket& packet, bool) override {
    const Bytes payload = packet.payload;
    if (payload.size() < 2) return false;
    const H264Nal type = h264_type(payload[0]);
    if (type == H264Nal::fu_a) return fits_fragment(payload);
    if (type != H264Nal::stap_a) return fits_nal(payload);
    ByteReader in(payload.subspan(1));
    while (in.ok() && !in.empty())
      if (!fits_nal(in.take(in.u16()))) return false;
    return in.ok();
  }

  bool fits_fragment(Bytes payload) {
    const std::uint8_t header = u8(payload[1]);
    const bool start = (header & 0x80U) != 0;
    if (payload.size() < 3 || (header & 0x20U) != 0 || (start && (header & 0x40U) != 0)) return false;
    if (!start) return (u8(payload[0]) & 0x80U) == 0;
    std::vector<std::byte> nal(
        payload.begin() + 1,
        payload.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(payload.size(), 64)));
    nal[0] = (payload[0] & std::byte{0xE0}) | (payload[1] & std::byte{0x1F});
    return fits_nal(nal);
  }

  bool fits_nal(Bytes nal) {
    if (nal.size() < 2 || (u8(nal[0]) & 0x80U) != 0) return false;  // forbidden_zero_bit
    const bool reference = (u8(nal[0]) & 0x60U) != 0;
    switch (h264_type(nal[0])) {
      case H264Nal::slice:
      case H264Nal::idr: {
        const auto slice = parse_h264_slice(nal);
        const bool idr = h264_type(nal[0]) == H264Nal::idr;
        if (!slice || (idr && (!reference || slice->type % 5 != 2))) return false;  // I slices only
        if (idr && complete_pps_[slice->pps_id]) proven_ = true;
        return true;
      }
      case H264Nal::sps: {
        const auto sps = parse_h264_sps(nal);
        if (!sps || !reference || (sps->constraints & 3U) != 0 || sps->level_idc > 62 || sps->level_idc < 9)
          return false;
        if (!plausible_size(sps->width, sps->height)) return false;
        sps_[sps->id] = true;
        return true;
      }
      case H264Nal::pps: {
        const auto pps = parse_h264_pps(nal);
        if (!pps || !reference) return false;
        complete_pps_[pps->id] = complete_pps_[pps->id] || sps_[pps->sps_id];
        return true;
      }
      default: {
        const unsigned type = u8(nal[0]) & 0x1FU;
        return type >= 1 && type <= 23;
      }
    }
  }

  std::array<bool, 32> sps_{};
  std::array<bool, 256> complete_pps_{};
};

class H265Evidence final : public CodecEvidence {
 public:
  H265Evidence() : CodecEvidence("video/H265") {}

 private:
  bool fits(const MediaPacket& packet, bool) override {
    const Bytes payload = packet.payload;
    const auto header = parse_h265_header(payload);
    if (!header) return false;
    if (header->type == H265Nal::fragmentation) {
      if (payload.size() < 4 || (u8(payload[0]) & 0x80U) != 0 || (u8(payload[1]) & 7U) == 0) return false;
      const std::uint8_t fu = u8(payload[2]);
      if ((fu & 0xC0U) == 0xC0U) return false;
      if ((fu & 0x80U) == 0) return true;
      std::vector<std::byte> nal(
          payload.begin() + 1,
          payload.begin() + static_cast<std::ptrdiff_t>(std::min<std::size_t>(payload.size(), 64)));
      nal[0] = static_cast<std::byte>((fu & 0x3FU) << 1 | (u8(payload[0]) & 1U));
      nal[1] = payload[1];
      return fits_nal(nal);
    }
    if (header->type != H265Nal::aggregation) return fits_nal(payload);
    ByteReader in(payload.subspan(2));
    while (in.ok() && !in.empty())
      if (!fits_nal(in.take(in.u16()))) return false;
    return in.ok();
  }

  bool fits_nal(Bytes nal) {
    const auto header = parse_h265_header(nal);
    if (!header || (u8(nal[0]) & 0x80U) != 0 || (u8(nal[1]) & 7U) == 0 || nal.size() < 3) return false;
    if (header->type >= H265Nal::aggregation) return false;
    if (header->type == H265Nal::vps) vps_ = h265_parameter_set_id(nal).has_value();
    if (header->type == H265Nal::sps) {
      const auto sps = parse_h265_sps(nal);
      if (!sps || !plausible_size(sps->width, sps->height)) return false;
      sps_[sps->id] = true;
    }
    if (header->type == H265Nal::pps) {
      const auto pps = parse_h265_pps(nal);
      if (!pps) return false;
      complete_pps_[pps->id] = complete_pps_[pps->id] || sps_[pps->sps_id];
    }
    if (header->type >= H265Nal::irap_first && header->type <= H265Nal::cra) {
      const auto pps = h265_slice_pps(nal);
      if (pps && vps_ && complete_pps_[*pps]) proven_ = true;
    }
    return true;
  }

  bool vps_ = false;
  std::array<bool, 16> sps_{};
  std::array<bool, 64> complete_pps_{};
};

// Proof: the next packet's timestamp is where the duration in this one's first bytes ends, packet after
// packet.
class OpusEvidence final : public CodecEvidence {
 public:
  OpusEvidence() : CodecEvidence("audio/opus") {}

 private:
  bool fits(const MediaPacket& packet, bool) override {
    const auto info = parse_opus_packet(packet.payload);
    if (last_ && packet.sequence == last_->sequence + 1) {
      const std::int64_t step = packet.timestamp - last_->timestamp;
      if (step == last_duration_)
        ++matches_;
      else if (step < last_duration_ || step % 120 != 0)
        ++mismatches_;  // a longer step is DTX
      if (step == static_cast<std::int64_t>(last_size_) || 2 * step == static_cast<std::int64_t>(last_size_))
        ++mismatches_;  // as many bytes as ticks: PCM
    }
    last_ = packet;
    last_->payload = {};
    last_size_ = packet.payload.size();
    last_duration_ = info ? info->duration : 0;
    supported_ = matches_ >= 2 && mismatches_ * 20 <= matches_;
    proven_ = matches_ >= 25 && supported_;
    return info.has_value();
  }

  std::optional<MediaPacket> last_;
  std::size_t last_size_ = 0;
  std::int64_t last_duration_ = 0;
  std::uint64_t matches_ = 0, mismatches_ = 0;
};

}  // namespace

void CodecEvidence::push(const MediaPacket& packet, bool first) {
  ++packets_;
  if (!fits(packet, first)) ++misfits_;
}

bool CodecEvidence::convincing() const noexcept {
  return proven_ && plausible();
}

bool CodecEvidence::plausible() const noexcept {
  return supported_ && packets_ >= kFewestPackets && misfits_ * kMisfitsOneIn <= packets_;
}

std::vector<std::unique_ptr<CodecEvidence>> make_video_evidence() {
  std::vector<std::unique_ptr<CodecEvidence>> out;
  out.push_back(std::make_unique<Vp8Evidence>());
  out.push_back(std::make_unique<Vp9Evidence>());
  out.push_back(std::make_unique<Av1Evidence>());
  out.push_back(std::make_unique<H264Evidence>());
  out.push_back(std::make_unique<H265Evidence>());
  return out;
}

std::vector<std::unique_ptr<CodecEvidence>> make_audio_evidence() {
  std::vector<std::unique_ptr<CodecEvidence>> out;
  out.push_back(std::make_unique<OpusEvidence>());
  return out;
}

}  // namespace rtpx
