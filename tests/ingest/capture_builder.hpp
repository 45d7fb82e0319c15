#pragma once

#include <cstdint>
#include <string>

/// Captures made byte by byte, for tests of their readers.
namespace rtpx::test {

inline std::string be16(unsigned v) {
  return {static_cast<char>(v >> 8), static_cast<char>(v)};
}
inline std::string be32(std::uint32_t v) {
  return be16(v >> 16) + be16(v & 0xFFFF);
}
inline std::string le16(unsigned v) {
  return {static_cast<char>(v), static_cast<char>(v >> 8)};
}
inline std::string le32(std::uint32_t v) {
  return le16(v & 0xFFFF) + le16(v >> 16);
}

struct Rtp {
  unsigned payload_type = 96;
  unsigned sequence = 1;
  std::uint32_t timestamp = 0;
  std::uint32_t ssrc = 0x11223344;
  bool marker = false;
  std::string payload = "payload";
  std::string extension = {};  ///< one-byte header extension elements, padded to 4 bytes by bytes()

  [[nodiscard]] std::string bytes() const {
    std::string out;
    out += static_cast<char>(extension.empty() ? 0x80 : 0x90);
    out += static_cast<char>(payload_type | (marker ? 0x80U : 0U));
    out += be16(sequence & 0xFFFF) + be32(timestamp) + be32(ssrc);
    if (!extension.empty()) {
      std::string padded = extension;
      while (padded.size() % 4 != 0) padded += '\0';
      out += be16(0xBEDE) + be16(static_cast<unsigned>(padded.size() / 4)) + padded;
    }
    return out + payload;
  }
};

/// One element of the one-byte form (RFC 8285 section 4.2).
inline std::string extension_element(unsigned id, const std::string& value) {
  return static_cast<char>(id << 4 | (value.size() - 1)) + value;
}

inline std::string udp(const std::string& payload, unsigned source = 5000, unsigned destination = 6000) {
  return be16(source) + be16(destination) + be16(static_cast<unsigned>(payload.size() + 8)) + be16(0) +
         payload;
}
inline std::string ipv4(const std::string& body, unsigned fragment = 0, unsigned id = 7,
                        unsigned protocol = 17, std::uint32_t source = 0x0A000001,
                        std::uint32_t destination = 0x0A000002) {
  std::string out = "\x45" + std::string(1, '\0') + be16(static_cast<unsigned>(body.size() + 20)) + be16(id) +
                    be16(fragment);
  out += '\x40';
  out += static_cast<char>(protocol);
  return out + be16(0) + be32(source) + be32(destination) + body;
}
inline std::string ipv6(const std::string& body, unsigned next = 17) {
  std::string out = be32(0x60000000) + be16(static_cast<unsigned>(body.size()));
  out += static_cast<char>(next);
  out += '\x40';
  out += be32(0x20010DB8) + be32(0) + be32(0) + be32(1);
  out += be32(0x20010DB8) + be32(0) + be32(0) + be32(2);
  return out + body;
}
inline std::string ethernet(unsigned type, const std::string& body) {
  return std::string(12, 'm') + be16(type) + body;
}

inline std::string pcap_head(unsigned link_type, std::uint32_t magic = 0xA1B2C3D4) {
  return le32(magic) + le16(2) + le16(4) + le32(0) + le32(0) + le32(65535) + le32(link_type);
}
inline std::string pcap_record(const std::string& frame, std::uint32_t seconds = 1000,
                               std::uint32_t fraction = 0, std::size_t original = 0) {
  return le32(seconds) + le32(fraction) + le32(static_cast<std::uint32_t>(frame.size())) +
         le32(static_cast<std::uint32_t>(original == 0 ? frame.size() : original)) + frame;
}

}  // namespace rtpx::test
