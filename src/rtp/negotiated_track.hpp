#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "rtpx/track.hpp"

namespace rtpx {

/// What the packets of an SSRC are for.
enum class StreamRole : std::uint8_t { media, rtx, fec };

/// Ids of the header extensions that a receiver reads; 0: not negotiated.
struct ExtensionIds {
  std::uint8_t mid = 0, rid = 0, repaired_rid = 0, transport_cc = 0, audio_level = 0;
};

/// An SSRC that the description names (a=ssrc, a=ssrc-group; RFC 5576).
struct AnnouncedSource {
  std::uint32_t ssrc = 0;
  StreamRole role = StreamRole::media;
  std::uint32_t media = 0;  ///< the SSRC it repairs; its own for media
};

/// The feedback that a description allows (a=rtcp-fb, RFC 4585).
struct AllowedFeedback {
  bool nack = false, pli = false, fir = false, transport_cc = false, remb = false, ccfb = false;
  bool reduced_size = false;  ///< a=rtcp-rsize (RFC 5506): feedback need not start with a report
};

/// One m-line that is received.
struct NegotiatedTrack {
  MediaStreamTrack track;
  std::string mid;
  ExtensionIds extensions;
  std::vector<AnnouncedSource> sources;
  /// The rids are our numbers for the SSRCs of an a=ssrc-group:SIM, in its order: no packet says them.
  bool rids_by_ssrc = false;
  AllowedFeedback feedback;
};

}  // namespace rtpx
