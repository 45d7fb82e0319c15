#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "frames/frame_source.hpp"
#include "mux/muxer.hpp"
#include "mux/presentation_end.hpp"

namespace rtpx {

/// One media segment of a rendition. Times on the recording's timeline.
struct PlayedSegment {
  enum class Kind : std::uint8_t {
    media,   ///< frames of the recording
    filler,  ///< none: before the first picture it stands still, where there is no sound it is silent
    gap,     ///< nothing that could be shown (EXT-X-GAP)
  };
  std::int64_t start_ns = 0, end_ns = 0;
  std::int64_t from_ns = 0;           ///< of its first frame
  std::uint64_t bytes = 0;            ///< of its frames
  std::uint32_t frames = 0;
  std::uint32_t init = 0;             ///< index into SegmentList::inits
  std::uint32_t discontinuities = 0;  ///< of the program before it, its own included
  Kind kind = Kind::media;
};

/// How long parts of segments are (RFC 8216bis section 4.4.4.9): the last one of a segment may be shorter. They lie at
/// fixed distances from the segment's first frame, and hold the frames that begin there.
inline constexpr std::int64_t kPartNs = 500'000'000;

/// How many frames begin in each part of a segment; without those at the end that have none.
struct SegmentParts {
  std::int64_t from_ns = 0;  ///< PlayedSegment::from_ns
  std::vector<std::uint32_t> frames;
};

/// What a rendition consists of, in order and without holes.
struct SegmentList {
  std::vector<OutputTrack> inits;  ///< each configuration once
  std::vector<PlayedSegment> segments;
  std::vector<std::int64_t> changes;  ///< starts of segments whose configuration is another than before
  std::vector<SegmentParts> parts;    ///< of the last kSegmentsWithParts segments
  std::uint64_t frames = 0;
  bool cut_off = false;  ///< there were more changes than are kept: what follows them is left out
};

/// Finds where segments begin: pictures at keyframes once a segment is kShortestNs long, and at every
/// keyframe with another codec, size, parameter set or orientation; sound every kSoundNs, at changes of its
/// configuration, and at the times asked for. Long groups of pictures make long segments. Bounded: 40 bytes
/// a segment, kMostInits configurations.
class SegmentListBuilder {
 public:
  static constexpr std::int64_t kShortestNs = 2'000'000'000, kSoundNs = 4'000'000'000;
  static constexpr std::size_t kMostInits = 500;
  static constexpr std::size_t kSegmentsWithParts = 16, kMostParts = 10'000;

  /// `sets_in_band`: keyframes of H.264 and H.265 carry their parameter sets.
  SegmentListBuilder(MediaKind kind, bool sets_in_band) : kind_(kind), sets_in_band_(sets_in_band) {}
  SegmentListBuilder() = default;  ///< to be read

  /// Where sound begins a segment, too: changes of the pictures beside it. Sorted.
  void cut_at(std::vector<std::int64_t> times) { cuts_ = std::move(times); }
  /// The next frame, in decoding order. False: no more are taken.
  bool add(const PlacedFrame& frame);
  /// All frames so far; the last segment ends where its frames do. More may be added.
  [[nodiscard]] SegmentList so_far() const;
  [[nodiscard]] const std::vector<std::int64_t>& changes() const noexcept { return out_.changes; }
  /// base/archive.hpp: what so_far() tells. No more is added to one that was read.
  template <class Archive>
  void archive(Archive& with) {
    with(kind_, sets_in_band_, out_, end_);
  }

 private:
  [[nodiscard]] bool is_other(const PlacedFrame& frame) const;
  [[nodiscard]] bool is_cut(const PlacedFrame& frame) const;
  void count_part(std::int64_t time_ns);
  [[nodiscard]] std::uint32_t init_of(const PlacedFrame& frame);

  MediaKind kind_ = MediaKind::video;
  bool sets_in_band_ = false;
  std::vector<std::int64_t> cuts_;
  SegmentList out_;
  PresentationEnd end_;
};

/// A configuration as containers want it.
[[nodiscard]] OutputTrack describe_track(const PlacedFrame& frame, MediaKind kind, bool sets_in_band);

}  // namespace rtpx
