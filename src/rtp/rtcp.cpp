#include "rtp/rtcp.hpp"

namespace rtpx {
namespace {

constexpr std::uint8_t kSenderReport = 200;
constexpr std::uint8_t kSourceDescription = 202;
constexpr std::uint8_t kBye = 203;
constexpr std::uint8_t kCname = 1;

void parse_sdes(ByteReader body, unsigned chunks, std::vector<SourceName>& names) {
  for (; chunks > 0 && body.remaining() >= 4; --chunks) {
    const std::uint32_t ssrc = body.u32();
    while (!body.empty()) {
      const std::uint8_t type = body.u8();
      if (type == 0) {  // null items pad the chunk to 32 bits
        while (body.position() % 4 != 0) body.skip(1);
        break;
      }
      const Bytes value = body.take(body.u8());
      if (type == kCname && body.ok()) names.push_back({ssrc, std::string(as_text(value))});
    }
  }
}

}  // namespace

RtcpSummary parse_rtcp(Bytes compound) {
  RtcpSummary out;
  ByteReader in(compound);
  while (in.remaining() >= 4) {
    const std::uint8_t first = in.u8();
    const std::uint8_t type = in.u8();
    const Bytes bytes = in.take(4 * std::size_t{in.u16()});
    if (!in.ok() || first >> 6 != 2) {
      out.well_formed = false;
      return out;
    }
    ByteReader body(bytes);
    const unsigned count = first & 0x1FU;
    if (type == kSenderReport) {
      SenderReport sr;
      sr.ssrc = body.u32();
      sr.ntp = body.u64();
      sr.rtp_timestamp = body.u32();
      sr.packet_count = body.u32();
      sr.octet_count = body.u32();
      if (body.ok()) out.sender_reports.push_back(sr);
      else out.well_formed = false;
    } else if (type == kSourceDescription) {
      parse_sdes(body, count, out.names);
    } else if (type == kBye) {
      for (unsigned i = 0; i < count && body.remaining() >= 4; ++i) out.byes.push_back(body.u32());
    }
  }
  if (!in.empty()) out.well_formed = false;
  return out;
}

std::int64_t ntp_to_ns(std::uint64_t ntp) noexcept {
  const auto seconds = static_cast<std::int64_t>(ntp >> 32);
  const auto fraction = static_cast<std::int64_t>(((ntp & 0xFFFFFFFFU) * 1'000'000'000U) >> 32);
  return seconds * 1'000'000'000 + fraction;
}

}  // namespace rtpx
