#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "codec/av1_dependency_descriptor.hpp"

namespace rtpx {

/// Says of each unit of frames whether one that it refers to is missing, exactly, from the dependency
/// descriptors that its frames bear.
class DescribedReferences {
 public:
  void begin_unit(bool described) noexcept;
  /// A frame of the open unit.
  void frame(const DependencyDescriptor& descriptor);
  /// nullopt: the open unit was not described.
  [[nodiscard]] std::optional<bool> missing() const noexcept;
  /// The open unit is whole; whether it decodes cleanly.
  void settle(bool intact) noexcept;
  void reset() noexcept { numbered_ = {}; }

 private:
  static constexpr std::size_t kFrames = 256;
  struct Numbered {
    std::uint16_t number = 0;
    bool intact = false;
  };
  std::array<Numbered, kFrames> numbered_{};  // by frame number
  std::vector<std::uint16_t> unit_numbers_;   // frame numbers in the open unit
  bool described_ = false;
  bool missing_ = false;
};

}  // namespace rtpx
