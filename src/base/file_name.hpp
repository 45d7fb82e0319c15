#pragma once

#include <string>
#include <string_view>

namespace rtpx {

/// The file name for an id that came from the network (track, stream, rid), which may hold any bytes: bytes
/// other than [A-Za-z0-9_-] and inner dots become %XX, an empty id becomes "_". A result of more than 180
/// bytes is cut (never inside an escape) to at most 163 and gets `-` and the first 16 hex digits of the id's
/// SHA-256. Never ".",
/// "..", hidden, or with a separator. Different ids may be made to share a name ("" and "_", a cut name and
/// an id that spells it): create files exclusively.
[[nodiscard]] std::string encode_file_name(std::string_view id);

/// The id that encode_file_name() made `name` of, as far as the name tells: what recovery takes for the track
/// id when there is no manifest. A cut name stays as it is.
[[nodiscard]] std::string decode_file_name(std::string_view name);

}  // namespace rtpx
