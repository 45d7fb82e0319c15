#include "codec/described_references.hpp"

#include <algorithm>

namespace rtpx {

void DescribedReferences::begin_unit(bool described) noexcept {
  unit_numbers_.clear();
  described_ = described;
  missing_ = false;
}

void DescribedReferences::frame(const DependencyDescriptor& descriptor) {
  for (const std::uint16_t difference : descriptor.differences) {
    const auto number = static_cast<std::uint16_t>(descriptor.frame_number - difference);
    const Numbered& referred = numbered_[number % kFrames];
    const bool within = std::ranges::find(unit_numbers_, number) != unit_numbers_.end();
    if (!within && (!referred.intact || referred.number != number)) missing_ = true;
  }
  unit_numbers_.push_back(descriptor.frame_number);
}

std::optional<bool> DescribedReferences::missing() const noexcept {
  if (!described_ || unit_numbers_.empty()) return std::nullopt;
  return missing_;
}

void DescribedReferences::settle(bool intact) noexcept {
  for (const std::uint16_t number : unit_numbers_) numbered_[number % kFrames] = {number, intact};
}

}  // namespace rtpx
