#pragma once

#include <span>
#include <string>
#include <vector>

#include "ingest/webrtc/negotiation.hpp"
#include "ingest/whep/reflexive.hpp"

namespace rtpx::whep {

/// For LocalTransport::reflexive, beside its host candidates. `base_of`: the local address of each socket (raddr, RFC 8839
/// section 5.1).
[[nodiscard]] std::vector<std::string> reflexive_lines(const LocalTransport& local,
                                                       std::span<const ReflexiveCandidate> reflexive,
                                                       std::span<const SocketAddress> base_of);

/// The offer of a recorder that plays (draft-ietf-wish-whep): one audio and one video section, recvonly, bundled, in
/// all codecs that are recorded, with the feedback and header extensions that recordings make use of.
[[nodiscard]] std::string write_offer(const LocalTransport& local);

}  // namespace rtpx::whep
