#include "convert/open_track.hpp"

#include <algorithm>

#include "frames/layer_switch.hpp"
#include "frames/picture_fill.hpp"
#include "frames/silence_fill.hpp"
#include "packets/scanned_recording.hpp"
#include "report/track_report.hpp"

namespace rtpx {
namespace {

// Layers that are spliced have sets of their own.
bool parameter_sets_change(const PlannedTrack& planned) {
  return planned.layers.size() > 1 || std::ranges::any_of(planned.layers, [](const PlacedLayer* layer) {
           return layer->layer->parameter_sets_change;
         });
}

/// The highest rate and most channels of what the track sends: sound that is encoded anew keeps them through
/// a change of codec.
AudioTranscoderOptions transcoder_options(const PlannedTrack& planned, const ConvertOptions& options,
                                          FillBudget& budget) {
  AudioTranscoderOptions made{
      options.audio, 0, 0, options.opus_fec, options.gaps != GapPolicy::keep, [&budget](std::int64_t gap) {
        return budget.take(gap);
      }};
  for (const PlacedLayer* placed : planned.layers)
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
std::int64_t recorded_ns(const PlannedTrack& planned) {
  std::int64_t first = INT64_MAX, last = INT64_MIN;
  for (const PlacedLayer* layer : planned.layers) {
    first = std::min(first, layer->layer->first_receive_ms);
    last = std::max(last, layer->layer->last_receive_ms);
  }
  constexpr std::int64_t kMost = 366LL * 86'400'000;  // ms; and no overflow, whatever a damaged time says
  const std::uint64_t ms = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
  return std::min<std::int64_t>(ms > INT64_MAX ? 0 : static_cast<std::int64_t>(ms), kMost) * 1'000'000;
}

}  // namespace

Result<std::unique_ptr<OpenTrack>> OpenTrack::open(const PlannedTrack& planned, const SpillFile& spill,
                                                   const ConvertOptions& options) {
  std::unique_ptr<OpenTrack> track(new OpenTrack(planned));
  track->sets_in_band_ = options.on_change == OnChange::keep && parameter_sets_change(planned);
  // A part of its own for each size has that size; a lower spatial layer is smaller than its parameter sets
  // say.
  track->declares_largest_ = options.on_change == OnChange::keep && !options.max_spatial_layer;
  const LayerFrameOptions frame_options{
      {options.max_spatial_layer, options.max_temporal_layer, track->sets_in_band_}, options.incomplete};
  std::vector<std::unique_ptr<FrameSource>> sources;
  for (const PlacedLayer* layer : planned.layers) {
    track->logs_.push_back(std::make_unique<FrameLog>());
    auto frames = LayerFrames::open(*layer, spill, frame_options, *track->logs_.back());
    if (!frames) return std::unexpected(frames.error());
    track->layers_.push_back(frames->get());
    sources.push_back(std::move(*frames));
  }
  if (sources.size() > 1) {
    std::vector<std::string> names;
    for (const PlacedLayer* layer : planned.layers)
      names.push_back(rid_of(*layer->track, layer->layer->rid_index).value_or(""));
    track->source_ =
        std::make_unique<LayerSwitch>(std::move(sources), std::move(names), *track->logs_.front());
  } else {
    track->source_ = std::move(sources.front());
  }
  track->budget_ = FillBudget(recorded_ns(planned));
  if (track->kind() == MediaKind::video) {
    const PictureFillOptions fill{options.gaps == GapPolicy::fill, options.incomplete == Incomplete::freeze,
                                  track->input().end_ns};
    if (fill.every_gap || fill.after_loss)
      track->source_ = std::make_unique<PictureFill>(std::move(track->source_), fill, track->budget_,
                                                     *track->logs_.front());
    return track;
  }
  const bool fill = options.gaps != GapPolicy::keep;
  if (options.audio != AudioCodec::copy) {
    auto transcoded = std::make_unique<TranscodedAudio>(std::move(track->source_),
                                                        transcoder_options(planned, options, track->budget_));
    track->transcoded_ = transcoded.get();
    track->source_ = std::move(transcoded);
  } else if (fill) {
    track->source_ =
        std::make_unique<SilenceFill>(std::move(track->source_), track->budget_, *track->logs_.front());
  }
  return track;
}

Result<bool> OpenTrack::has_frames() {
  const auto first = source_->peek();
  if (!first) return std::unexpected(first.error());
  return *first != nullptr;
}

MediaKind OpenTrack::kind() const noexcept {
  return planned_.layers.front()->track->files.track.kind;
}

WriterInput OpenTrack::input() const {
  WriterInput input{source_.get(), kind(), planned_.name, 0, 0, sets_in_band_};
  const PictureSize largest = declares_largest_ ? largest_picture() : PictureSize{};
  input.width = largest.width;
  input.height = largest.height;
  for (const PlacedLayer* layer : planned_.layers) {
    input.end_ns = std::max(input.end_ns, end_of(*layer));
    input.keyframe_bound += layer->layer->keyframe_bound;
    for (const auto& segment : layer->layer->segments) input.keyframe_bound += segment->patches.size();
  }
  return input;
}

PictureSize OpenTrack::largest_picture() const {
  PictureSize largest;
  for (const PlacedLayer* layer : planned_.layers)
    if (layer->layer->largest.area() > largest.area()) largest = layer->layer->largest;
  return largest;
}

std::vector<TrackReport> OpenTrack::reports() const {
  std::vector<TrackReport> reports;
  for (std::size_t i = 0; i < logs_.size(); ++i) {
    reports.push_back(report_layer(*planned_.layers[i], *logs_[i]));
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

std::optional<std::string> OpenTrack::left_unfilled() const {
  const std::int64_t seconds = budget_.refused_ns() / 1'000'000'000;
  if (seconds == 0) return std::nullopt;
  return "track " + planned_.layers.front()->track->files.track_id + ": gaps of " + std::to_string(seconds) +
         " s in all were left as they are: its sender's clock ran further than the time in which it was "
         "recorded";
}

std::vector<std::string> OpenTrack::unsupported() const {
  std::vector<std::string> messages;
  for (const LayerFrames* layer : layers_)
    messages.insert(messages.end(), layer->unsupported().begin(), layer->unsupported().end());
  if (transcoded_ != nullptr && !transcoded_->refused().empty()) messages.push_back(transcoded_->refused());
  return messages;
}

}  // namespace rtpx
