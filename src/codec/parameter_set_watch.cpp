#include "codec/parameter_set_watch.hpp"

#include "base/ascii.hpp"
#include "codec/fmtp.hpp"
#include "codec/h264_parameters.hpp"
#include "codec/h265_parameters.hpp"
#include "codec/h265_payload.hpp"

namespace rtpx {

ParameterSetWatch::ParameterSetWatch(const Codec& codec)
    : h265_(equals_ignoring_case(codec.mime_type, "video/H265")), has_donl_(h265_ && h265_has_donl(codec)) {
  for (const auto& nal : sprop_parameter_sets(codec)) take_nal(nal);
}

void ParameterSetWatch::push(Bytes payload) {
  if (payload.empty() || changes_) return;
  if (h265_) {
    const auto plain = plain_h265_payload(payload, has_donl_, buffer_);
    if (!plain) return;
    payload = *plain;
    const auto header = parse_h265_header(payload);
    if (header->type == H265Nal::aggregation) return take_aggregate(payload.subspan(2));
    if (header->type != H265Nal::fragmentation) return take_nal(payload);
  } else {
    const H264Nal type = h264_type(payload[0]);
    if (type == H264Nal::stap_a) return take_aggregate(payload.subspan(1));
    if (type != H264Nal::fu_a) return take_nal(payload);
  }
  pictures_ = pictures_ || !sets_.entries().empty();
}

void ParameterSetWatch::take_aggregate(Bytes units) {
  ByteReader in(units);
  while (!in.empty() && in.ok()) {
    const std::size_t size = in.u16();
    take_nal(in.take(size));
  }
}

void ParameterSetWatch::take_nal(Bytes nal) {
  if (nal.empty()) return;
  const std::uint64_t revision = sets_.revision();
  if (h265_) {
    const auto header = parse_h265_header(nal);
    if (!header) return;
    if (header->type <= H265Nal::vcl_last) pictures_ = pictures_ || !sets_.entries().empty();
    if (header->type >= H265Nal::vps && header->type <= H265Nal::pps)
      if (const auto id = h265_parameter_set_id(nal))
        sets_.store(static_cast<std::uint8_t>(header->type), *id, nal);
  } else {
    const H264Nal type = h264_type(nal[0]);
    if (type <= H264Nal::idr) pictures_ = pictures_ || !sets_.entries().empty();
    if (const auto id = h264_parameter_set_id(nal)) sets_.store(static_cast<std::uint8_t>(type), *id, nal);
  }
  changes_ = changes_ || (pictures_ && sets_.revision() != revision);
}

}  // namespace rtpx
