#include "recorder/unknown_targets.hpp"

namespace rtpx {

void UnknownTargets::note(std::string_view track_id, std::string_view rid) noexcept {
  track_id = track_id.substr(0, kLongestName);
  rid = rid.substr(0, kLongestName);
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.track_id != track_id || entry.rid != rid) continue;
    ++entry.packets;
    return;
  }
  if (entries_.size() >= kMostNames) return;  // counted in Stats all the same
  try {
    entries_.push_back({std::string(track_id), std::string(rid), 1, {}});
  } catch (const std::bad_alloc&) {
  }
}

std::vector<event::UnknownTarget> UnknownTargets::due(std::chrono::steady_clock::time_point now) {
  std::vector<event::UnknownTarget> out;
  const std::lock_guard lock(mutex_);
  for (Entry& entry : entries_) {
    if (entry.packets == 0 || now - entry.reported < std::chrono::seconds(1)) continue;
    out.push_back({entry.track_id, entry.rid, entry.packets});
    entry.packets = 0;
    entry.reported = now;
  }
  return out;
}

}  // namespace rtpx
