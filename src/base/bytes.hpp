#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

namespace rtpx {

using Bytes = std::span<const std::byte>;

[[nodiscard]] constexpr std::uint8_t u8(std::byte b) noexcept {
  return static_cast<std::uint8_t>(b);
}

[[nodiscard]] inline std::string_view as_text(Bytes bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}
[[nodiscard]] inline Bytes as_bytes(std::string_view text) noexcept {
  return std::as_bytes(std::span(text.data(), text.size()));
}

/// From this machine's order of bytes into `order`, or back.
template <std::endian order, std::integral T>
[[nodiscard]] constexpr T in_order(T value) noexcept {
  if constexpr (order == std::endian::native) return value;
  else return std::byteswap(value);
}

/// Big-endian and little-endian load and store. The caller has checked that the bytes are there.
template <std::integral T>
[[nodiscard]] inline T load_be(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return in_order<std::endian::big>(value);
}
template <std::integral T>
inline void store_be(std::byte* to, T value) noexcept {
  value = in_order<std::endian::big>(value);
  std::memcpy(to, &value, sizeof value);
}
template <std::integral T>
[[nodiscard]] inline T load_le(const std::byte* from) noexcept {
  T value;
  std::memcpy(&value, from, sizeof value);
  return in_order<std::endian::little>(value);
}
template <std::integral T>
inline void store_le(std::byte* to, T value) noexcept {
  value = in_order<std::endian::little>(value);
  std::memcpy(to, &value, sizeof value);
}

/// Reads big-endian fields from the front of a span. Overrun latches: every later read answers zero or empty,
/// so a parser reads like the syntax table of its RFC and checks ok() once at the end.
class ByteReader {
 public:
  explicit ByteReader(Bytes bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] bool empty() const noexcept { return at_ == bytes_.size(); }
  [[nodiscard]] std::size_t remaining() const noexcept { return bytes_.size() - at_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }
  [[nodiscard]] Bytes rest() const noexcept { return bytes_.subspan(at_); }

  std::uint8_t u8() noexcept {
    ok_ = ok_ && !empty();
    return ok_ ? static_cast<std::uint8_t>(bytes_[at_++]) : std::uint8_t{0};
  }
  std::uint16_t u16() noexcept { return static_cast<std::uint16_t>(integer(2)); }
  std::uint32_t u24() noexcept { return static_cast<std::uint32_t>(integer(3)); }
  std::uint32_t u32() noexcept { return static_cast<std::uint32_t>(integer(4)); }
  std::uint64_t u64() noexcept { return integer(8); }

  Bytes take(std::size_t count) noexcept {
    if (!ok_ || count > remaining()) {
      ok_ = false;
      at_ = bytes_.size();
      return {};
    }
    const Bytes taken = bytes_.subspan(at_, count);
    at_ += count;
    return taken;
  }
  void skip(std::size_t count) noexcept { (void)take(count); }

 private:
  std::uint64_t integer(std::size_t width) noexcept {
    std::uint64_t value = 0;
    for (const std::byte b : take(width)) value = value << 8 | static_cast<std::uint8_t>(b);
    return value;
  }

  Bytes bytes_;
  std::size_t at_ = 0;
  bool ok_ = true;
};

/// Reads bits, most significant first, with the same latched overrun as ByteReader.
class BitReader {
 public:
  explicit BitReader(Bytes bytes) noexcept : bytes_(bytes) {}

  [[nodiscard]] bool ok() const noexcept { return ok_; }
  [[nodiscard]] std::size_t bits_left() const noexcept { return bytes_.size() * 8 - at_; }
  [[nodiscard]] std::size_t position() const noexcept { return at_; }

  /// f(n): 0..64 bits.
  std::uint64_t bits(unsigned count) noexcept {
    if (!ok_ || count > bits_left()) {
      ok_ = false;
      at_ = bytes_.size() * 8;
      return 0;
    }
    std::uint64_t value = 0;
    for (; count > 0; --count, ++at_)
      value = value << 1 | (static_cast<std::uint8_t>(bytes_[at_ / 8]) >> (7 - at_ % 8) & 1U);
    return value;
  }
  bool bit() noexcept { return bits(1) != 0; }
  void skip(std::size_t count) noexcept {
    if (!ok_ || count > bits_left()) {
      ok_ = false;
      at_ = bytes_.size() * 8;
      return;
    }
    at_ += count;
  }
  /// ue(v), H.264 section 9.1 and H.265 section 9.2: exponential Golomb. More than 32 leading zeros is an
  /// overrun.
  std::uint32_t ue() noexcept {
    unsigned zeros = 0;
    while (ok_ && !bit()) ++zeros;
    if (!ok_ || zeros > 31) {
      ok_ = false;
      return 0;
    }
    return static_cast<std::uint32_t>((1ULL << zeros) - 1 + bits(zeros));
  }
  std::int32_t se() noexcept {
    const std::uint32_t code = ue();
    return code & 1U ? static_cast<std::int32_t>(code / 2 + 1) : -static_cast<std::int32_t>(code / 2);
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;  // in bits
  bool ok_ = true;
};

}  // namespace rtpx
