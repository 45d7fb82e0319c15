#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// One frame of the stream that `rtpx record --stdin` reads (docs/ingest.md).
struct InputFrame {
  enum class Kind : std::uint8_t { tracks, rtp, rtcp, end, unknown, malformed };
  Kind kind = Kind::unknown;
  std::size_t track = 0;         ///< its number; of rtp, rtcp and end
  std::uint8_t rid_index = 0;    ///< of rtp
  std::uint64_t arrival_ns = 0;  ///< of rtp and rtcp, on the sender's clock; 0: now
  Bytes body;                    ///< the JSON, or the packet; valid until the next call of the parser
};

/// Cuts bytes as they come into frames. Total: what a frame holds cannot end the stream, only a length beyond
/// kMostFrameBytes can. Memory is bounded by that length and the largest piece fed.
class FrameParser {
 public:
  static constexpr std::size_t kMostFrameBytes = 1U << 20;

  /// Appends bytes as they came; call next() until it answers nothing before feeding more.
  void feed(Bytes bytes);
  /// The next whole frame; nullopt: more bytes are needed. Errors: malformed, naming the offset; then for good.
  [[nodiscard]] Result<std::optional<InputFrame>> next();
  /// Bytes of a frame that has begun and not ended.
  [[nodiscard]] std::size_t unfinished() const noexcept { return buffer_.size() - at_; }

 private:
  std::vector<std::byte> buffer_;
  std::size_t at_ = 0;        // in buffer_: where the next frame begins
  std::uint64_t offset_ = 0;  // of buffer_ in the stream
};

}  // namespace rtpx
