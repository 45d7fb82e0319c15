#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "play/segment_list.hpp"
#include "rtpx/manifest.hpp"

namespace rtpx {

/// One layer of a picture track, or one sound track, as playlists show it.
struct Rendition {
  std::string id;  ///< in addresses: "v1", "a1", one for the whole recording
  MediaKind kind = MediaKind::video;
  std::string track_id;
  std::optional<std::string> rid;
  std::string name;  ///< for people
  SegmentList list;
  /// The segment behind the last one of `list`, which goes on: whatever begins before its end_ns is known.
  std::optional<PlayedSegment> open;
};

/// A part of a segment.
struct PlayedPart {
  std::int64_t start_ns = 0, end_ns = 0;
  std::uint32_t first_frame = 0, frames = 0;  ///< of the segment's; 0 frames: there is nothing to be had (GAP=YES)
};
/// The parts of a segment, or of the open one (whose number is the next) as far as they are whole. Segments have parts
/// while they are young, and if they begin with their first frame.
[[nodiscard]] std::vector<PlayedPart> parts_of(const Rendition& rendition, std::size_t number);

/// What is played together: the tracks of one media stream, or one track that belongs to none. All its
/// renditions begin and end at the same times and have the same discontinuities (RFC 8216bis section 6.2.4).
struct Program {
  std::string id;  ///< of its media stream, else of its track
  std::int64_t start_ns = 0, end_ns = 0;
  std::optional<UtcTime> started;  ///< wall-clock time at start_ns
  std::vector<Rendition> renditions;  ///< pictures first
  bool growing = false;               ///< more will come
  std::string first_shown;            ///< id of the rendition that marks follow
};

/// Gives the renditions of `program` their common start and end, with fillers and gaps where one of them has
/// nothing, and numbers the discontinuities. `on_until_ns`, for each rendition: until when another layer of
/// the same track goes on; there a layer without pictures has a gap, elsewhere its last picture stands still.
/// `growing`: the ends stay as they are, more will come; the last segment of each becomes its open one. `start_ns`:
/// where the program was said to begin.
void align(Program& program, const std::vector<std::int64_t>& on_until_ns, bool growing = false,
           std::optional<std::int64_t> start_ns = std::nullopt);

/// The times at which renditions change (a sorted list for each), those of several within a second as one; sorted.
[[nodiscard]] std::vector<std::int64_t> common_changes(
    const std::vector<const std::vector<std::int64_t>*>& changes);

/// Whether no segment of the rendition can be played in a browser's container (fMP4, or WebM).
[[nodiscard]] bool is_unplayable(const SegmentList& list);

}  // namespace rtpx
