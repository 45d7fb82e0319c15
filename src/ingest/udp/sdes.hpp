#pragma once

#include <vector>

#include "ingest/sdp/sdp.hpp"
#include "ingest/srtp/srtp.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The keys of an a=crypto line (RFC 4568): several are told apart by their MKIs. Errors: unsupported
/// (another suite), malformed (a key of a wrong length). No message holds a key.
[[nodiscard]] Result<std::vector<SrtpKeys>> sdes_keys(const sdp::Crypto& crypto);

/// Those of the first a=crypto line of a section that works; none when it has no such line. Errors: those of
/// the last one.
[[nodiscard]] Result<std::vector<SrtpKeys>> sdes_keys(const sdp::Media& media);

}  // namespace rtpx
