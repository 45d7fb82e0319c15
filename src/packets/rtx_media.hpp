#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

#include "packets/rtcp_log.hpp"
#include "repair/repairer.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// Sources of retransmissions (RFC 4588) that stand for media of which no packet came: all of it was lost, or a media
/// server passed on the repair stream alone. What they repeat is then taken as the media itself.
class RtxMedia {
 public:
  [[nodiscard]] bool empty() const noexcept { return media_of_.empty(); }
  void add(std::uint32_t rtx_ssrc, std::uint32_t media_ssrc) { media_of_[rtx_ssrc] = media_ssrc; }

  /// Takes the place of a retransmission of such a source: the packet as it was first sent, built in `buffer`, which must
  /// not hold `packet`. False: it is another packet, or repeats nothing.
  [[nodiscard]] bool restore(RtpPacket& packet, const PayloadTypes& types, std::vector<std::byte>& buffer) const {
    return !empty() && restore_any(packet, types, buffer);
  }

  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    with(media_of_);
  }

 private:
  [[nodiscard]] bool restore_any(RtpPacket& packet, const PayloadTypes& types, std::vector<std::byte>& buffer) const;

  std::map<std::uint32_t, std::uint32_t> media_of_;  // by the SSRC of the retransmissions
};

/// Notes the sources of retransmissions of one layer as long as no media of it have come. Bounded.
class RtxWatch {
 public:
  void push(const RtpPacket& packet, const PayloadTypes& types, std::int64_t receive_ms);
  /// Packets that repeat something.
  [[nodiscard]] std::uint64_t packets() const noexcept;
  /// These sources with the media SSRC of each: the one whose sender reports tell the RTP times that it repeats when it
  /// does; where none does, its own.
  void settle(const RtcpLog& rtcp, RtxMedia& out) const;

 private:
  struct Source {
    std::uint32_t clock_rate = 0;
    std::uint64_t packets = 0;
    std::vector<RtpTimeSeen> seen;  // one in half a second
  };
  std::map<std::uint32_t, Source> sources_;  // by SSRC
};

}  // namespace rtpx
