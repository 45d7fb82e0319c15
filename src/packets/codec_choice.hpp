#pragma once

#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "packets/recording.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The codecs that a track's payload types stand for.
struct CodecChoice {
  std::vector<Codec> codecs;
  bool recognised = false;  ///< from the payload, because the manifest names none
  std::string doubt;        ///< what could not be recognised; empty: nothing
};

/// The manifest decides. Where it names no codec: static payload types (RFC 3551) and what the payload shows.
/// Errors: io while looking at the payload.
[[nodiscard]] Result<CodecChoice> choose_codecs(const TrackFiles& files);

/// The codecs that the payloads of `types` show: another payload type for one of the track's codecs `known`,
/// one that has its type from RFC 3551, or one that can be of nothing else. Types of which that cannot be
/// said are left out. Errors: io, cancelled.
[[nodiscard]] Result<std::vector<Codec>> recognise_types(const TrackFiles& files,
                                                         const std::set<std::uint8_t>& types,
                                                         const std::vector<Codec>& known,
                                                         const std::stop_token& stop);

}  // namespace rtpx
