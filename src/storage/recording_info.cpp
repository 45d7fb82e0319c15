#include "storage/recording_info.hpp"

#include <algorithm>

namespace rtpx {

const ParticipantInfo* RecordingFacts::participant(const std::string& id) const {
  const auto found = std::ranges::find(participants, id, &ParticipantInfo::id);
  return found == participants.end() ? nullptr : &*found;
}

}  // namespace rtpx
