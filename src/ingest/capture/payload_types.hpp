#pragma once

#include <cstdint>
#include <map>
#include <string_view>

#include "ingest/capture/capture.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx::capture {

/// What a payload type is for.
enum class Role : std::uint8_t { media, rtx, fec };

/// By mime type: "video/rtx"; "audio/ulpfec", "video/flexfec-03", "video/parityfec". RED is media.
[[nodiscard]] Role role_of(const Codec& codec);
[[nodiscard]] MediaKind kind_of(const Codec& codec);
/// The media payload type that an RTX codec's fmtp names (RFC 4588 section 8.6).
[[nodiscard]] std::optional<std::uint8_t> associated_type(const Codec& codec);

/// Parses "96=VP8/90000", "111=opus/48000/2", "97=rtx/96", each with fmtp parameters after a semicolon if
/// there are any: "96=H264/90000;packetization-mode=1". The clock rate may be left out where the codec has
/// only one. Errors: invalid_argument.
[[nodiscard]] Result<Codec> parse_mapping(std::string_view text);

/// Gives RTX mappings the kind and clock rate of the codec that they repair.
void complete_mappings(std::map<std::uint8_t, Codec>& mappings);

/// The codec that an mjr header names, for one payload type; nullopt for names that Janus does not use.
[[nodiscard]] std::optional<Codec> codec_of_hint(const TrackHint& hint, std::uint8_t payload_type);

}  // namespace rtpx::capture
