#include "packets/keyframe_size.hpp"

#include "codec/av1_obu.hpp"
#include "codec/h264_parameters.hpp"
#include "codec/h265_parameters.hpp"
#include "codec/vp8.hpp"
#include "codec/vp9.hpp"

namespace rtpx {
namespace {

using Size = std::optional<PictureSize>;

Size vp8_size(Bytes payload) {
  const auto descriptor = parse_vp8_descriptor(payload);
  if (!descriptor) return std::nullopt;
  const auto header = parse_vp8_frame_header(payload.subspan(descriptor->size));
  if (!header || !header->keyframe) return std::nullopt;
  return PictureSize{header->width, header->height};
}

Size vp9_size(Bytes payload) {
  const auto descriptor = parse_vp9_descriptor(payload);
  if (!descriptor) return std::nullopt;
  const auto header = parse_vp9_header(payload.subspan(descriptor->size));
  if (!header || !header->size) return std::nullopt;
  return PictureSize{header->size->width, header->size->height};
}

// The sequence header is among the first OBUs of the packet.
Size av1_size(Bytes payload) {
  const unsigned elements = u8(payload[0]) >> 4 & 3U;
  Bytes rest = payload.subspan(1);
  for (unsigned i = 1; !rest.empty(); ++i) {
    Bytes element = rest;
    if (elements == 0 || i < elements) {
      const auto length = parse_leb128(rest);
      if (!length || length->value > rest.size() - length->size) return std::nullopt;
      element = rest.subspan(length->size, length->value);
    }
    rest = rest.subspan(static_cast<std::size_t>(element.data() + element.size() - rest.data()));
    const auto header = parse_obu_header(element);
    if (!header || header->type != ObuType::sequence_header) continue;
    Bytes body = element.subspan(header->size);
    if (header->has_size) {
      const auto length = parse_leb128(body);
      if (!length) return std::nullopt;
      body = body.subspan(length->size);
    }
    const auto sequence = parse_av1_sequence(body);
    if (sequence) return PictureSize{sequence->width, sequence->height};
  }
  return std::nullopt;
}

Size h264_nal_size(Bytes nal) {
  if (nal.empty() || h264_type(nal[0]) != H264Nal::sps) return std::nullopt;
  const auto sps = parse_h264_sps(nal);
  return sps ? Size(PictureSize{sps->width, sps->height}) : std::nullopt;
}

Size h265_nal_size(Bytes nal) {
  const auto header = parse_h265_header(nal);
  if (!header || header->type != H265Nal::sps) return std::nullopt;
  const auto sps = parse_h265_sps(nal);
  return sps ? Size(PictureSize{sps->width, sps->height}) : std::nullopt;
}

/// Of the parameter sets in an aggregate, each after its length.
Size aggregated_size(Bytes units, Size (*size_of)(Bytes)) {
  for (ByteReader in(units); in.ok() && !in.empty();) {
    const std::size_t length = in.u16();
    if (const Size size = size_of(in.take(length))) return size;
  }
  return std::nullopt;
}

}  // namespace

std::optional<PictureSize> keyframe_size(HintFormat format, Bytes payload) {
  if (payload.size() < 2) return std::nullopt;
  switch (format) {
    case HintFormat::vp8:
      return vp8_size(payload);
    case HintFormat::vp9:
      return vp9_size(payload);
    case HintFormat::av1:
      return av1_size(payload);
    case HintFormat::h264:
      return h264_type(payload[0]) == H264Nal::stap_a ? aggregated_size(payload.subspan(1), h264_nal_size)
                                                      : h264_nal_size(payload);
    case HintFormat::h265:
      return parse_h265_header(payload)->type == H265Nal::aggregation
                 ? aggregated_size(payload.subspan(2), h265_nal_size)
                 : h265_nal_size(payload);
    case HintFormat::none:
      return std::nullopt;
  }
  return std::nullopt;
}

}  // namespace rtpx
