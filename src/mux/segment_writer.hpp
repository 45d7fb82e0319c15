#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "mux/byte_sink.hpp"
#include "mux/muxer.hpp"

namespace rtpx {

/// Makes the pieces of a stream for the network, of one track: an initialization segment, and media segments
/// that play after it in any order. fMP4 (ISO/IEC 14496-12 section 8.8, as RFC 8216bis section 3.1.2 has it)
/// or WebM (the byte stream format of Media Source Extensions). One thread.
class SegmentWriter {
 public:
  virtual ~SegmentWriter() = default;
  /// Appends the initialization segment.
  virtual Result<void> init(ByteSink& out) const = 0;
  /// A sample of the next media segment, in decoding order; `sample.track` counts for nothing. Its data is
  /// copied. Errors: invalid_argument, malformed.
  virtual Result<void> add(const Sample& sample) = 0;
  /// Bytes of samples that wait.
  [[nodiscard]] virtual std::size_t waiting() const noexcept = 0;
  /// Appends a part of the segment: of what waits as much as is known how long it is shown.
  virtual Result<void> write_part(std::uint32_t number, ByteSink& out) = 0;
  /// Appends the rest of the segment, whose last sample is shown until `end_ns`. `number`: of a part, increasing.
  virtual Result<void> finish(std::uint32_t number, std::int64_t end_ns, ByteSink& out) = 0;
};

/// `format`: fmp4 or webm. VP8 goes into fMP4 as "vp08" (VP Codec ISO Media File Format Binding).
/// Errors: unsupported, invalid_argument, malformed (what the codec needs and the configuration lacks).
[[nodiscard]] Result<std::unique_ptr<SegmentWriter>> open_segment_writer(Format format,
                                                                         const OutputTrack& track);
/// Whether segments of `format` can hold `mime_type`.
[[nodiscard]] bool segments_hold(Format format, std::string_view mime_type) noexcept;
/// The units a second of the times in segments of this track, for manifests that count in them.
[[nodiscard]] std::uint32_t segment_timescale(const OutputTrack& track);

}  // namespace rtpx
