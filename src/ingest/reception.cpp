#include "ingest/reception.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "storage/recording_file.hpp"

namespace rtpx {

std::vector<std::string> reception_notes(std::span<const TrackStats> tracks) {
  std::vector<std::string> out;
  for (const TrackStats& track : tracks)
    if (std::ranges::any_of(track.streams, &StreamStats::rid_by_order))
      out.push_back(
          "track " + track.id +
          ": no packet said which layer it belongs to; the layers (rid) follow from the order of the SSRCs");
  return out;
}

Result<void> note_reception(const std::filesystem::path& folder, const DropCounts& dropped,
                            std::span<const TrackStats> tracks) {
  const std::vector<std::string> notes = reception_notes(tracks);
  if (dropped.total() == 0 && notes.empty()) return {};
  nlohmann::json counts = nlohmann::json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (const auto reason = static_cast<Drop>(i); dropped[reason] > 0)
      counts[to_string(reason)] = dropped[reason];
  nlohmann::json reception = {{"dropped", counts}};
  if (!notes.empty()) reception["notes"] = notes;
  return change_recording_info(real_file_system(), folder, [&](RecordingInfo& info) {
    info.reception = reception.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  });
}

}  // namespace rtpx
