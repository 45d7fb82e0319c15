#include "mux/payload.hpp"

namespace rtpx {

Bytes without_temporal_delimiter(Bytes unit) noexcept {
  // OBU header (AV1 section 5.3.2): type 2, with has_size_field and size 0 or, alone in the unit, without.
  while (unit.size() >= 2 && (unit[0] & std::byte{0x7E}) == std::byte{0x12} && unit[1] == std::byte{0})
    unit = unit.subspan(2);
  return unit;
}

Bytes swap_16(Bytes samples, std::vector<std::byte>& into) {
  into.resize(samples.size() / 2 * 2);
  for (std::size_t i = 0; i < into.size(); i += 2) {
    into[i] = samples[i + 1];
    into[i + 1] = samples[i];
  }
  return into;
}

}  // namespace rtpx
