#include "rtpx/packet_index.hpp"

#include <algorithm>
#include <thread>

#include "base/remote_file.hpp"
#include "packets/packet_index.hpp"
#include "play/presentation.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx {
namespace {

std::vector<std::pair<std::string, std::uint64_t>> names_and_sizes(const TrackFiles& track) {
  std::vector<std::pair<std::string, std::uint64_t>> out;
  for (const auto* files : {&track.rtp, &track.rtcp})
    for (const std::filesystem::path& file : *files) {
      const auto there = track.source->stat(file);
      out.emplace_back(file.filename().string(), there && *there ? (*there)->size : UINT64_MAX);
    }
  return out;
}

/// All that the manifest says of a track, but where its files are.
std::string described(const TrackFiles& files) {
  ManifestTrack track = files.track;
  track.location.clear();
  track.more_locations.clear();
  track.rtcp_location.reset();
  track.more_rtcp_locations.clear();
  track.index_location.reset();
  return serialize_manifest({{files.track_id, std::move(track)}});
}

bool is_copy(const Recording& a, const Recording& b) {
  return std::ranges::equal(a.tracks, b.tracks, [](const TrackFiles& one, const TrackFiles& other) {
    return described(one) == described(other) && names_and_sizes(one) == names_and_sizes(other);
  });
}

/// Of objects; of files on this machine indexed_state() knows.
bool is_sealed_there(const Recording& recording) {
  return std::ranges::any_of(recording.tracks, [](const TrackFiles& track) {
    return std::ranges::any_of(track.rtp, [&](const std::filesystem::path& file) {
      const auto opened = track.source->open(file, OpenMode::read);
      return is_s3_url(file) && (!opened || dynamic_cast<const RemoteFile*>(opened->get()) == nullptr);
    });
  });
}

/// What the index tells of a recording.
struct Contents {
  std::shared_ptr<const OpenedRecording> opened;
  ScannedRecording::Kept kept;
};

Result<Contents> read_contents(const std::string& recording, const MakeIndexOptions& options) {
  std::error_code none;
  std::filesystem::path temporary = options.temporary;
  if (temporary.empty()) temporary = std::filesystem::temp_directory_path(none);
  Contents out;
  // What cannot be played is opened all the same.
  if (const auto presentation = Presentation::open(
          recording, {.temporary = temporary, .stop = options.stop, .downloader = options.downloader})) {
    out.opened = (*presentation)->view()->opened;
    out.kept.played = (*presentation)->played();
  } else {
    if (is_passing(presentation.error())) return std::unexpected(presentation.error());
    auto scanned = OpenedRecording::open(recording, {.download_path = temporary,
                                                     .downloader = options.downloader.get(),
                                                     .spill_folder = temporary,
                                                     .stop = options.stop});
    if (!scanned) return std::unexpected(scanned.error());
    out.opened = std::move(*scanned);
  }
  auto outlined = out.opened->outlined();
  if (!outlined) return std::unexpected(outlined.error());
  out.kept.outlined = std::move(*outlined);
  return out;
}

}  // namespace

Result<std::filesystem::path> make_packet_index(const std::string& recording, const MakeIndexOptions& options) {
  auto found = find_recording(recording, {}, options.downloader.get());
  if (!found) return std::unexpected(found.error());
  if (!is_s3_url(found->folder))
    if (const auto owner = recording_owner(found->folder))
      return fail(Errc::already_exists, recording + " gets no packet index yet: it is being written by " + *owner);
  if (!options.copy.empty()) {
    const auto copy = find_recording(options.copy, {}, nullptr);
    if (!copy) return std::unexpected(copy.error());
    if (!is_copy(*copy, *found))
      return fail(Errc::invalid_argument, options.copy + " is not what is stored as " + recording +
                                              ": it gets no packet index by it");
  }
  const std::filesystem::path file = found->folder / kPacketIndexName;
  (void)found->source->remove(file);
  auto state = indexed_state(*found);
  if (state) {
    std::this_thread::sleep_for(unsettled_for(*state));
    state = indexed_state(*found);
  }
  if (!state || is_sealed_there(*found))
    return fail(Errc::unsupported, recording + " gets no packet index: it is sealed, or cannot be read");
  const auto contents = read_contents(options.copy.empty() ? recording : options.copy, options);
  if (!contents) return std::unexpected(contents.error());
  if (auto written = write_packet_index(*found, *state, contents->opened->scanned(), contents->kept,
                                        contents->opened->spill());
      !written)
    return std::unexpected(written.error());
  return file;
}

}  // namespace rtpx
