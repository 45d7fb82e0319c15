#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "storage/record_format.hpp"

namespace rtpx::test {

/// An RTP packet of `size` bytes (at least 12) with a random payload.
[[nodiscard]] inline std::vector<std::byte> rtp_packet(std::uint16_t sequence, std::size_t size,
                                                       std::uint32_t ssrc, std::mt19937& random) {
  std::vector<std::byte> packet(size);
  for (std::byte& b : packet) b = static_cast<std::byte>(random());
  packet[0] = std::byte{0x80};
  packet[1] = std::byte{96};
  store_be(packet.data() + 2, sequence);
  store_be(packet.data() + 4, std::uint32_t{sequence} * 3000U);
  store_be(packet.data() + 8, ssrc);
  return packet;
}

/// A record file made for a test, and where its records lie.
struct RecordFile {
  std::vector<std::byte> bytes;
  std::vector<std::uint64_t> offsets;  ///< of each record; one more: the end

  void add(RecordHeader header, Bytes packet) {
    if (offsets.empty()) offsets.push_back(0);
    append_record(bytes, header, packet);
    offsets.push_back(bytes.size());
  }
  [[nodiscard]] std::size_t records() const { return offsets.empty() ? 0 : offsets.size() - 1; }
  /// Header and packet of record `i`.
  [[nodiscard]] Bytes record(std::size_t i) const {
    return Bytes(bytes).subspan(offsets[i], offsets[i + 1] - offsets[i]);
  }
  [[nodiscard]] std::string text() const { return std::string(as_text(bytes)); }
};

/// A track as a browser's: `records` packets of 40 to 1200 bytes, 10 to 40 ms apart, sequence numbers from 0.
[[nodiscard]] inline RecordFile record_file(std::size_t records, unsigned seed,
                                            std::int64_t start_ms = 1'000'000,
                                            std::uint32_t ssrc = 0x11223344) {
  std::mt19937 random(seed);
  RecordFile file;
  std::int64_t time = start_ms;
  for (std::size_t i = 0; i < records; ++i) {
    file.add({0, time, 0}, rtp_packet(static_cast<std::uint16_t>(i), 40 + random() % 1160, ssrc, random));
    time += 10 + static_cast<std::int64_t>(random() % 30);
  }
  return file;
}

}  // namespace rtpx::test
