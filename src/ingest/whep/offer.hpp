#pragma once

#include <span>
#include <string>

#include "ingest/webrtc/negotiation.hpp"
#include "ingest/whep/reflexive.hpp"

namespace rtpx::whep {

/// The offer of a recorder that plays (draft-ietf-wish-whep): one audio and one video section, recvonly, bundled, in
/// all codecs that are recorded, with the feedback and header extensions that recordings make use of. `local` has
/// the host candidates, `base_of` is the local address of each socket for `reflexive` (raddr, RFC 8839 section 5.1).
[[nodiscard]] std::string write_offer(const LocalTransport& local, std::span<const ReflexiveCandidate> reflexive,
                                      std::span<const SocketAddress> base_of);

}  // namespace rtpx::whep
