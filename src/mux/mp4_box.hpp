#pragma once

#include <array>
#include <cstdint>
#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// Builds boxes of the ISO base media file format (ISO/IEC 14496-12 section 4.2) in memory.
class Mp4Boxes {
 public:
  template <typename T>
  Mp4Boxes& put(std::type_identity_t<T> value) {
    std::array<std::byte, sizeof(T)> octets;
    if constexpr (sizeof(T) == 1)
      octets[0] = static_cast<std::byte>(value);
    else
      store_be(octets.data(), value);
    return raw(octets);
  }
  Mp4Boxes& raw(Bytes bytes) {
    bytes_.insert(bytes_.end(), bytes.begin(), bytes.end());
    return *this;
  }
  Mp4Boxes& text(std::string_view value) { return raw(as_bytes(value)); }
  Mp4Boxes& zeros(std::size_t count) {
    bytes_.resize(bytes_.size() + count);
    return *this;
  }

  /// A box whose content `fill` puts here.
  template <typename Fill>
  Mp4Boxes& box(std::string_view type, Fill&& fill) {
    const std::size_t at = bytes_.size();
    put<std::uint32_t>(0).text(type);
    fill();
    store_be(bytes_.data() + at, static_cast<std::uint32_t>(bytes_.size() - at));
    return *this;
  }
  template <typename Fill>
  Mp4Boxes& full_box(std::string_view type, unsigned version, std::uint32_t flags, Fill&& fill) {
    return box(type, [&] {
      put<std::uint32_t>(version << 24 | flags);
      fill();
    });
  }
  /// Overwrites four octets.
  void store_u32(std::size_t at, std::uint32_t value) { store_be(bytes_.data() + at, value); }

  [[nodiscard]] std::size_t size() const noexcept { return bytes_.size(); }
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace rtpx
