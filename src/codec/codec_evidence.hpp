#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "codec/depacketizer.hpp"

namespace rtpx {

/// How the packets of one stream look to somebody who expects one payload format.
class CodecEvidence {
 public:
  explicit CodecEvidence(const char* mime_type) : mime_type_(mime_type) {}
  virtual ~CodecEvidence() = default;

  /// A packet with a payload, in sequence order. `first`: it begins an access unit; unknown counts as false.
  void push(const MediaPacket& packet, bool first);
  /// The format was seen in bits that chance would not give, and next to nothing contradicts it.
  [[nodiscard]] bool convincing() const noexcept;
  /// Next to nothing contradicts the format.
  [[nodiscard]] bool plausible() const noexcept;
  [[nodiscard]] const char* mime_type() const noexcept { return mime_type_; }

 protected:
  /// Whether a packet can be of the format. Sets proven_ when it can be of nothing else.
  virtual bool fits(const MediaPacket& packet, bool first) = 0;
  bool proven_ = false;
  bool supported_ = true;  ///< by more than that the packets can be read

 private:
  const char* mime_type_;
  std::uint64_t packets_ = 0, misfits_ = 0;
};

[[nodiscard]] std::vector<std::unique_ptr<CodecEvidence>> make_video_evidence();
[[nodiscard]] std::vector<std::unique_ptr<CodecEvidence>> make_audio_evidence();

}  // namespace rtpx
