#pragma once

#include <cstdint>

#include "base/bytes.hpp"
#include "e2ee/e2ee_format.hpp"

namespace rtpx {

/// Frames in a row that begin with an SFrame header of one key whose counter goes up: the header alone says
/// nothing, but what a codec makes does not count for long.
class SFrameRun {
 public:
  static constexpr unsigned kProof = 20;  ///< frames

  explicit SFrameRun(E2eeFormat format) : format_(format) {}

  /// The first bytes of a frame.
  void push(std::size_t segment, std::int64_t timestamp, Bytes start);
  [[nodiscard]] bool proven() const noexcept { return frames_ >= kProof; }
  [[nodiscard]] E2eeFormat format() const noexcept { return format_; }
  [[nodiscard]] std::uint64_t key_id() const noexcept { return key_id_; }
  [[nodiscard]] std::uint64_t frames() const noexcept { return frames_; }
  [[nodiscard]] std::int64_t from_timestamp() const noexcept { return from_; }
  [[nodiscard]] std::int64_t to_timestamp() const noexcept { return to_; }

 private:
  E2eeFormat format_;
  std::size_t segment_ = 0;
  std::uint64_t key_id_ = 0, counter_ = 0, frames_ = 0;
  std::int64_t from_ = 0, to_ = 0;
  unsigned misses_ = 0;  // frames since the last that fits
};

}  // namespace rtpx
