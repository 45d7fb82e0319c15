#include "reader/track_frames.hpp"

#include <algorithm>
#include <iterator>

#include "frames/layer_switch.hpp"
#include "frames/picture_fill.hpp"
#include "frames/silence_fill.hpp"
#include "packets/scanned_recording.hpp"

namespace rtpx {
namespace {

// Layers that are spliced have sets of their own.
bool parameter_sets_change(const std::vector<const PlacedLayer*>& layers) {
  return layers.size() > 1 || std::ranges::any_of(layers, [](const PlacedLayer* layer) {
           return layer->layer->parameter_sets_change;
         });
}

/// The highest rate and most channels of what the track sends: sound that is encoded anew keeps them through
/// a change of codec.
AudioTranscoderOptions transcoder_options(const std::vector<const PlacedLayer*>& layers,
                                          const TrackFrameOptions& options, FillBudget& budget) {
  AudioTranscoderOptions made{
      options.audio, 0, 0, options.opus_fec, options.gaps != GapPolicy::keep, [&budget](std::int64_t gap) {
        return budget.take(gap);
      }};
  for (const PlacedLayer* placed : layers)
    for (std::size_t type = 0; type < placed->layer->media_types.size(); ++type) {
      const Codec* codec = placed->layer->media_types[type]
                               ? placed->track->types->codec(static_cast<std::uint8_t>(type))
                               : nullptr;
      if (codec == nullptr) continue;
      const auto known = make_depacketizer(
          *codec, {}, [](const Frame&) {}, [](const Dropped&) {});
      if (!known) continue;
      const StreamConfig& config = (*known)->config();
      made.sample_rate = std::max(made.sample_rate, static_cast<int>(config.sample_rate));
      made.channels = std::max(made.channels, int{config.channels});
    }
  return made;
}

/// What passed while it was recorded, from its first packet to its last.
std::int64_t recorded_ns(const std::vector<const PlacedLayer*>& layers) {
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  for (const PlacedLayer* layer : layers) {
    first = std::min(first, layer->layer->first_receive_ms);
    last = std::max(last, layer->layer->last_receive_ms);
  }
  constexpr std::int64_t kMost = 366LL * 86'400'000;  // ms; and no overflow, whatever a damaged time says
  const std::uint64_t ms = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
  return std::min<std::int64_t>(ms > INT64_MAX ? 0 : static_cast<std::int64_t>(ms), kMost) * 1'000'000;
}

}  // namespace

TrackFrameOptions track_frame_options(const ConvertOptions& options) {
  return {options.max_spatial_layer, options.max_temporal_layer, options.incomplete,
          options.gaps,              options.audio,              options.opus_fec,
          options.on_change == OnChange::keep,
          options.e2ee_keys};
}

LayerFrameOptions layer_frame_options(const std::vector<const PlacedLayer*>& layers,
                                      const TrackFrameOptions& options) {
  return {{options.max_spatial_layer, options.max_temporal_layer,
           options.sets_in_band && parameter_sets_change(layers)},
          options.incomplete, options.e2ee_keys};
}

Result<std::unique_ptr<TrackFrames>> TrackFrames::open(std::vector<const PlacedLayer*> layers,
                                                       const SpillFile& spill,
                                                       const TrackFrameOptions& options, Outlines outlines) {
  std::unique_ptr<TrackFrames> track(new TrackFrames(std::move(layers)));
  const std::vector<const PlacedLayer*>& placed = track->placed_;
  const LayerFrameOptions frame_options = layer_frame_options(placed, options);
  track->sets_in_band_ = frame_options.depacketizer.sets_in_band;
  std::vector<std::unique_ptr<FrameSource>> sources;
  for (std::size_t i = 0; i < placed.size(); ++i) {
    track->logs_.push_back(std::make_unique<FrameLog>());
    auto frames = LayerFrames::open(*placed[i], spill, frame_options, *track->logs_.back());
    if (!frames) return std::unexpected(frames.error());
    if (i < outlines.layers.size()) (*frames)->share(std::move(outlines.layers[i]));
    track->layers_.push_back(frames->get());
    sources.push_back(std::move(*frames));
    if (!options.e2ee_keys || !hides_its_facts(*placed[i])) continue;
    const auto facts = read_facts(*placed[i], spill, frame_options);
    if (!facts) return std::unexpected(facts.error());
    track->hidden_.keyframes += facts->keyframes;
    if (facts->largest.area() > track->hidden_.largest.area()) track->hidden_.largest = facts->largest;
  }
  if (sources.size() > 1) {
    std::vector<std::string> names;
    for (const PlacedLayer* layer : placed)
      names.push_back(rid_of(*layer->track, layer->layer->rid_index).value_or(""));
    auto best = std::make_unique<LayerSwitch>(std::move(sources), std::move(names), *track->logs_.front());
    best->share(std::move(outlines.best));
    track->source_ = std::move(best);
  } else {
    track->source_ = std::move(sources.front());
  }
  track->budget_ = FillBudget(recorded_ns(placed));
  if (track->kind() == MediaKind::video) {
    const PictureFillOptions fill{options.gaps == GapPolicy::fill, options.incomplete == Incomplete::freeze,
                                  track->end_ns()};
    if (fill.every_gap || fill.after_loss)
      track->source_ = std::make_unique<PictureFill>(std::move(track->source_), fill, track->budget_,
                                                     *track->logs_.front());
    return track;
  }
  const bool fill = options.gaps != GapPolicy::keep;
  if (options.audio != AudioCodec::copy) {
    auto transcoded = std::make_unique<TranscodedAudio>(std::move(track->source_),
                                                        transcoder_options(placed, options, track->budget_));
    track->transcoded_ = transcoded.get();
    track->source_ = std::move(transcoded);
  } else if (fill) {
    track->source_ =
        std::make_unique<SilenceFill>(std::move(track->source_), track->budget_, *track->logs_.front());
  }
  return track;
}

Result<void> TrackFrames::go_near(std::int64_t time_ns) {
  if (source_.get() == layers_.front()) return layers_.front()->go_near(time_ns);
  if (auto sought = seek(time_ns); !sought) return std::unexpected(sought.error());
  return {};
}

Result<bool> TrackFrames::has_frames() {
  const auto first = source_->peek();
  if (!first) return std::unexpected(first.error());
  return *first != nullptr;
}

MediaKind TrackFrames::kind() const noexcept {
  return placed_.front()->track->files.track.kind;
}

std::int64_t TrackFrames::end_ns() const {
  std::int64_t end = 0;
  for (const PlacedLayer* layer : placed_) end = std::max(end, end_of(*layer));
  return end;
}

std::uint64_t TrackFrames::keyframe_bound() const {
  std::uint64_t bound = hidden_.keyframes;
  for (const PlacedLayer* layer : placed_) {
    bound += layer->layer->keyframe_bound;
    for (const auto& segment : layer->layer->segments) bound += segment->patches.size();
  }
  return bound;
}

PictureSize TrackFrames::largest_picture() const {
  PictureSize largest = hidden_.largest;
  for (const PlacedLayer* layer : placed_)
    if (layer->layer->largest.area() > largest.area()) largest = layer->layer->largest;
  return largest;
}

std::vector<TrackReport> TrackFrames::reports() const {
  std::vector<TrackReport> reports;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    reports.push_back(report_layer(*placed_[i], *logs_[i]));
    for (const auto& [type, out] : layers_[i]->left_out()) reports.back().left_out.push_back(out);
    for (const std::string& message : layers_[i]->unsupported())
      if (reports.back().refused.empty() && reports.back().frames == 0) reports.back().refused = message;
  }
  if (transcoded_ != nullptr) {
    reports.front().concealed_packets = transcoded_->concealed();
    reports.front().opus_fec_packets = transcoded_->recovered_by_fec();
  }
  return reports;
}

std::vector<ConvertNote> TrackFrames::notes() const {
  using Severity = ConvertNote::Severity;
  const std::string& id = placed_.front()->track->files.track_id;
  std::vector<ConvertNote> notes;
  for (const TrackReport& report : reports()) {
    auto of_layer = notes_of(report);
    notes.insert(notes.end(), std::make_move_iterator(of_layer.begin()), std::make_move_iterator(of_layer.end()));
  }
  for (const LayerFrames* layer : layers_) {
    for (const std::string& message : layer->unsupported())
      notes.push_back({Severity::skipped, id, "track " + id + ": " + message});
    if (!layer->unreadable().empty())
      notes.push_back({Severity::loss, id, "track " + id + ": " + layer->unreadable()});
  }
  if (transcoded_ != nullptr && !transcoded_->refused().empty())
    notes.push_back({Severity::skipped, id, "track " + id + ": " + transcoded_->refused()});
  if (const auto unfilled = left_unfilled()) notes.push_back({Severity::info, id, *unfilled});
  return notes;
}

// The sender's clock is not to be believed there.
std::optional<std::string> TrackFrames::left_unfilled() const {
  const std::int64_t seconds = budget_.refused_ns() / 1'000'000'000;
  if (seconds == 0) return std::nullopt;
  return "track " + placed_.front()->track->files.track_id + ": gaps of " + std::to_string(seconds) +
         " s in all were left as they are: its sender's clock ran further than the time in which it was "
         "recorded";
}

}  // namespace rtpx
