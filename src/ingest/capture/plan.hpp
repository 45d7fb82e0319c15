#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ingest/capture/source_table.hpp"
#include "ingest/sdp/sdp.hpp"
#include "rtpx/track.hpp"

namespace rtpx::capture {

/// What is known of the packets besides the capture itself.
struct Knowledge {
  std::optional<sdp::Session> sdp;
  std::map<std::uint8_t, Codec> mappings;  ///< of --map; they win over the SDP
  std::optional<TrackHint> hint;           ///< of an mjr file
  std::string name;                        ///< names the stream where nothing else does: the file's stem
};

/// What a scan with that knowledge should look for.
[[nodiscard]] ScanHints scan_hints(const Knowledge& knowledge);

/// Which sources form which track.
struct Plan {
  struct Place {
    std::size_t track = 0;  ///< position in `tracks`
    std::uint8_t rid = 0;   ///< position in its rids
  };
  std::vector<MediaStreamTrack> tracks;
  std::vector<std::optional<Place>> places;           ///< by source; nullopt: not RTP
  std::vector<std::map<std::uint8_t, Codec>> codecs;  ///< by track: what its payload types are
};

/// Sources form one track when the SDP says so (ssrc-group, msid, mid and rid) or when one repairs the other
/// (RTX, FEC). Every other source is a track of its own. Tracks share a stream by msid, else by CNAME, else
/// by address.
[[nodiscard]] Plan make_plan(const std::vector<Source>& sources, const Knowledge& knowledge);

/// The transport protocol that the SDP gives each source ("RTP/SAVPF"); empty where no m= line is its own.
[[nodiscard]] std::vector<std::string> protocols_of(const std::vector<Source>& sources,
                                                    const Knowledge& knowledge);

}  // namespace rtpx::capture
