#include <algorithm>

#include "repair/repairer.hpp"

namespace rtpx {
PayloadTypes::PayloadTypes(const std::vector<Codec>& codecs) : codecs_(codecs) {
  std::ranges::fill(roles_, PayloadRole::unknown);
  std::ranges::fill(index_, std::int16_t{-1});
  for (std::size_t i = 0; i < codecs_.size() && i < 1000; ++i) {
    const std::uint8_t type = codecs_[i].payload_type & 0x7F;
    if (index_[type] >= 0) continue;  // the first of a repeated payload type counts
    index_[type] = static_cast<std::int16_t>(i);
    roles_[type] = payload_role(codecs_[i].mime_type);
  }
}

const Codec* PayloadTypes::codec(std::uint8_t payload_type) const noexcept {
  const std::int16_t at = index_[payload_type & 0x7F];
  return at < 0 ? nullptr : &codecs_[static_cast<std::size_t>(at)];
}

std::optional<std::uint8_t> PayloadTypes::repaired_type(std::uint8_t payload_type) const noexcept {
  if (role(payload_type) != PayloadRole::rtx) return std::nullopt;
  if (const auto apt = associated_payload_type(*codec(payload_type))) return apt;
  std::optional<std::uint8_t> only;
  for (const Codec& other : codecs_) {
    if (role(other.payload_type) != PayloadRole::media) continue;
    if (only && *only != other.payload_type) return std::nullopt;
    only = other.payload_type & 0x7F;
  }
  return only;
}

bool PayloadTypes::has(PayloadRole wanted) const noexcept {
  return std::ranges::find(roles_, wanted) != std::end(roles_);
}

}  // namespace rtpx
