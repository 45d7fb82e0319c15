#include "storage/recording_info.hpp"

#include <algorithm>
#include <cstdlib>
#include <numeric>

namespace rtpx {

const ParticipantInfo* RecordingFacts::participant(const std::string& id) const {
  const auto found = std::ranges::find(participants, id, &ParticipantInfo::id);
  return found == participants.end() ? nullptr : &*found;
}

std::optional<ClockOffset> RecordingClock::whole() const {
  if (!begin || !end) return begin ? begin : end;
  return ClockOffset{std::midpoint(begin->offset_us, end->offset_us),
                     std::max(begin->error_us, end->error_us) + std::abs(begin->offset_us - end->offset_us) / 2};
}

}  // namespace rtpx
