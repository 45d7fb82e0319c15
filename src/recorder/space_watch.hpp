#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>

#include "rtpx/event.hpp"

namespace rtpx {

/// Turns free space into levels. On a small disk the watermarks shrink, to a quarter and a sixteenth of it,
/// so that it can be used at all.
class SpaceWatch {
 public:
  using Level = event::DiskSpace::Level;

  SpaceWatch(std::uint64_t low_bytes, std::uint64_t full_bytes) : low_(low_bytes), full_(full_bytes) {}
  /// `capacity` of the disk; 0: not known.
  void set_capacity(std::uint64_t capacity);

  /// The new level when it changed. Rising needs an eighth more than the watermark, against flapping.
  /// `writes_fail`: the disk refuses data, whatever it says is free.
  [[nodiscard]] std::optional<Level> update(std::uint64_t free_bytes, bool writes_fail);
  [[nodiscard]] Level level() const { return level_; }

 private:
  std::uint64_t low_, full_;
  Level level_ = Level::ok;
};

}  // namespace rtpx
