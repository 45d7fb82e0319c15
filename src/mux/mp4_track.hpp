#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "mux/codec_id.hpp"
#include "mux/mp4_box.hpp"
#include "mux/muxer.hpp"

namespace rtpx {

/// What both MP4 writers know of a track.
struct Mp4Track {
  OutputTrack output;  ///< with the largest picture so far
  CodecId codec = CodecId::vp9;
  std::uint32_t timescale = 48'000;  ///< units a second of its own times
  std::int64_t delay_ns = 0;         ///< of what the encoder of sound put before its first sample
  bool sets_in_band = false;         ///< avc3, hev1
  bool grew = false;                 ///< output's size is not the first one any more
  std::vector<std::byte> setup;      ///< the configuration as its box has it

  /// Errors: invalid_argument, malformed (what the codec needs and the configuration lacks).
  [[nodiscard]] static Result<Mp4Track> make(const OutputTrack& output, std::uint32_t movie_timescale);
  [[nodiscard]] bool video() const noexcept { return is_video(codec); }
  /// What of `sample` goes into the file; `joined` may own it. Notes the picture's size. Errors: malformed;
  /// unsupported where the parameter sets change and the header says that they do not.
  [[nodiscard]] Result<Bytes> payload(const Sample& sample, std::vector<std::byte>& joined);
  /// The sample entry (ISO/IEC 14496-12 section 8.5.2) with the codec's configuration box.
  void write_sample_entry(Mp4Boxes& out) const;
};

/// The time units a second of a file and its pictures: the rate of its sound, or a multiple of all rates, or
/// 48,000. Sound has its own rate, which FFmpeg takes for granted where it skips samples. One for all where
/// that can be, since Firefox takes the length of an empty edit for one in the track's own units.
[[nodiscard]] std::uint32_t mp4_timescale(const std::vector<OutputTrack>& tracks);
/// Rounds to the nearest unit.
[[nodiscard]] std::int64_t mp4_ticks(std::int64_t ns, std::uint32_t timescale) noexcept;
[[nodiscard]] std::int64_t mp4_rescale(std::int64_t ticks, std::uint32_t from, std::uint32_t to) noexcept;

}  // namespace rtpx
