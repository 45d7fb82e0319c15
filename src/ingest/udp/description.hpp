#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/net/socket_address.hpp"
#include "ingest/srtp/srtp.hpp"
#include "ingest/udp/sdes.hpp"
#include "ingest/webrtc/negotiation.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// An m-line of plain RTP or SRTP that is recorded, and where it wants to be received.
struct UdpSection {
  NegotiatedTrack track;
  Srtp srtp;        ///< empty: plain
  SdesChoice sdes;  ///< the line that `srtp` has its keys from
  SocketAddress rtp;
  bool mux = false;
  std::uint16_t rtcp_port = 0;  ///< 0: the RTP port's next
};

/// Reads a description for UdpReceiver. `listen` replaces its addresses where given. Total. Errors: those of
/// UdpReceiver::open that concern the description.
[[nodiscard]] Result<std::vector<UdpSection>> read_udp_description(std::string_view text,
                                                                   const std::string& listen);

}  // namespace rtpx
