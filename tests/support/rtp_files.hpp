#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "codec/depacketizer.hpp"

namespace rtpx::test {

/// The RTP packets of a file in file order: .rtpx, pcap, pcapng, rtpdump, or 16-bit length framing (RFC
/// 4571). A small reader for tests: it trusts its input, and skips what is no RTP. Only packets of rid index
/// `rid` of a .rtpx.
[[nodiscard]] std::vector<std::string> read_rtp_packets(const std::filesystem::path& file, int rid = 0);

/// Packets of one payload type (and SSRC, unless 0) made ready for a depacketizer: unwrapped, in order, each
/// once.
class MediaPackets {
 public:
  MediaPackets() = default;
  MediaPackets(const std::filesystem::path& file, int payload_type, std::uint32_t ssrc = 0, int rid = 0,
               int dependency_descriptor_id = 0)
      : MediaPackets(read_rtp_packets(file, rid), payload_type, ssrc, dependency_descriptor_id) {}
  MediaPackets(std::vector<std::string> packets, int payload_type, std::uint32_t ssrc = 0,
               int dependency_descriptor_id = 0);
  [[nodiscard]] const std::vector<MediaPacket>& packets() const { return media_; }
  [[nodiscard]] auto begin() const { return media_.begin(); }
  [[nodiscard]] auto end() const { return media_.end(); }

 private:
  std::vector<std::string> bytes_;
  std::vector<MediaPacket> media_;
};

}  // namespace rtpx::test
