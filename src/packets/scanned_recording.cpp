#include "packets/scanned_recording.hpp"

#include <algorithm>
#include <cmath>

namespace rtpx {
namespace {

std::uint64_t bytes_of(const TrackFiles& files) {
  std::uint64_t bytes = 0;
  for (const auto& file : files.rtp) {
    std::error_code failed;
    const auto size = std::filesystem::file_size(file, failed);
    if (!failed) bytes += size;
  }
  return bytes;
}

std::string track_key(const TrackScan& track, std::uint8_t rid_index) {
  return track.files.track_id + '\n' + rid_of(track, rid_index).value_or("");
}

void place_layers(ScannedRecording& scanned) {
  std::vector<SegmentInput> inputs;
  for (const TrackScan& track : scanned.tracks) {
    if (!track.refused.empty()) continue;
    const ManifestTrack& manifest = track.files.track;
    for (const auto& [rid, layer] : track.layers) {
      if (layer->segments.empty()) continue;
      for (const auto& segment : layer->segments)
        inputs.push_back({&segment->clock, segment->clock_rate, manifest.kind == MediaKind::audio,
                          segment->cname, manifest.streams.empty() ? std::string() : manifest.streams.front(),
                          track_key(track, rid)});
      scanned.layers.push_back({&track, layer.get(), {}});
    }
  }
  if (inputs.empty()) return;
  Timeline timeline = place_segments(inputs);
  scanned.zero_receive_ms = timeline.zero_receive_ms;
  auto map = timeline.maps.begin();
  for (PlacedLayer& layer : scanned.layers)
    for (std::size_t i = 0; i < layer.layer->segments.size(); ++i) layer.maps.push_back(std::move(*map++));
  for (PlacedLayer& layer : scanned.layers) layer.zero_receive_ms = scanned.zero_receive_ms;
  for (PlacedLayer& layer : scanned.layers)
    for (const PlacedLayer& other : scanned.layers)
      if (other.track == layer.track) layer.track_end_ns = std::max(layer.track_end_ns, end_of(other));
}

}  // namespace

std::int64_t end_of(const PlacedLayer& layer) {
  std::int64_t end = 0;
  for (std::size_t i = 0; i < layer.maps.size(); ++i)
    end = std::max(end, layer.maps[i].time_ns(layer.layer->segments[i]->line.highest_timestamp()));
  return end;
}

std::int64_t start_of(const PlacedLayer& layer) {
  return layer.maps.front().time_ns(layer.layer->segments.front()->line.first_timestamp());
}

Result<ScannedRecording> scan_recording(const Recording& recording, SpillFile& spill,
                                        const std::stop_token& stop,
                                        const std::function<void(double)>& progress) {
  ScannedRecording scanned;
  scanned.tracks.reserve(recording.tracks.size());  // layers point into it
  const RtcpLog rtcp(recording);
  std::uint64_t total = 1, done = 0;
  for (const TrackFiles& files : recording.tracks) total += bytes_of(files);
  for (const TrackFiles& files : recording.tracks) {
    const ScanControl control{stop, [&](std::uint64_t bytes) {
                                if (progress)
                                  progress(static_cast<double>(done + bytes) / static_cast<double>(total));
                              }};
    auto track = scan_track(files, rtcp, spill, control);
    if (!track) return std::unexpected(track.error());
    done += track->file_bytes;
    scanned.tracks.push_back(std::move(*track));
  }
  place_layers(scanned);
  for (const PlacedLayer& layer : scanned.layers) {
    scanned.duration_ns = std::max(scanned.duration_ns, end_of(layer));
    const auto& clock = layer.track->files.track.clock;
    if (clock && !scanned.started)
      scanned.started =
          clock->utc + std::chrono::microseconds(std::llround(
                           (scanned.zero_receive_ms - static_cast<double>(clock->receive_time_ms)) * 1000));
  }
  return scanned;
}

}  // namespace rtpx
