#include "play/make_index.hpp"

#include <thread>

#include "packets/packet_index.hpp"
#include "play/presentation.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {

Result<std::filesystem::path> make_packet_index(const std::string& recording, const MakeIndexOptions& options) {
  if (recording.starts_with("s3://"))
    return fail(Errc::unsupported, recording + " gets no packet index: it is not on this machine");
  auto found = find_recording(recording, {}, nullptr);
  if (!found) return std::unexpected(found.error());
  if (const auto owner = recording_owner(found->folder))
    return fail(Errc::already_exists, recording + " gets no packet index yet: it is being written by " + *owner);
  const std::filesystem::path file = found->folder / kPacketIndexName;
  std::error_code none;
  std::filesystem::remove(file, none);
  auto state = indexed_state(*found);
  if (state) {
    std::this_thread::sleep_for(unsettled_for(*state));
    state = indexed_state(*found);
  }
  if (!state) return fail(Errc::unsupported, recording + " gets no packet index: it is sealed, or cannot be read");
  std::filesystem::path temporary = options.temporary;
  if (temporary.empty()) temporary = std::filesystem::temp_directory_path(none);
  // What cannot be played is opened all the same.
  std::shared_ptr<const OpenedRecording> opened;
  ScannedRecording::Kept kept;
  if (const auto presentation = Presentation::open(recording, {.temporary = temporary, .stop = options.stop})) {
    opened = (*presentation)->view()->opened;
    kept.played = (*presentation)->played();
  } else {
    if (presentation.error().code == Errc::cancelled) return std::unexpected(presentation.error());
    auto scanned = OpenedRecording::open(
        recording, {.download_path = temporary, .spill_folder = temporary, .stop = options.stop});
    if (!scanned) return std::unexpected(scanned.error());
    opened = std::move(*scanned);
  }
  auto outlined = opened->outlined();
  if (!outlined) return std::unexpected(outlined.error());
  kept.outlined = std::move(*outlined);
  if (auto written = write_packet_index(*found, *state, opened->scanned(), kept, opened->spill()); !written)
    return std::unexpected(written.error());
  return file;
}

}  // namespace rtpx
