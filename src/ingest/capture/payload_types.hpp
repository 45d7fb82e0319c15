#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "ingest/capture/capture.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx::capture {

[[nodiscard]] MediaKind kind_of(const Codec& codec);
/// Whether packets of the codec stand beside media in a source of their own: RTX and FEC. RED is media's.
[[nodiscard]] bool repairs(const Codec& codec);

/// Parses "96=VP8/90000", "111=opus/48000/2", "97=rtx/96", each with fmtp parameters after a semicolon if
/// there are any: "96=H264/90000;packetization-mode=1". The clock rate may be left out where the codec has
/// only one. Errors: invalid_argument.
[[nodiscard]] Result<Codec> parse_mapping(std::string_view text);

/// Gives RTX mappings the kind and clock rate of the codec that they repair.
void complete_mappings(std::map<std::uint8_t, Codec>& mappings);

/// The codec that an mjr header names, for one payload type; nullopt for names that Janus does not use.
[[nodiscard]] std::optional<Codec> codec_of_hint(const TrackHint& hint, std::uint8_t payload_type);

}  // namespace rtpx::capture
