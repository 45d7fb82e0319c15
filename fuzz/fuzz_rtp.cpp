// RTP packets, their header extensions, and RTCP compound packets: the same bytes through all three parsers.
#include "require.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp.hpp"

using namespace rtpx;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const Bytes bytes(reinterpret_cast<const std::byte*>(data), size);
  if (const auto packet = parse_rtp(bytes)) {
    require(packet->payload.size() + packet->extension.size() + packet->csrcs.size() + 12 <= size);
    std::size_t elements = 0;
    for_each_extension(*packet, [&](std::uint8_t id, Bytes value) {
      elements += 1 + value.size();
      require(find_extension(*packet, id).has_value());
    });
    require(elements <= packet->extension.size());
  }
  const RtcpSummary summary = parse_rtcp(bytes);
  require(summary.sender_reports.size() * 28 <= size);
  require(summary.byes.size() * 4 <= size);
  return 0;
}
