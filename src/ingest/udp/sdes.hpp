#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "ingest/sdp/sdp.hpp"
#include "ingest/srtp/srtp.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// The keys of an a=crypto line (RFC 4568): several are told apart by their MKIs. Errors: unsupported
/// (another suite), malformed (a key of a wrong length). No message holds a key.
[[nodiscard]] Result<std::vector<SrtpKeys>> sdes_keys(const sdp::Crypto& crypto);

/// An a=crypto line of a section that was taken.
struct SdesChoice {
  std::uint32_t tag = 0;
  std::string suite;
  std::vector<SrtpKeys> keys;  ///< empty: the section has no such line
};
/// The first a=crypto line of a section that works. Errors: those of the last one.
[[nodiscard]] Result<SdesChoice> choose_sdes(const sdp::Media& media);

/// A key of our own: what we send is protected with it (RFC 4568 section 5.1.2).
[[nodiscard]] Result<SrtpKeys> make_sdes_key(SrtpProfile profile);
/// The value of the a=crypto line that answers `choice`. Secret.
[[nodiscard]] std::string write_sdes(const SdesChoice& choice, const SrtpKeys& own);

}  // namespace rtpx
