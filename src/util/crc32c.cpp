#include "util/crc32c.hpp"

#include <array>
#include <cstring>

namespace rtpx {

namespace {

using Table = std::array<std::array<std::uint32_t, 256>, 8>;

/// table[k][b]: what byte b contributes when k bytes follow it (slicing by eight).
constexpr Table make_table() {
  Table table{};
  for (std::uint32_t b = 0; b < 256; ++b) {
    std::uint32_t crc = b;
    for (int bit = 0; bit < 8; ++bit) crc = crc >> 1 ^ (crc & 1U ? 0x82F63B78U : 0U);
    table[0][b] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k)
    for (std::size_t b = 0; b < 256; ++b)
      table[k][b] = table[k - 1][b] >> 8 ^ table[0][table[k - 1][b] & 0xFFU];
  return table;
}

constexpr Table kTable = make_table();

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) std::uint32_t by_instruction(Bytes bytes, std::uint32_t seed) noexcept {
  std::uint64_t crc = ~seed;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  auto rest = static_cast<std::uint32_t>(crc);
  for (; left > 0; ++at, --left) rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
  return ~rest;
}

bool has_instruction() noexcept {
  return __builtin_cpu_supports("sse4.2") != 0;
}
#else
std::uint32_t by_instruction(Bytes bytes, std::uint32_t seed) noexcept {
  return crc32c_by_table(bytes, seed);
}
bool has_instruction() noexcept {
  return false;
}
#endif

}  // namespace

std::uint32_t crc32c_by_table(Bytes bytes, std::uint32_t seed) noexcept {
  std::uint32_t crc = ~seed;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 8; at += 8, left -= 8) {
    std::uint64_t word;  // little endian: bytes.hpp asserts it
    std::memcpy(&word, at, sizeof word);
    word ^= crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= kTable[7 - k][word >> 8 * k & 0xFFU];
  }
  for (; left > 0; ++at, --left) crc = crc >> 8 ^ kTable[0][(crc ^ static_cast<std::uint32_t>(*at)) & 0xFFU];
  return ~crc;
}

std::uint32_t crc32c(Bytes bytes, std::uint32_t seed) noexcept {
  static const bool hardware = has_instruction();
  return hardware ? by_instruction(bytes, seed) : crc32c_by_table(bytes, seed);
}

}  // namespace rtpx
