#include "inspected.hpp"

#include <algorithm>

#include "e2ee_keys.hpp"
#include "progress.hpp"
#include "remote.hpp"

namespace rtpx::cli {

Result<RecordingReport> inspect_with_progress(const std::string& recording, const std::string& e2ee_keys,
                                              const IdentityArguments& identities, bool allow_outside,
                                              const Program& program) {
  InspectOptions options;
  auto keys = load_e2ee_keys(e2ee_keys);
  if (!keys) return std::unexpected(keys.error());
  options.e2ee_keys = std::move(*keys);
  auto opening = identities.load();
  if (!opening) return std::unexpected(opening.error());
  options.identities = std::move(*opening);
  options.stop = program.stop();
  options.allow_outside = allow_outside;
  auto downloader = downloader_for(recording);
  if (!downloader) return std::unexpected(downloader.error());
  options.downloader = std::move(*downloader);
  Progress progress;
  options.progress = [&](const ConvertProgress& now) {
    progress.show(now.fraction, now.what, now.seconds_left);
  };
  return inspect_recording(recording, options);
}

bool leaves_out(const RecordingReport& report) {
  const auto part = [](const TrackReport& track) { return !track.left_out.empty() || track.missing_packets + track.refused_packets > 0; };
  const auto whole = [](const ConvertNote& note) {
    return note.severity == ConvertNote::Severity::skipped && !note.track_id.empty();
  };
  return std::ranges::any_of(report.tracks, part) || std::ranges::any_of(report.notes, whole);
}

}  // namespace rtpx::cli
