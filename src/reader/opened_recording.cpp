#include "reader/opened_recording.hpp"

#include <algorithm>

#include "frames/frame_archive.hpp"
#include "reader/settled_times.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostOutlines = 256;  // others are made anew by who needs them

bool same_options(const LayerFrameOptions& a, const LayerFrameOptions& b) {
  const DepacketizerOptions &x = a.depacketizer, &y = b.depacketizer;
  return a.incomplete == b.incomplete && x.max_spatial_layer == y.max_spatial_layer &&
         x.max_temporal_layer == y.max_temporal_layer && x.sets_in_band == y.sets_in_band &&
         a.e2ee_keys == b.e2ee_keys;
}

}  // namespace

Result<std::shared_ptr<const OpenedRecording>> OpenedRecording::open(const std::string& recording,
                                                                     const Options& options) {
  auto found = find_recording(recording, options.download_path, options.downloader, Outside::refused, options.identities);
  if (!found) return std::unexpected(found.error());
  return open(std::move(*found), options);
}

Result<std::shared_ptr<const OpenedRecording>> OpenedRecording::open(Recording recording,
                                                                     const Options& options) {
  if (options.growing != nullptr) options.growing->share_recent_bytes(recording);
  std::filesystem::path spill_folder = options.spill_folder;
  std::error_code none;
  if (spill_folder.empty()) spill_folder = std::filesystem::temp_directory_path(none);
  std::shared_ptr<OpenedRecording> opened(
      new OpenedRecording(std::move(recording), none ? std::filesystem::path("/tmp") : spill_folder,
                          options.budget));
  if (auto scanned = opened->scan(options); !scanned) return std::unexpected(scanned.error());
  if (options.before) keep_settled_times(opened->scanned_, options.before->scanned_, options.settled_ns);
  opened->describe_tracks();
  if (options.before) opened->go_on_from(*options.before, options.settled_ns);
  opened->know_outlines();
  return opened;
}

Result<void> OpenedRecording::scan(const Options& options) {
  if (options.growing != nullptr) {
    auto grown = options.growing->look(recording_, options.stop);
    if (!grown) return std::unexpected(grown.error());
    goes_on_ = grown->has_value();
    if (goes_on_) {
      scanned_ = std::move(**grown);
      spill_ = options.growing->spill();
      return {};
    }
  }
  auto scanned = scan_recording(recording_, *spill_, options.stop, options.progress);
  if (!scanned) return std::unexpected(scanned.error());
  scanned_ = std::move(*scanned);
  return {};
}

// Where the frames lie that have settled, is known already.
void OpenedRecording::go_on_from(const OpenedRecording& before, std::int64_t settled_ns) {
  const std::lock_guard lock(before.mutex_);
  for (const Outlined& known : before.outlines_)
    for (const PlacedLayer& layer : scanned_.layers) {
      const TrackScan &now = *layer.track, &then = *known.layer->track;
      if (now.lineage == nullptr || now.lineage != then.lineage || layer.layer->rid_index != known.layer->layer->rid_index)
        continue;
      outline(layer, known.options)->go_on_from(*known.outline, settled_ns);
    }
}

void OpenedRecording::describe_tracks() {
  for (const TrackScan& scan : scanned_.tracks) {
    const ManifestTrack& manifest = scan.files.track;
    Track& track = tracks_.emplace_back(scan.files.track_id, manifest.kind, manifest.streams,
                                        std::vector<Layer>(), &scan, scan.refused);
    for (const PlacedLayer& placed : scanned_.layers) {
      if (placed.track != &scan) continue;
      const LayerScan& found = *placed.layer;
      const Codec* codec = found.first_media_type ? scan.types->codec(*found.first_media_type) : nullptr;
      track.layers.push_back({&placed, rid_of(scan, found.rid_index), codec, found.largest.width,
                              found.largest.height, start_of(placed), end_of(placed)});
    }
    if (track.layers.empty() && track.refused.empty()) track.refused = "it holds no media";
  }
}

Result<std::vector<std::byte>> OpenedRecording::outlined() const {
  std::vector<LayerOutline::Kept> all;
  for (const PlacedLayer& layer : scanned_.layers) {
    LayerOutline outline(layer, *spill_, layer_frame_options({&layer}, {}));
    auto kept = outline.keep();
    if (!kept) return std::unexpected(kept.error());
    all.push_back(std::move(*kept));
  }
  ArchiveWriter out;
  out(all);
  return std::move(out.bytes());
}

void OpenedRecording::know_outlines() {
  std::vector<LayerOutline::Kept> all;
  ArchiveReader in(scanned_.kept.outlined);
  in(all);
  if (!in.ok() || !in.at_end() || all.size() != scanned_.layers.size()) return;
  for (std::size_t i = 0; i < all.size(); ++i)
    outline(scanned_.layers[i], layer_frame_options({&scanned_.layers[i]}, {}))->know(std::move(all[i]));
}

std::optional<std::size_t> OpenedRecording::find_track(const std::string& id) const {
  const auto found = std::ranges::find(tracks_, id, &Track::id);
  if (found == tracks_.end()) return std::nullopt;
  return static_cast<std::size_t>(found - tracks_.begin());
}

Result<std::vector<const PlacedLayer*>> OpenedRecording::layers_of(std::size_t track,
                                                                   std::size_t layer) const {
  if (track >= tracks_.size())
    return fail(Errc::invalid_argument, recording_.name + " has " + std::to_string(tracks_.size()) +
                                            " tracks, none with index " + std::to_string(track));
  const Track& wanted = tracks_[track];
  if (!wanted.refused.empty()) return fail(Errc::unsupported, "track " + wanted.id + ": " + wanted.refused);
  std::vector<const PlacedLayer*> layers;
  for (std::size_t i = 0; i < wanted.layers.size(); ++i)
    if (layer == kBestLayer || i == layer) layers.push_back(wanted.layers[i].placed);
  // Sound has no layers that stand for each other.
  if (layer == kBestLayer && wanted.kind == MediaKind::audio) layers.resize(1);
  if (layers.empty())
    return fail(Errc::invalid_argument, "track " + wanted.id + " has " +
                                            std::to_string(wanted.layers.size()) +
                                            " layers, none with index " + std::to_string(layer));
  return layers;
}

Result<std::unique_ptr<TrackFrames>> OpenedRecording::open_source(std::size_t track, std::size_t layer,
                                                                  const TrackFrameOptions& options) const {
  auto layers = layers_of(track, layer);
  if (!layers) return std::unexpected(layers.error());
  auto source = open_layers(*layers, options);
  if (source) (*source)->keep(shared_from_this());
  return source;
}

Result<std::unique_ptr<TrackFrames>> OpenedRecording::open_layers(
    const std::vector<const PlacedLayer*>& layers, const TrackFrameOptions& options) const {
  const LayerFrameOptions frame_options = layer_frame_options(layers, options);
  TrackFrames::Outlines outlines;
  for (const PlacedLayer* layer : layers) outlines.layers.push_back(outline(*layer, frame_options));
  if (layers.size() > 1) outlines.best = outline_of_best(layers, frame_options);
  return TrackFrames::open(layers, *spill_, options, std::move(outlines));
}

Result<std::vector<Keyframe>> OpenedRecording::keyframes(std::size_t track, std::size_t layer,
                                                         std::int64_t until_ns,
                                                         const TrackFrameOptions& options) const {
  const auto layers = layers_of(track, layer);
  if (!layers) return std::unexpected(layers.error());
  if (layers->size() > 1) return fail(Errc::invalid_argument, "keyframes are those of one layer: name it");
  const auto made = outline(*layers->front(), layer_frame_options(*layers, options));
  return made->keyframes(until_ns);
}

std::shared_ptr<SwitchOutline> OpenedRecording::outline_of_best(const std::vector<const PlacedLayer*>& layers,
                                                                const LayerFrameOptions& options) const {
  const std::lock_guard lock(mutex_);
  for (const OutlinedBest& known : best_outlines_)
    if (known.layers == layers && same_options(known.options, options)) return known.outline;
  // What it opens lives no longer than the recording, which outlives every source.
  const auto logs = std::make_shared<std::vector<std::unique_ptr<FrameLog>>>();
  auto open = [this, layers, options, logs]() -> Result<std::vector<std::unique_ptr<FrameSource>>> {
    std::vector<std::unique_ptr<FrameSource>> sources;
    for (const PlacedLayer* layer : layers) {
      logs->push_back(std::make_unique<FrameLog>());
      auto frames = LayerFrames::open(*layer, *spill_, options, *logs->back());
      if (!frames) return std::unexpected(frames.error());
      sources.push_back(std::move(*frames));
    }
    return sources;
  };
  auto made = std::make_shared<SwitchOutline>(std::move(open));
  if (best_outlines_.size() < kMostOutlines) best_outlines_.push_back({layers, options, made});
  return made;
}

std::shared_ptr<LayerOutline> OpenedRecording::outline(const PlacedLayer& layer,
                                                       const LayerFrameOptions& options) const {
  const std::lock_guard lock(mutex_);
  for (const Outlined& known : outlines_)
    if (known.layer == &layer && same_options(known.options, options)) return known.outline;
  auto made = std::make_shared<LayerOutline>(layer, *spill_, options);
  if (goes_on_) made->will_go_on();
  if (outlines_.size() < kMostOutlines) outlines_.push_back({&layer, options, made});
  return made;
}

}  // namespace rtpx
