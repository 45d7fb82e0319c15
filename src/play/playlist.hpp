#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "play/program.hpp"

namespace rtpx {

/// How addresses in playlists and manifests are written.
struct PlayAddresses {
  std::string query;  ///< behind each address: "?link=…"; empty: none
  bool live = true;   ///< somebody answers: playlists that grow can be waited for, and have parts
};

/// What the multivariant playlist says beside renditions.
struct PlayExtras {
  std::string marks_folder;  ///< where the subtitles rendition of marks is; empty: there is none
};

/// The multivariant playlist (RFC 8216bis section 4.4.6) of a program; media playlists at "<id>/index.m3u8".
[[nodiscard]] std::string multivariant_playlist(const Program& program, const PlayAddresses& addresses,
                                                const PlayExtras& extras = {});

/// The lines of a media playlist (section 4.4.3), segment after segment.
class MediaPlaylistText {
 public:
  MediaPlaylistText(const Program& program, const PlayAddresses& addresses);
  /// What stands before a segment's parts and its duration. `map`: address of its initialization segment; empty: none.
  void head(const PlayedSegment& segment, const std::string& map);
  void line(const std::string& text) { out_ += text + "\n"; }
  /// head(), duration and address.
  void segment(const PlayedSegment& segment, const std::string& map, const std::string& uri);
  [[nodiscard]] std::string end();

 private:
  const Program& program_;
  const PlayAddresses& addresses_;
  std::string out_, map_;
  std::uint32_t discontinuities_ = 0;
  bool tell_date_ = true;
  bool headed_ = false;  // the segment that comes has its head
};

/// The media playlist of one rendition, fMP4: whole (VOD), or so far (EVENT), with the parts of its young segments.
[[nodiscard]] std::string media_playlist(const Program& program, const Rendition& rendition,
                                         const PlayAddresses& addresses);

/// A DASH manifest (ISO/IEC 23009-1) of a program, static (of a growing one: what there is so far), a period for each discontinuity: fMP4, and WebM for
/// VP8, which no browser plays from MP4.
[[nodiscard]] std::string dash_manifest(const Program& program, const PlayAddresses& addresses);

/// What the segments of a rendition are in DASH and for the page.
[[nodiscard]] Format page_format(const OutputTrack& init);

/// "index.m3u8" of the first program, "index-2.m3u8" of the second.
[[nodiscard]] std::string playlist_name(std::size_t program);
[[nodiscard]] std::string manifest_name(std::size_t program);

/// "init-3.mp4" and "12.m4s"; for WebM "init-3.webm" and "12.webm".
[[nodiscard]] std::string init_name(std::size_t number, Format format);
[[nodiscard]] std::string segment_name(std::size_t number, Format format);

/// "parts/12.3.m4s": a part of segment 12.
[[nodiscard]] std::string part_name(std::size_t number, std::size_t part, Format format);

/// Parts of closed segments are told of for so long behind their end: three target durations (section 4.4.4.9).
[[nodiscard]] bool has_young_parts(const Program& program, const Rendition& rendition, std::size_t number);

/// Bytes that a segment has in its container, at most (but for parameter sets that are repeated).
[[nodiscard]] std::uint64_t segment_bytes(const PlayedSegment& segment);

/// The figures of section 4.4.6.2.
struct BitRates {
  std::uint64_t peak = 0, average = 0;  ///< bits a second
};
[[nodiscard]] BitRates bit_rates(const SegmentList& list, std::int64_t target_ns);
/// Of one that has nothing but its open segment, that one's.
[[nodiscard]] BitRates bit_rates(const Rendition& rendition, std::int64_t target_ns);

/// The longest segment of all renditions, in whole seconds as EXT-X-TARGETDURATION counts (section 4.4.3.1).
[[nodiscard]] std::int64_t target_seconds(const Program& program);

}  // namespace rtpx
