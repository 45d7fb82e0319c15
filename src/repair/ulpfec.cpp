#include "repair/ulpfec.hpp"

namespace rtpx {

std::vector<Parity> parse_ulpfec(Bytes payload, std::uint32_t media_ssrc) {
  ByteReader in(payload);
  // Section 7.3: E|L|P|X|CC, M|PT recovery, SN base, TS recovery, length recovery.
  const std::uint8_t first = in.u8();
  const std::uint8_t second = in.u8();
  const std::uint16_t base = in.u16();
  const std::uint32_t timestamp = in.u32();
  const std::uint16_t length = in.u16();
  if (!in.ok() || (first & 0x80) != 0) return {};  // E: an extension that nobody has defined
  const bool long_mask = (first & 0x40) != 0;

  std::vector<Parity> levels;
  std::size_t begin = 0;
  while (!in.empty()) {
    // Section 7.4: protection length, mask.
    const std::uint16_t protection = in.u16();
    std::uint64_t mask = std::uint64_t{in.u16()} << 48;
    if (long_mask) mask |= std::uint64_t{in.u32()} << 16;
    const Bytes bytes = in.take(protection);
    if (!in.ok()) return levels;  // levels that came whole still count
    Parity level{.begin = begin, .bytes = {bytes.begin(), bytes.end()}, .has_header = levels.empty()};
    for (std::uint16_t i = 0; i < 48; ++i)
      if ((mask << i >> 63) != 0) level.members.push_back({media_ssrc, static_cast<std::uint16_t>(base + i)});
    level.first_byte = first & 0x3F;
    level.second_byte = second;
    level.timestamp = timestamp;
    level.length = length;
    level.source = RepairSource::ulpfec;
    if (level.members.empty()) return levels;
    levels.push_back(std::move(level));
    begin += protection;
  }
  return levels;
}

}  // namespace rtpx
