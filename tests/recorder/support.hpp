#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "rtpx/recorder.hpp"
#include "storage/record_format.hpp"
#include "support/captures.hpp"

namespace rtpx::test {

/// An RTP packet (RFC 3550 section 5.1) of `size` bytes whose payload says `sequence`.
[[nodiscard]] inline std::vector<std::byte> rtp(std::uint32_t sequence, std::size_t size = 100) {
  std::vector<std::byte> packet(std::max<std::size_t>(size, 16), static_cast<std::byte>(sequence * 7));
  packet[0] = std::byte{0x80};
  packet[1] = std::byte{96};
  store_be(packet.data() + 2, static_cast<std::uint16_t>(sequence));
  store_be(packet.data() + 4, sequence * 3000);
  store_be(packet.data() + 8, std::uint32_t{0x1234});
  store_be(packet.data() + 12, sequence);
  return packet;
}

/// The same, holding a whole VP8 keyframe (RFC 7741 section 4.2, RFC 6386 section 9.1) of noise.
[[nodiscard]] inline std::vector<std::byte> vp8_picture(std::uint32_t sequence, std::size_t size = 100) {
  std::vector<std::byte> packet = rtp(sequence, std::max<std::size_t>(size, 90));
  packet[1] |= std::byte{0x80};  // marker
  const unsigned char head[] = {0x10, 0x50, 0x06, 0x00, 0x9D, 0x01, 0x2A, 0x40, 0x01, 0xF0, 0x00};
  std::ranges::transform(head, packet.begin() + 12, [](unsigned char c) { return std::byte{c}; });
  return packet;
}

[[nodiscard]] inline MediaStreamTrack video(std::string id, std::vector<std::string> rids = {}) {
  MediaStreamTrack track;
  track.id = std::move(id);
  track.streams = {"stream"};
  track.rids = std::move(rids);
  track.codecs = {{96, "video/VP8", 90000, std::nullopt, std::nullopt, {}}};
  return track;
}

struct StoredRecord {
  RecordHeader header;
  std::string packet;
};

/// The records of a file's bytes; stops at a torn one, whose length goes to `torn`.
[[nodiscard]] inline std::vector<StoredRecord> records(const std::string& bytes,
                                                       std::size_t* torn = nullptr) {
  std::vector<StoredRecord> out;
  std::size_t at = 0;
  while (bytes.size() - at >= RecordHeader::kBytes) {
    const RecordHeader header = load_record_header(as_bytes(bytes).data() + at);
    if (bytes.size() - at - RecordHeader::kBytes < header.size) break;
    out.push_back({header, bytes.substr(at + RecordHeader::kBytes, header.size)});
    at += RecordHeader::kBytes + header.size;
  }
  if (torn != nullptr) *torn = bytes.size() - at;
  return out;
}

[[nodiscard]] inline std::string text(const std::vector<std::byte>& packet) {
  return std::string(as_text(packet));
}

}  // namespace rtpx::test
