#pragma once

#include <optional>

#include "ingest/sdp/sdp.hpp"
#include "ingest/srtp/srtp.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The keys of an a=crypto line (RFC 4568): "inline:" with one key, no MKI. Errors: unsupported (another
/// suite, an MKI), malformed (a key of a wrong length). No message holds the key.
[[nodiscard]] Result<SrtpKeys> sdes_keys(const sdp::Crypto& crypto);

/// The first a=crypto line of a section that works; nullopt when it has none at all. Errors: those of the
/// last one.
[[nodiscard]] Result<std::optional<SrtpKeys>> sdes_keys(const sdp::Media& media);

}  // namespace rtpx
