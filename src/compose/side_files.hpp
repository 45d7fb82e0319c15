#pragma once

#include <string>
#include <vector>

#include "compose/call.hpp"
#include "mux/muxer.hpp"
#include "rtpx/composer.hpp"

namespace rtpx::film {

/// Joins, leaves, screen shares and marks of a call, by time, the first at zero. What happens within a second
/// is one chapter. At most 1,000.
[[nodiscard]] std::vector<Chapter> chapters_of(const Call& call, const std::vector<FilmMark>& marks);

/// As WebVTT (W3C), a cue each.
[[nodiscard]] std::string webvtt_of(const std::vector<Chapter>& chapters, std::int64_t duration_ns);

/// Who spoke when (docs/json.md).
[[nodiscard]] std::string speech_json_of(const Call& call);
/// The same as RTTM (NIST), for those who score diarisation.
[[nodiscard]] std::string rttm_of(const Call& call, const std::string& name);

/// A file of the timeline: one participant's own.
struct TimelineClip {
  std::string name;
  std::filesystem::path file;
  std::int64_t from_ns = 0, duration_ns = 0;  ///< on the film's clock
  bool video = false, audio = false;
};
/// OpenTimelineIO (Timeline.1): a track for each clip and kind, markers for the chapters. Times are in
/// milliseconds.
[[nodiscard]] std::string otio_of(const std::string& name, const std::vector<TimelineClip>& clips,
                                  const std::vector<Chapter>& chapters, std::int64_t duration_ns);

}  // namespace rtpx::film
