#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// One record of a .rtpx or .rtcpx file (docs/record-file-format.md):
/// u8 rid index | i64 receive time in ms | u32 size | packet, big endian.
struct RecordHeader {
  static constexpr std::size_t kBytes = 13;
  std::uint8_t rid_index = 0;
  std::int64_t receive_time_ms = 0;  ///< monotonic; negative in upstream's files: only differences count
  std::uint32_t size = 0;
};

/// `from` holds at least kBytes.
[[nodiscard]] inline RecordHeader load_record_header(const std::byte* from) noexcept {
  return {static_cast<std::uint8_t>(from[0]), load_be<std::int64_t>(from + 1),
          load_be<std::uint32_t>(from + 9)};
}
inline void store_record_header(std::byte* to, const RecordHeader& header) noexcept {
  to[0] = static_cast<std::byte>(header.rid_index);
  store_be(to + 1, header.receive_time_ms);
  store_be(to + 9, header.size);
}

/// The largest packet that a record can hold: what fits a UDP datagram.
inline constexpr std::uint32_t kMaxPacketBytes = 65535;

/// Appends one whole record; header.size is taken from the packet (at most kMaxPacketBytes).
inline void append_record(std::vector<std::byte>& to, RecordHeader header, Bytes packet) {
  header.size = static_cast<std::uint32_t>(packet.size());
  const std::size_t at = to.size();
  to.resize(at + RecordHeader::kBytes);
  store_record_header(to.data() + at, header);
  to.insert(to.end(), packet.begin(), packet.end());
}

}  // namespace rtpx
