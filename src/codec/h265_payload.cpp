#include "codec/h265_payload.hpp"

#include <charconv>

#include "codec/fmtp.hpp"
#include "codec/h265_parameters.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kPayloadHeader = 2;

bool above_zero(const Codec& codec, std::string_view parameter) noexcept {
  const auto text = fmtp_parameter(codec, parameter);
  unsigned value = 0;
  return text && std::from_chars(text->data(), text->data() + text->size(), value).ec == std::errc() &&
         value > 0;
}

void append(std::vector<std::byte>& out, Bytes bytes) {
  out.insert(out.end(), bytes.begin(), bytes.end());
}

// PayloadHdr | A, cType (6), PHSsize (5), F0..2, Y | PHSsize bytes | the rest of the payload that is carried.
bool unwrap_paci(Bytes payload, std::vector<std::byte>& out) {
  ByteReader in(payload.subspan(kPayloadHeader));
  const unsigned fields = in.u16();
  in.skip(fields >> 4 & 0x1F);
  if (!in.ok()) return false;
  const unsigned forbidden = fields >> 15, type = fields >> 9 & 0x3F;
  out.push_back((payload[0] & std::byte{0x01}) | static_cast<std::byte>(forbidden << 7 | type << 1));
  out.push_back(payload[1]);
  append(out, in.rest());
  return true;
}

bool drop_orders_of_aggregate(Bytes payload, std::vector<std::byte>& out) {
  append(out, payload.first(kPayloadHeader));
  ByteReader in(payload.subspan(kPayloadHeader));
  in.skip(2);  // DONL
  while (true) {
    const std::uint16_t size = in.u16();
    const Bytes nal = in.take(size);
    if (!in.ok()) return false;
    out.push_back(static_cast<std::byte>(size >> 8));
    out.push_back(static_cast<std::byte>(size));
    append(out, nal);
    if (in.empty()) return true;
    in.skip(1);  // DOND
  }
}

/// False: cut.
bool drop_orders(Bytes payload, H265Nal type, std::vector<std::byte>& out) {
  if (type == H265Nal::aggregation) return drop_orders_of_aggregate(payload, out);
  std::size_t kept = kPayloadHeader;
  if (type == H265Nal::fragmentation) {
    if (payload.size() <= kPayloadHeader) return false;
    ++kept;  // the FU header; only a first fragment has a number
    if ((u8(payload[kPayloadHeader]) & 0x80U) == 0) return append(out, payload), true;
  }
  if (payload.size() < kept + 2) return false;
  append(out, payload.first(kept));
  append(out, payload.subspan(kept + 2));
  return true;
}

}  // namespace

bool h265_has_donl(const Codec& codec) noexcept {
  return above_zero(codec, "sprop-max-don-diff") || above_zero(codec, "sprop-depack-buf-nalus");
}

std::optional<Bytes> plain_h265_payload(Bytes payload, bool has_donl, std::vector<std::byte>& buffer) {
  auto header = parse_h265_header(payload);
  if (!header) return std::nullopt;
  std::vector<std::byte> carried;
  if (header->type == H265Nal::paci) {
    if (!unwrap_paci(payload, carried)) return std::nullopt;
    payload = carried;
    header = parse_h265_header(payload);
    if (header->type == H265Nal::paci) return std::nullopt;  // a PACI in a PACI is not allowed
  }
  if (has_donl) {
    std::vector<std::byte> out;
    if (!drop_orders(payload, header->type, out)) return std::nullopt;
    carried = std::move(out);
  }
  if (carried.empty()) return payload;
  buffer = std::move(carried);
  return Bytes(buffer);
}

}  // namespace rtpx
