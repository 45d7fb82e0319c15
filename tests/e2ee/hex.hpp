#pragma once

#include <string>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx::test {

[[nodiscard]] inline std::vector<std::byte> from_hex(const std::string& text) {
  std::vector<std::byte> out(text.size() / 2);
  for (std::size_t i = 0; i < out.size(); ++i)
    out[i] = static_cast<std::byte>(std::stoi(text.substr(2 * i, 2), nullptr, 16));
  return out;
}

[[nodiscard]] inline std::string to_hex(Bytes bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::byte byte : bytes) {
    out += kDigits[u8(byte) >> 4];
    out += kDigits[u8(byte) & 15];
  }
  return out;
}

}  // namespace rtpx::test
