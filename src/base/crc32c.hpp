#pragma once

#include <cstdint>

#include "base/bytes.hpp"

namespace rtpx {

/// CRC-32C (Castagnoli, reflected polynomial 0x82F63B78), as in RFC 3720: crc32c("123456789") is 0xE3069283.
/// `seed` is the CRC of what came before, 0 at the start: crc32c(b, crc32c(a)) is the CRC of a and b
/// together. Uses the processor's instruction where there is one.
[[nodiscard]] std::uint32_t crc32c(Bytes bytes, std::uint32_t seed = 0) noexcept;

/// The same by table; for processors without the instruction, and for tests.
[[nodiscard]] std::uint32_t crc32c_by_table(Bytes bytes, std::uint32_t seed = 0) noexcept;

}  // namespace rtpx
