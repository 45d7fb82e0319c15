#pragma once

#include <memory>
#include <vector>

#include "media/libav.hpp"
#include "mux/codec_id.hpp"
#include "mux/muxer.hpp"

namespace rtpx {

/// An audio track of a file, to be written into another one as it is.
class SourceTrack {
 public:
  /// Errors: unsupported (a codec that we do not write).
  [[nodiscard]] static Result<std::unique_ptr<SourceTrack>> open(const AVStream& stream);
  [[nodiscard]] const OutputTrack& track() const noexcept { return track_; }
  /// Valid as long as the packet, and until the next call.
  [[nodiscard]] Sample sample(const AVPacket& packet);

 private:
  OutputTrack track_;
  AVRational time_base_{1, 1000};
  std::int64_t delay_ticks_ = 0;  // that libavformat takes off the times
  bool big_endian_ = false;
  std::vector<std::byte> swapped_;
};

}  // namespace rtpx
