#include "report/read_layer.hpp"

#include "report/track_report.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFramesReadPerLook = 512;

}  // namespace

Result<LayerReading> read_layer(const PlacedLayer& layer, const SpillFile& spill,
                                const LayerFrameOptions& options, const std::stop_token& stop,
                                const std::function<void(const PlacedFrame&)>& each) {
  FrameLog log;
  auto frames = LayerFrames::open(layer, spill, options, log);
  if (!frames) {
    LayerReading reading{report_layer(layer, log), {}};
    reading.report.refused = frames.error().message;
    reading.notes = notes_of(reading.report);
    return reading;
  }
  for (std::uint64_t count = 0;; ++count) {
    if (count % kFramesReadPerLook == 0 && stop.stop_requested())
      return fail(Errc::cancelled, "reading the recording was cancelled");
    const auto frame = (*frames)->peek();
    if (!frame) return std::unexpected(frame.error());
    if (*frame == nullptr) break;
    if (each) each(**frame);
    (*frames)->pop();
  }
  LayerReading reading{report_layer(layer, log), {}};
  TrackReport& report = reading.report;
  for (const auto& [type, out] : (*frames)->left_out()) report.left_out.push_back(out);
  if (report.frames == 0 && !(*frames)->unsupported().empty())
    report.refused = *(*frames)->unsupported().begin();
  reading.notes = notes_of(report);
  if (const std::string& why = (*frames)->unreadable(); !why.empty())
    reading.notes.push_back(
        {ConvertNote::Severity::loss, report.track_id, "track " + report.track_id + ": " + why});
  return reading;
}

}  // namespace rtpx
