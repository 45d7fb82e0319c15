#pragma once

#include <string>

#include "mux/muxer.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The codec as playlists and browsers name it (RFC 6381, and the bindings of each codec to its container):
/// "avc1.42E01F", "vp09.00.31.08", "av01.0.05M.08", "opus", "vp8". `format`: webm or fmp4.
/// Errors: those of Mp4Track::make().
[[nodiscard]] Result<std::string> codec_string(const OutputTrack& track, Format format);

}  // namespace rtpx
