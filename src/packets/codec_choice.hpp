#pragma once

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

}  // namespace rtpx
