#pragma once

#include <cstdint>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx {

/// Boolean entropy decoder, RFC 6386 section 7.3. Beyond the end it reads zeros.
class Vp8BoolDecoder {
 public:
  explicit Vp8BoolDecoder(Bytes bytes) noexcept : bytes_(bytes) { value_ = next() << 8 | next(); }

  /// `probability`: of false, of 256.
  bool read(std::uint8_t probability = 128) noexcept {
    const unsigned split = 1 + ((range_ - 1) * probability >> 8);
    const bool value = value_ >= split << 8;
    if (value) value_ -= split << 8;
    range_ = value ? range_ - split : split;
    while (range_ < 128) {
      range_ <<= 1;
      value_ <<= 1;
      if (++shifts_ < 8) continue;
      shifts_ = 0;
      value_ |= next();
    }
    return value;
  }
  /// L(n) of the RFC's syntax.
  unsigned literal(int bits) noexcept {
    unsigned value = 0;
    while (bits-- > 0) value = value << 1 | (read() ? 1U : 0U);
    return value;
  }

 private:
  unsigned next() noexcept {
    if (at_ >= bytes_.size()) return 0;
    return static_cast<std::uint8_t>(bytes_[at_++]);
  }
  Bytes bytes_;
  std::size_t at_ = 0;
  unsigned range_ = 255, value_ = 0, shifts_ = 0;
};

/// Boolean entropy encoder, the same section.
class Vp8BoolEncoder {
 public:
  /// Appends to `out`, which must outlive the encoder.
  explicit Vp8BoolEncoder(std::vector<std::byte>& out) : out_(out), begin_(out.size()) {}

  void write(bool value, std::uint8_t probability = 128) {
    const std::uint32_t split = 1 + ((range_ - 1) * probability >> 8);
    if (value) bottom_ += split;
    range_ = value ? range_ - split : split;
    for (; range_ < 128; range_ <<= 1) shift();
  }
  void literal(unsigned value, int bits) {
    while (bits-- > 0) write((value >> bits & 1U) != 0);
  }
  void flush() {
    for (int i = 0; i < 32; ++i) shift();
  }

 private:
  void shift() {
    if ((bottom_ & 0x80000000U) != 0) carry();
    bottom_ <<= 1;
    if (--bits_left_ > 0) return;
    out_.push_back(static_cast<std::byte>(bottom_ >> 24));
    bottom_ &= 0xFFFFFF;
    bits_left_ = 8;
  }
  void carry() {
    for (std::size_t at = out_.size(); at > begin_;) {
      --at;
      out_[at] = static_cast<std::byte>(static_cast<unsigned>(out_[at]) + 1);
      if (out_[at] != std::byte{0}) return;
    }
  }
  std::vector<std::byte>& out_;
  std::size_t begin_;
  std::uint32_t range_ = 255, bottom_ = 0;
  int bits_left_ = 24;
};

}  // namespace rtpx
