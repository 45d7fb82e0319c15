#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "ingest/webrtc/negotiation.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// Which m-line, layer and role an SSRC has.
struct Route {
  std::size_t track = 0;
  std::uint8_t rid_index = 0;
  StreamRole role = StreamRole::media;
  std::uint32_t media = 0;  ///< for RTX and FEC: the SSRC repaired, 0 while not known
};

/// Learns what each SSRC of a session is, as RFC 8843 section 9.2 does: from the mid, rid and repaired-rid
/// header extensions, the offer's a=ssrc lines, and the payload type. Chromium stops sending the extensions
/// at the first receiver report for an SSRC, so none must go out before the SSRC is known here. Memory:
/// `max_ssrcs` entries.
class Demux {
 public:
  Demux(const std::vector<NegotiatedTrack>& tracks, std::size_t max_ssrcs);

  /// The SSRC's route, where it is known.
  [[nodiscard]] const Route* find(std::uint32_t ssrc) const noexcept;

  enum class Learned : std::uint8_t {
    route,      ///< find() knows it now
    rid_later,  ///< the m-line is known, the layer of its simulcast is not yet: keep the packet
    unknown,    ///< belongs to no m-line
    full,       ///< too many SSRCs
  };
  /// Learns from a packet of an SSRC that find() does not know.
  Learned learn(const RtpPacket& packet);
  /// Gives up waiting for a rid: the first layer that has no SSRC yet, or else the first.
  Learned settle(const RtpPacket& packet);

  /// The media SSRC last seen for a layer; 0: none.
  [[nodiscard]] std::uint32_t media_of(std::size_t track, std::uint8_t rid_index) const noexcept;

 private:
  static constexpr std::uint8_t kSeveral = 0xFF, kNone = 0xFE;

  [[nodiscard]] std::optional<std::size_t> track_of(const RtpPacket& packet) const;
  [[nodiscard]] StreamRole role_of(std::size_t track, std::uint8_t payload_type) const;
  Learned insert(std::uint32_t ssrc, Route route);

  const std::vector<NegotiatedTrack>& tracks_;
  std::size_t max_ssrcs_;
  std::array<std::uint8_t, 128> track_by_type_{};  // or kSeveral, kNone
  std::unordered_map<std::uint32_t, Route> routes_;
  std::map<std::pair<std::size_t, std::uint8_t>, std::uint32_t> media_;  // by track and rid index: the latest
};

}  // namespace rtpx
