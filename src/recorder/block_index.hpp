#pragma once

#include <span>

#include "recorder/lane_writer.hpp"

namespace rtpx {

/// The checksum and time index of one folder, appended to by the sync thread.
class BlockIndex {
 public:
  virtual ~BlockIndex() = default;
  [[nodiscard]] virtual Result<void> append(std::span<const WrittenBlock> blocks) = 0;
  [[nodiscard]] virtual Result<void> sync() = 0;
};

}  // namespace rtpx
