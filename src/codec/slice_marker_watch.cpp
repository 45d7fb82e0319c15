#include "codec/slice_marker_watch.hpp"

#include "base/ascii.hpp"
#include "codec/h264_parameters.hpp"
#include "codec/h265_parameters.hpp"
#include "codec/h265_payload.hpp"

namespace rtpx {
namespace {

bool first_bit(Bytes bytes, std::size_t at) noexcept {
  return at < bytes.size() && (u8(bytes[at]) & 0x80U) != 0;
}

}  // namespace

// first_mb_in_slice is 0 exactly when its first bit is 1; it follows the NAL unit's header.
bool h264_begins_later_slice(Bytes payload) noexcept {
  if (payload.empty()) return false;
  std::size_t header = 0;
  std::uint8_t type = u8(payload[0]) & 0x1FU;
  if (type == static_cast<std::uint8_t>(H264Nal::stap_a)) {
    header = 3;
  } else if (type == static_cast<std::uint8_t>(H264Nal::fu_a)) {
    if (!first_bit(payload, 1)) return false;  // S
    header = 1;
  }
  if (header + 1 >= payload.size()) return false;
  type = u8(payload[header]) & 0x1FU;
  const bool slice = type == static_cast<std::uint8_t>(H264Nal::slice) ||
                     type == static_cast<std::uint8_t>(H264Nal::partition_a) ||
                     type == static_cast<std::uint8_t>(H264Nal::idr);
  return slice && !first_bit(payload, header + 1);
}

bool h265_begins_later_slice(Bytes payload) noexcept {
  const auto header = parse_h265_header(payload);
  if (!header) return false;
  if (header->type == H265Nal::fragmentation)
    return first_bit(payload, 2) && (u8(payload[2]) & 0x3FU) <= static_cast<unsigned>(H265Nal::vcl_last) &&
           payload.size() > 3 && !first_bit(payload, 3);
  const Bytes nal = header->type == H265Nal::aggregation
                        ? payload.subspan(std::min<std::size_t>(payload.size(), 4))
                        : payload;
  const auto own = parse_h265_header(nal);
  return own && own->type <= H265Nal::vcl_last && nal.size() > 2 && !first_bit(nal, 2);
}

SliceMarkerWatch::SliceMarkerWatch(const Codec& codec)
    : h265_(equals_ignoring_case(codec.mime_type, "video/H265")), has_donl_(h265_ && h265_has_donl(codec)) {}

void SliceMarkerWatch::push(const RtpPacket& packet, Bytes payload) {
  if (within_ || payload.empty()) return;
  const bool follows = marker_ && packet.timestamp == timestamp_ &&
                       packet.sequence_number == static_cast<std::uint16_t>(sequence_ + 1);
  marker_ = packet.marker;
  sequence_ = packet.sequence_number;
  timestamp_ = packet.timestamp;
  if (!follows) return;
  if (!h265_) {
    within_ = h264_begins_later_slice(payload);
  } else if (const auto plain = plain_h265_payload(payload, has_donl_, buffer_)) {
    within_ = h265_begins_later_slice(*plain);
  }
}

}  // namespace rtpx
