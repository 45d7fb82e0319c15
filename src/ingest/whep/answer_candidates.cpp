#include "ingest/whep/answer_candidates.hpp"

#include <algorithm>

namespace rtpx::whep {
namespace {

constexpr std::size_t kMaxRemoteCandidates = 32;

void take_candidate(const sdp::Candidate& candidate, const MayReach& may_reach, AnswerCandidates& out) {
  if (candidate.transport != "udp" || candidate.component != 1 || candidate.port == 0) return;
  const auto address = SocketAddress::parse(candidate.address, candidate.port);
  if (!address || address->is_any() || address->is_multicast() || address->is_link_local()) return;
  if (out.usable.size() == kMaxRemoteCandidates ||
      std::ranges::find(out.usable, *address, &RemoteCandidate::address) != out.usable.end())
    return;
  if (may_reach && !may_reach(*address)) {
    ++out.refused;
    return;
  }
  out.usable.push_back({*address, candidate.priority});
}

}  // namespace

AnswerCandidates answer_candidates(const sdp::Session& answer, const MayReach& may_reach) {
  AnswerCandidates out;
  for (const sdp::Candidate& one : answer.candidates) take_candidate(one, may_reach, out);
  for (const sdp::Media& media : answer.media)
    for (const sdp::Candidate& one : media.candidates) take_candidate(one, may_reach, out);
  return out;
}

}  // namespace rtpx::whep
