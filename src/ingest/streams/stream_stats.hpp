#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/track.hpp"

namespace rtpx {

/// One SSRC that carries media (repair streams are counted with the media they repair).
struct StreamStats {
  std::uint32_t ssrc = 0;     ///< 0: SSRCs of the layer that are gone, together
  std::string rid;            ///< empty without simulcast
  bool rid_by_order = false;  ///< no packet said which layer this is; it follows from the order of SSRCs
  std::uint64_t packets = 0, bytes = 0;  ///< media packets as received; bytes with RTP header
  std::uint64_t repair_packets = 0;      ///< RTX and FEC
  std::uint64_t lost = 0;                ///< missing on first sight (RFC 3550 section A.3), repaired or not
  std::uint64_t recovered = 0;           ///< of these, came later or by RTX
  std::uint64_t unrepaired = 0;          ///< given up
  std::uint64_t nacks_sent = 0;          ///< sequence numbers asked for, retries included
  std::uint64_t nacks_unanswered = 0;    ///< sequence numbers given up although they were asked for
  std::uint64_t plis_sent = 0;
  std::uint64_t keyframes = 0;                 ///< packets in which one may begin
  std::optional<double> keyframe_distance_ms;  ///< between the last two; video
  double jitter_ms = 0;                        ///< interarrival jitter, RFC 3550 section 6.4.1
  std::uint64_t bits_per_second = 0;           ///< media and repair, over about the last second
};

struct TrackStats {
  std::string id;  ///< MediaStreamTrack::id
  std::string mid;
  MediaKind kind = MediaKind::video;
  std::string codec;                       ///< mime type last received; empty before the first packet
  std::optional<double> audio_level_dbov;  ///< RFC 6464, -127 (silent) to 0, loudest of the last second
  std::uint64_t rtcp_packets = 0;
  std::vector<StreamStats> streams;
};

}  // namespace rtpx
