#pragma once

#include <bit>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx::ebml {

/// Builds EBML elements (RFC 8794) in memory: headers, track entries, cues.
class Writer {
 public:
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }
  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }

  void id(std::uint32_t value);
  /// Element data size in the fewest bytes (`width` 0) or in exactly `width` bytes (section 6).
  void data_size(std::uint64_t value, unsigned width = 0);
  void raw(Bytes data) { bytes_.insert(bytes_.end(), data.begin(), data.end()); }

  /// In the fewest bytes (`width` 0) or in exactly `width` bytes.
  void uint(std::uint32_t element, std::uint64_t value, unsigned width = 0);
  void sint(std::uint32_t element, std::int64_t value);  ///< in 8 bytes
  void float64(std::uint32_t element, double value);
  void text(std::uint32_t element, std::string_view value) { binary(element, as_bytes(value)); }
  void binary(std::uint32_t element, Bytes value);
  void master(std::uint32_t element, const Writer& children) { binary(element, children.bytes()); }
  /// A Void element of `total` bytes, header included; at least 2.
  void void_element(std::uint64_t total);

 private:
  void big_endian(std::uint64_t value, unsigned width);
  std::vector<std::byte> bytes_;
};

/// Bytes that data_size(value) takes.
[[nodiscard]] constexpr unsigned size_width(std::uint64_t value) noexcept {
  unsigned width = 1;
  while (width < 8 && value >= (1ULL << (7 * width)) - 1) ++width;
  return width;
}

/// Stores an element data size in `width` bytes at `to`.
inline void store_size(std::byte* to, std::uint64_t value, unsigned width) noexcept {
  value |= 1ULL << (7 * width);
  for (unsigned i = 0; i < width; ++i) to[i] = static_cast<std::byte>(value >> (8 * (width - 1 - i)));
}

}  // namespace rtpx::ebml
