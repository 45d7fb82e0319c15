#include "play/program.hpp"

#include <algorithm>
#include <set>

#include "mux/codec_id.hpp"
#include "mux/segment_writer.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kProgramSecond = 1'000'000'000;
constexpr std::int64_t kPlaylistHoleNs = 250'000'000;        // players pass over shorter ones
constexpr std::int64_t kSilentHoleNs = 20'000'000;   // shorter than a packet of silence
constexpr std::int64_t kLongestFillerNs = 10 * kProgramSecond;

bool playable(const OutputTrack& init) {
  return segments_hold(Format::fmp4, init.mime_type) || segments_hold(Format::webm, init.mime_type);
}

// Pieces of `kind` from `from` to `to`.
std::vector<PlayedSegment> pieces(std::int64_t from, std::int64_t to, std::int64_t longest, std::uint32_t init,
                                  PlayedSegment::Kind kind) {
  std::vector<PlayedSegment> out;
  const std::int64_t count = std::clamp<std::int64_t>((to - from) / longest, 1, 10'000);
  for (std::int64_t i = 0; i < count; ++i) {
    PlayedSegment made;
    made.start_ns = made.from_ns = from + (to - from) / count * i;
    made.end_ns = i + 1 == count ? to : from + (to - from) / count * (i + 1);
    made.init = init;
    made.kind = kind;
    out.push_back(made);
  }
  return out;
}

bool has_filler(const Rendition& rendition, std::uint32_t init) {
  const OutputTrack& track = rendition.list.inits[init];
  return rendition.kind == MediaKind::video || codec_of(track.mime_type) == CodecId::opus;
}

void align_start(Rendition& rendition, std::int64_t start_ns) {
  auto& segments = rendition.list.segments;
  const std::uint32_t init = segments.front().init;
  // Some players take the first frame for the beginning: a picture begins there (SegmentStream), sound is filled.
  const bool silence = rendition.kind == MediaKind::audio && has_filler(rendition, init);
  if (segments.front().start_ns - start_ns < (silence ? kSilentHoleNs : kPlaylistHoleNs)) {
    segments.front().start_ns = start_ns;
    return;
  }
  const auto kind = has_filler(rendition, init) ? PlayedSegment::Kind::filler : PlayedSegment::Kind::gap;
  const auto lead =
      pieces(start_ns, segments.front().start_ns,
             rendition.kind == MediaKind::video ? kLongestFillerNs : SegmentListBuilder::kSoundNs, init, kind);
  segments.insert(segments.begin(), lead.begin(), lead.end());
}

void align_end(Rendition& rendition, std::int64_t end_ns, std::int64_t on_until_ns) {
  auto& segments = rendition.list.segments;
  PlayedSegment& last = segments.back();
  if (end_ns - last.end_ns < kPlaylistHoleNs) {
    last.end_ns = std::max(last.end_ns, end_ns);
    return;
  }
  const bool picture = rendition.kind == MediaKind::video;
  if (picture && on_until_ns <= last.end_ns + kProgramSecond) {
    last.end_ns = end_ns;
    return;
  }
  const auto kind = !picture && has_filler(rendition, last.init) ? PlayedSegment::Kind::filler
                                                                 : PlayedSegment::Kind::gap;
  const auto tail = pieces(last.end_ns, end_ns, picture ? kLongestFillerNs : SegmentListBuilder::kSoundNs,
                           last.init, kind);
  segments.insert(segments.end(), tail.begin(), tail.end());
}

/// What stands for a rendition that has nothing to say goes on behind a change of the others as a segment of its own:
/// all renditions have the same discontinuities (section 6.2.4).
void part_stand_ins(std::vector<PlayedSegment>& segments, const std::vector<std::int64_t>& changes) {
  for (std::size_t i = 0; i < segments.size(); ++i) {
    PlayedSegment& segment = segments[i];
    if (segment.kind == PlayedSegment::Kind::media) continue;
    const auto change = std::ranges::upper_bound(changes, segment.start_ns);
    if (change == changes.end() || *change >= segment.end_ns) continue;
    PlayedSegment rest = segment;
    segment.end_ns = rest.start_ns = rest.from_ns = *change;
    segments.insert(segments.begin() + static_cast<std::ptrdiff_t>(i) + 1, rest);
  }
}

}  // namespace

std::vector<PlayedPart> parts_of(const Rendition& rendition, std::size_t number) {
  const auto& segments = rendition.list.segments;
  const bool open = number == segments.size() && rendition.open;
  if (number >= segments.size() && !open) return {};
  const PlayedSegment& segment = open ? *rendition.open : segments[number];
  if (segment.kind != PlayedSegment::Kind::media || segment.start_ns != segment.from_ns) return {};
  const auto counted = std::ranges::find(rendition.list.parts, segment.from_ns, &SegmentParts::from_ns);
  if (counted == rendition.list.parts.end()) return {};
  std::vector<PlayedPart> out;
  std::uint32_t first = 0;
  for (std::size_t i = 0; i < SegmentListBuilder::kMostParts; ++i) {
    PlayedPart part;
    part.start_ns = segment.from_ns + static_cast<std::int64_t>(i) * kPartNs;
    part.end_ns = std::min(part.start_ns + kPartNs, segment.end_ns);
    part.first_frame = first;
    part.frames = i < counted->frames.size() ? counted->frames[i] : 0;
    const bool whole = part.end_ns - part.start_ns == kPartNs;
    if (part.end_ns <= part.start_ns || (!whole && (open || part.frames == 0))) break;
    first += part.frames;
    out.push_back(part);
  }
  return out;
}

bool is_unplayable(const SegmentList& list) {
  return std::ranges::none_of(list.segments,
                              [&](const PlayedSegment& segment) { return playable(list.inits[segment.init]); });
}

std::vector<std::int64_t> common_changes(const std::vector<const std::vector<std::int64_t>*>& changes) {
  std::vector<std::pair<std::int64_t, std::size_t>> all;
  for (std::size_t i = 0; i < changes.size(); ++i)
    for (const std::int64_t at : *changes[i]) all.emplace_back(at, i);
  std::ranges::sort(all);
  std::vector<std::int64_t> out;
  std::set<std::size_t> changed;
  for (const auto& [at, rendition] : all) {
    const bool apart = out.empty() || at - out.back() > kProgramSecond || changed.contains(rendition);
    if (apart && (out.empty() || at > out.back())) {
      out.push_back(at);
      changed.clear();
    }
    changed.insert(rendition);
  }
  return out;
}

void align(Program& program, const std::vector<std::int64_t>& on_until_ns, bool growing,
           std::optional<std::int64_t> start_ns) {
  program.growing = growing;
  program.start_ns = INT64_MAX;
  program.end_ns = INT64_MIN;
  for (const Rendition& rendition : program.renditions) {
    program.start_ns = std::min(program.start_ns, rendition.list.segments.front().start_ns);
    program.end_ns = std::max(program.end_ns, rendition.list.segments.back().end_ns);
  }
  program.start_ns = start_ns.value_or(program.start_ns);
  for (std::size_t i = 0; i < program.renditions.size(); ++i) {
    Rendition& rendition = program.renditions[i];
    for (PlayedSegment& segment : rendition.list.segments)
      if (!playable(rendition.list.inits[segment.init])) segment.kind = PlayedSegment::Kind::gap;
    align_start(rendition, program.start_ns);
    if (!growing) align_end(rendition, program.end_ns, on_until_ns[i]);
  }
  std::vector<const std::vector<std::int64_t>*> lists;
  for (const Rendition& rendition : program.renditions) lists.push_back(&rendition.list.changes);
  const std::vector<std::int64_t> changes = common_changes(lists);
  for (Rendition& rendition : program.renditions) {
    if (!growing) part_stand_ins(rendition.list.segments, changes);
    for (PlayedSegment& segment : rendition.list.segments)
      segment.discontinuities =
          static_cast<std::uint32_t>(std::ranges::upper_bound(changes, segment.start_ns) - changes.begin());
  }
  if (!growing) return;
  for (Rendition& rendition : program.renditions) {
    rendition.open = rendition.list.segments.back();
    rendition.list.segments.pop_back();
  }
}

}  // namespace rtpx
