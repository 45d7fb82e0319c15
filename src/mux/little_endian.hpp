#pragma once

#include <string_view>
#include <type_traits>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// Appends little-endian fields: the headers of WAV and IVF.
class LittleEndian {
 public:
  template <typename T>
  LittleEndian& put(std::type_identity_t<T> value) {
    const std::size_t at = bytes_.size();
    bytes_.resize(at + sizeof(T));
    store_le<T>(bytes_.data() + at, value);
    return *this;
  }
  LittleEndian& text(std::string_view value) {
    const Bytes raw = as_bytes(value);
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
    return *this;
  }
  [[nodiscard]] Bytes bytes() const noexcept { return bytes_; }

 private:
  std::vector<std::byte> bytes_;
};

}  // namespace rtpx
