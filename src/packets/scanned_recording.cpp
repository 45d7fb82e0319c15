#include "packets/scanned_recording.hpp"

#include <algorithm>
#include <cmath>
#include <optional>

#include "packets/packet_index.hpp"

namespace rtpx {
namespace {

std::uint64_t bytes_of(const TrackFiles& files) {
  std::uint64_t bytes = 0;
  FileSystem& source = files.source ? *files.source : real_file_system();
  for (const auto& file : files.rtp)
    if (const auto there = source.stat(file); there && *there) bytes += (*there)->size;
  return bytes;
}

std::string track_key(const TrackScan& track, std::uint8_t rid_index) {
  return track.files.track_id + '\n' + rid_of(track, rid_index).value_or("");
}

/// Whose clock it is: the name that a sender gives itself is its own only among its participant's.
std::string cname_of(const ManifestTrack& track, const Segment& segment) {
  if (segment.cname.empty() || !track.participant) return segment.cname;
  return *track.participant + '\n' + segment.cname;
}

/// The recording's pauses as far as there were media before and after them.
std::vector<Pause> cuts_of(const std::vector<TrackScan>& tracks, const std::vector<Pause>& pauses) {
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  for (const TrackScan& track : tracks)
    for (const auto& [rid, layer] : track.layers) {
      if (layer->segments.empty()) continue;
      first = std::min(first, layer->first_receive_ms);
      last = std::max(last, layer->last_receive_ms);
    }
  std::vector<Pause> cuts;
  for (const Pause& pause : pauses) {
    const std::int64_t from = std::max(pause.from_ms, cuts.empty() ? first : *cuts.back().to_ms);
    if (pause.to_ms && *pause.to_ms > from && *pause.to_ms <= last) cuts.push_back({from, pause.to_ms});
  }
  return cuts;
}

std::int64_t cut_before(const std::vector<Pause>& cuts, std::int64_t receive_ms) {
  std::int64_t sum = 0;
  for (const Pause& cut : cuts)
    if (receive_ms > cut.from_ms) sum += std::min(receive_ms, *cut.to_ms) - cut.from_ms;
  return sum;
}

/// The first packet after a pause may have come some milliseconds before its end was noted: the same is cut for
/// all tracks.
std::int64_t cut_before(const std::vector<Pause>& cuts, const Segment& segment) {
  std::int64_t sum = 0;
  for (const Pause& cut : cuts)
    if (segment.first_receive_ms > cut.from_ms) sum += *cut.to_ms - cut.from_ms;
  return sum * 1'000'000;
}

/// Of any packet.
std::int64_t first_arrival(const std::vector<TrackScan>& tracks) {
  std::optional<std::int64_t> first;
  for (const TrackScan& track : tracks)
    for (const auto& [rid, layer] : track.layers)
      first = std::min(first.value_or(layer->first_receive_ms), layer->first_receive_ms);
  return first.value_or(0);
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
                          cname_of(manifest, *segment), manifest.streams.empty() ? std::string() : manifest.streams.front(),
                          track_key(track, rid), cut_before(scanned.cuts, *segment)});
      scanned.layers.push_back({&track, layer.get(), {}});
    }
  }
  if (inputs.empty()) {
    scanned.zero_receive_ms = static_cast<double>(first_arrival(scanned.tracks));
    return;
  }
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

void place(ScannedRecording& scanned, const Recording& recording) {
  if (recording.cut_pauses) scanned.cuts = cuts_of(scanned.tracks, recording.facts.pauses);
  place_layers(scanned);
  for (const PlacedLayer& layer : scanned.layers) {
    scanned.duration_ns = std::max(scanned.duration_ns, end_of(layer));
    const auto& clock = layer.track->files.track.clock;
    if (clock && !scanned.started)
      scanned.started =
          clock->utc + std::chrono::microseconds(std::llround(
                           (scanned.zero_receive_ms - static_cast<double>(clock->receive_time_ms)) * 1000));
  }
}

}  // namespace

std::int64_t timeline_ns(const ScannedRecording& scanned, std::int64_t receive_ms) {
  const double ms = static_cast<double>(receive_ms - cut_before(scanned.cuts, receive_ms)) - scanned.zero_receive_ms;
  return std::llround(std::clamp(ms, -1e12, 1e12) * 1e6);
}

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
  if (auto known = read_packet_index(recording, spill)) {
    if (progress) progress(1);
    return std::move(*known);
  }
  ScannedRecording scanned;
  scanned.tracks.reserve(recording.tracks.size());  // layers point into it
  RtcpLogs rtcp(recording);
  std::uint64_t total = 1, done = 0;
  for (const TrackFiles& files : recording.tracks) total += bytes_of(files);
  for (const TrackFiles& files : recording.tracks) {
    const ScanControl control{stop, [&](std::uint64_t bytes) {
                                if (progress)
                                  progress(static_cast<double>(done + bytes) / static_cast<double>(total));
                              }};
    auto track = scan_track(files, rtcp.of(files.track), spill, control);
    if (!track) return std::unexpected(track.error());
    done += track->file_bytes;
    scanned.tracks.push_back(std::move(*track));
  }
  place(scanned, recording);
  return scanned;
}

void GrowingScan::share_recent_bytes(Recording& recording) const {
  for (TrackFiles& track : recording.tracks)
    if (track.source) track.source = std::make_shared<RecentFiles>(track.source, recent_);
}

Result<std::optional<ScannedRecording>> GrowingScan::look(const Recording& recording, const std::stop_token& stop) {
  if (given_up_) return std::nullopt;
  ScannedRecording scanned;
  scanned.tracks.reserve(recording.tracks.size());  // layers point into it
  if (rtcp_)
    rtcp_->read_on(recording);
  else
    rtcp_.emplace(recording);
  for (const TrackFiles& files : recording.tracks) {
    auto track = tracks_[files.track_id].look(files, rtcp_->of(files.track), *spill_, {stop, {}});
    if (!track) return std::unexpected(track.error());
    given_up_ = !*track;
    if (given_up_) {
      tracks_.clear();
      return std::nullopt;
    }
    scanned.tracks.push_back(std::move(**track));
  }
  place(scanned, recording);
  return scanned;
}

}  // namespace rtpx
