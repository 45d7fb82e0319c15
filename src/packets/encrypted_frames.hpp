#pragma once

#include <bitset>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// A stretch of frames that are encrypted end to end.
struct EncryptedSpan {
  std::size_t segment = 0;
  std::int64_t from_timestamp = 0, to_timestamp = 0;  ///< unwrapped RTP time of its first and last frame
  std::uint64_t frames = 0;
  std::bitset<256> key_indexes;
  bool jitsi = false;  ///< the format is Jitsi's; else LiveKit's, which Element Call uses too
};

/// Whether the payload ends as an encrypted frame does: see EncryptedFrames. Not for H.264 and H.265.
[[nodiscard]] bool ends_encrypted(const RtpPacket& packet) noexcept;

/// Finds the frames that LiveKit's and Jitsi's end-to-end encryption made, without a key. Both end a frame in
/// an initialisation vector of 12 bytes, its length, and the key's index, and the vector begins with the
/// packet's own SSRC and RTP time: no frame that was sent plain ends so by chance. Its third word is a
/// counter (Jitsi) or the RTP time less a counter (LiveKit).
class EncryptedFrames {
 public:
  explicit EncryptedFrames(std::vector<EncryptedSpan>& out) : out_(out) {}

  /// A media packet, as it came; `timestamp` is its unwrapped time. `escaped`: of H.264 or H.265, whose
  /// payload holds emulation prevention bytes. `whole`: it ends a frame, as its marker says, or each packet
  /// is one.
  void push(std::size_t segment, std::int64_t timestamp, const RtpPacket& packet, bool escaped, bool whole);

 private:
  struct Trailer {
    std::uint32_t third_word = 0;
    std::uint8_t key_index = 0;
  };
  [[nodiscard]] static std::optional<Trailer> trailer_of(const RtpPacket& packet, bool escaped);

  std::vector<EncryptedSpan>& out_;
  bool open_ = false;  // the last span goes on
  std::optional<std::uint32_t> last_word_;
  std::int64_t last_timestamp_ = 0;
};

}  // namespace rtpx
