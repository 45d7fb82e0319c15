#include "rtpx/inspect.hpp"

#include <cstdlib>

#include "convert/open_track.hpp"
#include "convert/progress.hpp"
#include "packets/scanned_recording.hpp"
#include "report/reception_notes.hpp"
#include "report/track_report.hpp"

namespace rtpx {
namespace {

constexpr double kHeaderShare = 0.5;

/// Reads a layer's frames to the end, for their counts.
Result<TrackReport> read_layer(const PlacedLayer& layer, const SpillFile& spill,
                               const std::stop_token& stop) {
  FrameLog log;
  auto frames = LayerFrames::open(layer, spill, {}, log);
  if (!frames) {
    TrackReport report = report_layer(layer, log);
    report.refused = frames.error().message;
    return report;
  }
  for (int count = 0;; ++count) {
    const auto frame = (*frames)->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) break;
    (*frames)->pop();
    if (count % 512 == 0 && stop.stop_requested())
      return fail(Errc::cancelled, "the inspection was cancelled");
  }
  TrackReport report = report_layer(layer, log);
  for (const auto& [type, out] : (*frames)->left_out()) report.left_out.push_back(out);
  if (report.frames == 0 && !(*frames)->unsupported().empty())
    report.refused = *(*frames)->unsupported().begin();
  return report;
}

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
  take(reception_notes(recording.folder));
  for (const TrackScan& track : scanned->tracks) {
    take(notes_of(track));
    bool any = false;
    for (const PlacedLayer& layer : scanned->layers) {
      if (layer.track != &track) continue;
      any = true;
      auto read = read_layer(layer, spill, options.stop);
      if (!read) return std::unexpected(read.error());
      take(notes_of(*read));
      report.tracks.push_back(std::move(*read));
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
  auto found = find_recording(recording, options.download_path, options.downloader.get());
  if (!found) return std::unexpected(found.error());
  return inspect(*found, options);
} catch (const std::exception& failure) {
  return fail(Errc::internal, std::string("the inspection failed: ") + failure.what());
}

}  // namespace rtpx
