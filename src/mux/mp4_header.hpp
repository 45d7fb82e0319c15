#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "mux/mp4_box.hpp"
#include "mux/mp4_track.hpp"

namespace rtpx {

/// The part of a track's header that its times make: the media's in the track's units, the others in the
/// movie's.
struct Mp4TrackTimes {
  std::int64_t media_duration = 0;  ///< of all samples; 0 in a file of fragments
  std::int64_t empty = 0;           ///< before the track begins
  std::int64_t media_time = 0;      ///< of what is shown first
  std::int64_t shown = 0;           ///< how long it is shown; 0 in a file of fragments
  bool edits = false;               ///< an edit list is needed
};

/// The movie box (ISO/IEC 14496-12 section 8.2.1) of both kinds of MP4.
struct Mp4Header {
  std::uint32_t timescale = 0;
  std::int64_t duration = 0;  ///< 0 in a file of fragments
  const MuxHints* hints = nullptr;
  /// Puts the boxes of stbl behind stsd.
  std::function<void(Mp4Boxes&, std::size_t track)> sample_tables;
  /// Puts what is to stand behind the tracks: mvex.
  std::function<void(Mp4Boxes&)> extends;

  void write(Mp4Boxes& out, const std::vector<const Mp4Track*>& tracks,
             const std::vector<Mp4TrackTimes>& times) const;

 private:
  void write_track(Mp4Boxes& out, const Mp4Track& track, const Mp4TrackTimes& times, std::size_t index) const;
  void write_media(Mp4Boxes& out, const Mp4Track& track, const Mp4TrackTimes& times, std::size_t index) const;
};

}  // namespace rtpx
