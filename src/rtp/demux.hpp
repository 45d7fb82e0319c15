#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "rtp/negotiated_track.hpp"
#include "rtp/packet.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Which m-line, layer and role an SSRC has.
struct Route {
  std::size_t track = 0;
  std::uint8_t rid_index = 0;
  StreamRole role = StreamRole::media;
  std::uint32_t media = 0;    ///< for RTX and FEC: the SSRC repaired, 0 while not known; for media its own
  bool rid_by_order = false;  ///< no packet told the layer: it follows from the order of the SSRCs
};

/// Learns what each SSRC of a transport is, as RFC 8843 section 9.2 does: from the mid, rid and repaired-rid
/// header extensions, the description's SSRCs, and the payload type, which does not matter for the first
/// SSRC where there is but one m-line. An SSRC that the description names gives
/// m-line and role; the layer of several is what the packets say, whenever they say it. Give it authenticated
/// packets only. Memory: `max_sources` entries; the owner makes place by retire().
///
/// Chromium stops sending the extensions at the first receiver report for an SSRC, so none must go out before
/// the SSRC is known here.
class Demux {
 public:
  using Time = ReceiveClock::time_point;

  /// `tracks` must stay where they are.
  Demux(const std::vector<NegotiatedTrack>& tracks, std::size_t max_sources);

  /// The SSRC's route, where it is known.
  [[nodiscard]] const Route* find(std::uint32_t ssrc) const noexcept;
  /// The m-line of an SSRC, from its packets or from the description.
  [[nodiscard]] std::optional<std::size_t> track_of(std::uint32_t ssrc) const noexcept;
  /// The m-line that a packet says it belongs to. Learns nothing.
  [[nodiscard]] std::optional<std::size_t> track_of(const RtpPacket& packet) const noexcept;

  enum class Learned : std::uint8_t {
    route,      ///< find() knows it
    rid_later,  ///< the m-line is known, the layer of its simulcast is not yet: keep the packet
    unknown,    ///< belongs to no m-line
    full,       ///< too many SSRCs: see retire()
  };
  /// Learns from a packet, the first of its SSRC or a later one.
  Learned learn(const RtpPacket& packet, Time now);
  /// Gives up waiting for the rid of an SSRC that learn() answered rid_later for: of as many SSRCs as there
  /// are rids, the n-th is the n-th; else it is the first layer that has none.
  const Route* settle(std::uint32_t ssrc);
  /// Forgets the SSRC that has been idle longest, one that belongs to no m-line before all others. nullopt:
  /// all sent something in the last kIdle.
  std::optional<std::uint32_t> retire(Time now);

  /// The media SSRC last seen for a layer; 0: none.
  [[nodiscard]] std::uint32_t media_of(std::size_t track, std::uint8_t rid_index) const noexcept;

  static constexpr std::chrono::seconds kIdle{2};

 private:
  static constexpr std::uint8_t kSeveral = 0xFF, kNone = 0xFE;

  enum class State : std::uint8_t { routed, waiting, unknown };
  struct Source {
    State state = State::unknown;
    Route route;
    Time last{};
  };
  struct Announced {
    std::size_t track = 0;
    AnnouncedSource source;
    std::size_t position = 0;  // among the announced SSRCs of the track with this role
  };

  [[nodiscard]] std::optional<std::uint8_t> told_rid(std::size_t track, const RtpPacket& packet) const;
  [[nodiscard]] const Announced* announced(std::uint32_t ssrc, std::size_t track) const;
  [[nodiscard]] std::uint8_t rid_by_order(std::uint32_t ssrc, const Route& route) const;
  void set_route(std::uint32_t ssrc, Source& source);
  void move(std::uint32_t ssrc, Source& source, std::uint8_t rid_index);

  const std::vector<NegotiatedTrack>& tracks_;
  std::size_t max_sources_;
  std::array<std::uint8_t, 128> track_by_type_{};  // or kSeveral, kNone
  std::vector<std::array<StreamRole, 128>> role_by_type_;
  std::unordered_map<std::uint32_t, Announced> announced_;
  std::map<std::pair<std::size_t, StreamRole>, std::size_t> announced_counts_;
  std::unordered_map<std::uint32_t, Source> sources_;
  std::map<std::pair<std::size_t, std::uint8_t>, std::uint32_t> media_;  // by track and rid index: the latest
};

}  // namespace rtpx
