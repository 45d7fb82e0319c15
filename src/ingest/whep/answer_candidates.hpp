#pragma once

#include <vector>

#include "ingest/sdp/sdp.hpp"
#include "ingest/whep/ice_agent.hpp"
#include "ingest/whep/reflexive.hpp"

namespace rtpx::whep {

/// The peer's addresses in its answer: UDP, component 1, literal addresses that can be sent to and may be reached.
/// Names (mDNS, FQDN), TCP and what nobody may send to are left out. At most 32.
struct AnswerCandidates {
  std::vector<RemoteCandidate> usable;
  std::size_t refused = 0;  ///< addresses that `may_reach` denies
};
[[nodiscard]] AnswerCandidates answer_candidates(const sdp::Session& answer, const MayReach& may_reach);

}  // namespace rtpx::whep
