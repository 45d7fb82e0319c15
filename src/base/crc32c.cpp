#include "base/crc32c.hpp"

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
/// x^n modulo the polynomial, as a CRC holds it: the highest bit is the coefficient of x^0.
constexpr std::uint32_t power_of_x(std::size_t n) {
  std::uint32_t power = 0x80000000U;
  for (; n > 0; --n) power = power >> 1 ^ (power & 1U ? 0x82F63B78U : 0U);
  return power;
}

__attribute__((target("sse4.2"))) std::uint64_t over_words(const std::byte* at, std::size_t words,
                                                           std::uint64_t crc) noexcept {
  for (; words > 0; --words, at += 8) {
    std::uint64_t word;
    std::memcpy(&word, at, sizeof word);
    crc = __builtin_ia32_crc32di(crc, word);
  }
  return crc;
}

/// What `crc` becomes when `kBytes` zero bytes follow. The product of two CRCs has degree 62 where a word has
/// 63, and the instruction multiplies by x^32: the 33 that are taken off.
template <std::size_t kBytes>
__attribute__((target("sse4.2,pclmul"))) std::uint64_t shifted(std::uint64_t crc) noexcept {
  using Words = long long __attribute__((vector_size(16)));
  constexpr std::uint32_t kFactor = power_of_x(8 * kBytes - 33);
  const Words product =
      __builtin_ia32_pclmulqdq128(Words{static_cast<long long>(crc), 0}, Words{kFactor, 0}, 0);
  return __builtin_ia32_crc32di(0, static_cast<std::uint64_t>(product[0]));
}

/// The instruction takes three cycles, but one begins each cycle: so three streams side by side, as long as
/// there is enough for them.
__attribute__((target("sse4.2,pclmul"))) std::uint32_t by_instruction(Bytes bytes,
                                                                      std::uint32_t seed) noexcept {
  constexpr std::size_t kStream = 1024;
  std::uint64_t crc = ~seed;
  const std::byte* at = bytes.data();
  std::size_t left = bytes.size();
  for (; left >= 3 * kStream; at += 3 * kStream, left -= 3 * kStream) {
    std::uint64_t second = 0, third = 0;
    for (std::size_t i = 0; i < kStream; i += 8) {
      std::uint64_t words[3];
      for (std::size_t stream = 0; stream < 3; ++stream)
        std::memcpy(&words[stream], at + stream * kStream + i, sizeof words[stream]);
      crc = __builtin_ia32_crc32di(crc, words[0]);
      second = __builtin_ia32_crc32di(second, words[1]);
      third = __builtin_ia32_crc32di(third, words[2]);
    }
    crc = shifted<2 * kStream>(crc) ^ shifted<kStream>(second) ^ third;
  }
  auto rest = static_cast<std::uint32_t>(over_words(at, left / 8, crc));
  for (at += left / 8 * 8, left %= 8; left > 0; ++at, --left)
    rest = __builtin_ia32_crc32qi(rest, static_cast<unsigned char>(*at));
  return ~rest;
}

bool has_instruction() noexcept {
  return __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
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
    const std::uint64_t word = load_le<std::uint64_t>(at) ^ crc;
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
