#include "rtpx/inspect.hpp"

#include <cstdlib>

#include "report/progress.hpp"
#include "packets/scanned_recording.hpp"
#include "report/read_layer.hpp"
#include "report/reception_notes.hpp"
#include "report/track_report.hpp"

namespace rtpx {
namespace {

constexpr double kHeaderShare = 0.5;

Result<RecordingReport> inspect(const Recording& recording, const InspectOptions& options) {
  SpillFile spill(std::filesystem::temp_directory_path());
  Progress progress(options.progress);
  auto scanned = scan_recording(recording, spill, options.stop,
                                [&](double fraction) { progress.tell(kHeaderShare * fraction, "scan"); });
  if (!scanned) return std::unexpected(scanned.error());
  RecordingReport report{
      recording.name, scanned->started, static_cast<double>(scanned->duration_ns) / 1e6, {}, {}};
  const auto take = [&](std::vector<ConvertNote> notes) {
    report.notes.insert(report.notes.end(), notes.begin(), notes.end());
  };
  take(reception_notes(*recording.source, recording.folder));
  LayerFrameOptions frame_options;
  frame_options.e2ee_keys = options.e2ee_keys;
  for (const TrackScan& track : scanned->tracks) {
    take(notes_of(track, scanned->zero_receive_ms));
    bool any = false;
    for (const PlacedLayer& layer : scanned->layers) {
      if (layer.track != &track) continue;
      any = true;
      auto read = read_layer(layer, spill, frame_options, options.stop);
      if (!read) return std::unexpected(read.error());
      take(std::move(read->notes));
      report.tracks.push_back(std::move(read->report));
      progress.tell(kHeaderShare + (1 - kHeaderShare) * static_cast<double>(report.tracks.size()) /
                                       static_cast<double>(scanned->layers.size() + 1),
                    "read");
    }
    if (!any) report.tracks.push_back(report_unusable(track, scanned->zero_receive_ms));
  }
  return report;
}

}  // namespace

Result<RecordingReport> inspect_recording(const std::string& recording, const InspectOptions& options) try {
  auto found = find_recording(recording, options.download_path, options.downloader.get(),
                              options.allow_outside ? Outside::allowed : Outside::refused, options.identities,
                              Reading::whole);
  if (!found) return std::unexpected(found.error());
  return inspect(*found, options);
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the inspection failed: ") + failure.what());
}

}  // namespace rtpx
