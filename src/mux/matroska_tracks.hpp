#pragma once

#include <cstdint>

#include "mux/codec_id.hpp"
#include "mux/ebml.hpp"
#include "mux/muxer.hpp"

namespace rtpx {

/// What the Matroska writer remembers of a track.
struct MatroskaTrack {
  CodecId codec = CodecId::vp8;
  std::int64_t codec_delay_ns = 0;
};

/// Appends the TrackEntry (RFC 9559 section 5.1.4.1) of `track` to `out`. Its length does not depend on the
/// picture's size.
/// Errors: invalid_argument, malformed (what the codec needs and the configuration lacks).
[[nodiscard]] Result<MatroskaTrack> write_track_entry(ebml::Writer& out, const OutputTrack& track,
                                                      std::uint64_t number);

}  // namespace rtpx
