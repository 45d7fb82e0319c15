#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <cstring>

#include "packets/media_payload.hpp"

namespace rtpx {

[[nodiscard]] inline std::uint32_t hash_of_time(std::uint32_t timestamp) noexcept {
  return timestamp * 0x9E3779B1U;
}

/// Tells whether two packets with the same number carry the same: a hash of the time, the type, and the ends
/// of the payload. Header extensions, which change from copy to copy, are left out. Never 0.
[[nodiscard]] inline std::uint32_t content_hash(const RtpPacket& packet, const MediaPayload& media) noexcept {
  constexpr std::size_t kEnd = 32;  // bytes of the payload's front and back
  constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;
  std::uint64_t hash = std::uint64_t{media.payload_type} << 24 | media.payload.size();
  const auto mix_word = [&](const std::byte* from, std::size_t size) {
    std::uint64_t word = 0;
    std::memcpy(&word, from, size);
    hash = std::rotl(hash, 13) ^ word * kOdd;  // no multiplication waits for another
  };
  const auto mix = [&](const std::byte* from, std::size_t size) {
    std::size_t at = 0;
    for (; at + 8 <= size; at += 8) mix_word(from + at, 8);
    if (at < size) mix_word(from + at, size - at);
  };
  const Bytes payload = media.payload;
  if (payload.size() >= 2 * kEnd) {  // most: sizes that the compiler knows
    mix(payload.data(), kEnd);
    mix(payload.data() + payload.size() - kEnd, kEnd);
  } else {
    mix(payload.data(), payload.size());
  }
  const auto folded = static_cast<std::uint32_t>(hash * kOdd >> 32) ^ hash_of_time(packet.timestamp);
  return folded == 0 ? 1 : folded;
}

/// The hash of the same payload, whatever its time.
[[nodiscard]] inline std::uint32_t timeless_hash(std::uint32_t content, std::uint32_t timestamp) noexcept {
  return content ^ hash_of_time(timestamp);
}

}  // namespace rtpx
