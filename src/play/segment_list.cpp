#include "play/segment_list.hpp"

#include <algorithm>

#include "base/ascii.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kShortestShownNs = 100'000'000;  // a picture alone says nothing of how long

bool same_track(const OutputTrack& a, const OutputTrack& b) {
  return equals_ignoring_case(a.mime_type, b.mime_type) && a.config == b.config && a.rotation == b.rotation &&
         a.mirrored == b.mirrored;
}

}  // namespace

OutputTrack describe_track(const PlacedFrame& frame, MediaKind kind, bool sets_in_band) {
  OutputTrack track;
  track.kind = kind;
  track.mime_type = frame.codec->mime_type;
  if (frame.config != nullptr) track.config = *frame.config;
  track.rotation = frame.orientation.clockwise_degrees;
  track.mirrored = frame.orientation.mirrored;
  track.config_changes = sets_in_band;
  track.codec_delay_ns = frame.codec_delay_ns;
  return track;
}

bool SegmentListBuilder::is_other(const PlacedFrame& frame) const {
  const OutputTrack& now = out_.inits[out_.segments.back().init];
  if (!equals_ignoring_case(frame.codec->mime_type, now.mime_type)) return true;
  if (kind_ == MediaKind::video &&
      frame.orientation != Orientation{now.rotation, now.mirrored})
    return true;
  return frame.config != nullptr && !(*frame.config == now.config);
}

bool SegmentListBuilder::is_cut(const PlacedFrame& frame) const {
  const PlayedSegment& open = out_.segments.back();
  if (kind_ == MediaKind::video)
    return frame.frame.kind == FrameKind::key && frame.time_ns - open.start_ns >= kShortestNs;
  const auto cut = std::ranges::upper_bound(cuts_, open.start_ns);
  return frame.time_ns - open.start_ns >= kSoundNs || (cut != cuts_.end() && frame.time_ns >= *cut);
}

std::uint32_t SegmentListBuilder::init_of(const PlacedFrame& frame) {
  OutputTrack track = describe_track(frame, kind_, sets_in_band_);
  const auto known =
      std::ranges::find_if(out_.inits, [&](const OutputTrack& init) { return same_track(init, track); });
  if (known != out_.inits.end()) return static_cast<std::uint32_t>(known - out_.inits.begin());
  out_.inits.push_back(std::move(track));
  return static_cast<std::uint32_t>(out_.inits.size() - 1);
}

bool SegmentListBuilder::add(const PlacedFrame& frame) {
  if (out_.cut_off) return false;
  std::vector<PlayedSegment>& segments = out_.segments;
  const bool may_begin = kind_ == MediaKind::audio || frame.frame.kind == FrameKind::key;
  const bool first = segments.empty();
  if (first && !may_begin) return true;
  const bool changed = !first && may_begin && is_other(frame);
  const bool forward = first || frame.time_ns > segments.back().start_ns;
  if (first || (forward && (changed || is_cut(frame)))) {
    const std::uint32_t init = first || changed ? init_of(frame) : segments.back().init;
    if (out_.inits.size() > kMostInits) {
      out_.inits.pop_back();
      out_.cut_off = true;
      return false;
    }
    if (!first) segments.back().end_ns = frame.time_ns;
    if (changed) out_.changes.push_back(frame.time_ns);
    PlayedSegment begun;
    begun.start_ns = begun.from_ns = frame.time_ns;
    begun.init = init;
    segments.push_back(begun);
    if (out_.parts.size() == kSegmentsWithParts) out_.parts.erase(out_.parts.begin());
    out_.parts.push_back({frame.time_ns, {}});
  }
  PlayedSegment& open = segments.back();
  open.bytes += frame.frame.data.size();
  ++open.frames;
  ++out_.frames;
  count_part(frame.time_ns);
  end_.add(frame.time_ns, frame.duration_ns > 0 ? std::max<std::int64_t>(frame.duration_ns - frame.discard_ns, 1) : 0);
  return true;
}

// Frames stay in decoding order: one that is shown before another which was sent before it is of that one's part.
void SegmentListBuilder::count_part(std::int64_t time_ns) {
  SegmentParts& open = out_.parts.back();
  const auto at = static_cast<std::size_t>(std::max<std::int64_t>(time_ns - open.from_ns, 0) / kPartNs);
  if (at >= kMostParts) return;
  if (open.frames.size() <= at) open.frames.resize(at + 1);
  ++open.frames.back();
}

SegmentList SegmentListBuilder::so_far() const {
  SegmentList list = out_;
  if (!list.segments.empty()) {
    PlayedSegment& last = list.segments.back();
    last.end_ns = std::max(end_.end_ns(), last.start_ns + kShortestShownNs);
  }
  return list;
}

}  // namespace rtpx
