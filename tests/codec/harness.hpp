#pragma once

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "codec/depacketizer.hpp"
#include "support/bytes.hpp"
#include "support/captures.hpp"
#include "support/payloader.hpp"
#include "support/rtp_files.hpp"
#include "support/tools.hpp"

namespace rtpx::test {

/// A frame with a copy of its bytes, and the configuration as of then.
struct KeptFrame : Frame {
  std::string bytes;
  StreamConfig config;
};

/// A depacketizer that keeps all that comes out.
class Depacketized {
 public:
  explicit Depacketized(const Codec& codec, DepacketizerOptions options = {});
  explicit Depacketized(const std::string& mime_type, DepacketizerOptions options = {})
      : Depacketized(Codec{.payload_type = 96, .mime_type = mime_type, .clock_rate = 90000}, options) {}

  /// Pushes the next packet of a sequence that begins at 1000; `lost` packets are missing before it.
  void packet(std::int64_t timestamp, bool marker, const std::vector<std::byte>& payload, int lost = 0);
  void push(const MediaPacket& packet) { depacketizer_->push(packet); }
  void push_all(const MediaPackets& packets) {
    for (const MediaPacket& packet : packets) push(packet);
  }
  void flush() { depacketizer_->flush(); }
  [[nodiscard]] const StreamConfig& config() const { return depacketizer_->config(); }

  std::vector<KeptFrame> frames;
  std::vector<Dropped> dropped;
  std::int64_t sequence = 1000;

  [[nodiscard]] std::size_t lost_references() const;
  [[nodiscard]] std::size_t keyframes() const;
  [[nodiscard]] std::size_t dropped_as(Dropped::Reason reason) const;

 private:
  std::unique_ptr<Depacketizer> depacketizer_;
};

/// An .ivf file of frames ("VP90").
[[nodiscard]] std::string ivf_of(const std::string& codec, const std::vector<std::string>& frames);

/// MD5 of each picture that ffmpeg decodes.
[[nodiscard]] std::vector<std::string> picture_hashes(const TempDir& folder, const std::string& file,
                                                      const std::string& options = "");

[[nodiscard]] inline std::string text(const std::vector<std::byte>& bytes) {
  return std::string(as_text(bytes));
}
[[nodiscard]] inline std::string text(std::initializer_list<int> values) {
  return text(bytes(values));
}
[[nodiscard]] inline std::vector<std::byte> operator+(std::vector<std::byte> a,
                                                      const std::vector<std::byte>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
/// NAL units as samples of MP4 and Matroska hold them: each with its length, 4 bytes, in front.
[[nodiscard]] inline std::string sample(std::initializer_list<std::vector<std::byte>> nals) {
  std::string out;
  for (const auto& nal : nals) out += text({0, 0, 0, static_cast<int>(nal.size())}) + text(nal);
  return out;
}

}  // namespace rtpx::test
