#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "support/captures.hpp"

namespace rtpx::test {

/// Packets of one source with the numbers 0, 1, 2, ….
class RtpSource {
 public:
  explicit RtpSource(std::uint8_t payload_type) : payload_type_(payload_type) {}
  void add(std::uint32_t timestamp, bool marker, const std::string& payload);
  [[nodiscard]] const std::vector<std::string>& packets() const { return packets_; }

 private:
  std::uint8_t payload_type_;
  std::vector<std::string> packets_;
};

/// What GStreamer's payloader makes of a Matroska file in `folder`, with the payload type 96; `elements`
/// stand between demuxer and file: "h264parse ! rtph264pay mtu=600".
[[nodiscard]] std::vector<std::string> payload_with_gstreamer(const TempDir& folder, const std::string& file,
                                                              const std::string& elements);

/// The payloads of one temporal unit in the low-overhead format, of at most 300 bytes, many OBUs in each, W =
/// 0 (AOM's RTP payload format for AV1, section 4). `first`: a coded video sequence begins.
[[nodiscard]] std::vector<std::string> av1_payloads(const std::string& unit, bool first);

/// frame_type of a VP9 frame of a profile below 3.
[[nodiscard]] bool is_vp9_keyframe(const std::string& frame);

/// The payloads of one VP9 frame in non-flexible mode (RFC 9628 section 4.2), of at most 1000 bytes.
[[nodiscard]] std::vector<std::string> vp9_payloads(const std::string& frame);

/// The OBUs of a temporal unit without size fields.
[[nodiscard]] std::vector<std::string> obus_of(const std::string& unit);

/// The frames of an .ivf file.
[[nodiscard]] std::vector<std::string> read_ivf(const std::filesystem::path& file);

}  // namespace rtpx::test
