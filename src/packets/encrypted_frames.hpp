#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.hpp"
#include "e2ee/e2ee_format.hpp"
#include "e2ee/frame_trailer.hpp"
#include "packets/sframe_run.hpp"
#include "rtp/packet.hpp"

namespace rtpx {

/// A stretch of frames that are encrypted end to end.
struct EncryptedSpan {
  std::size_t segment = 0;
  std::int64_t from_timestamp = 0, to_timestamp = 0;  ///< unwrapped RTP time of its first and last frame
  std::uint64_t frames = 0;
  std::vector<std::uint64_t> key_indexes;  ///< sorted; the first 256
  E2eeFormat format = E2eeFormat::livekit;
};

/// Whether the payload ends as an encrypted frame does: see EncryptedFrames. Not for H.264 and H.265.
[[nodiscard]] bool ends_encrypted(const RtpPacket& packet) noexcept;

/// Finds the frames that end-to-end encryption made, without a key.
///
/// LiveKit's and Jitsi's end in an initialisation vector of 12 bytes, its length, and the key's index, and
/// the vector begins with the packet's own SSRC and RTP time: no frame that was sent plain ends so by chance.
/// Where a server between has given the packets another SSRC and another origin of RTP time, three frames in
/// a row that agree on both prove it. The vector's third word is a counter (Jitsi) or the RTP time less a
/// counter (LiveKit).
///
/// SFrame has a header in front, with a counter: see SFrameRun.
class EncryptedFrames {
 public:
  explicit EncryptedFrames(std::vector<EncryptedSpan>& out) : out_(out) {}

  /// False of nearly all plain packets in which no frame begins: push() would do nothing.
  [[nodiscard]] bool may_matter(const RtpPacket& packet, bool escaped, bool whole) const noexcept {
    const Bytes payload = packet.payload;
    return escaped || (whole && open_) ||
           (payload.size() >= FrameTrailer::kSize && (payload[payload.size() - 2] == std::byte{FrameTrailer::kIv} ||
                                                      payload.back() == std::byte{'S'}));  // metadata behind a frame
  }
  /// A media packet, as it came; `timestamp` is its unwrapped time. `escaped`: of H.264 or H.265, whose
  /// payload holds emulation prevention bytes. `whole`: it ends a frame, as its marker says, or each packet
  /// is one. `start`: the first bytes of a frame that begins in it, of a payload format that says nothing of
  /// what is in a frame; empty: none does.
  void push(std::size_t segment, std::int64_t timestamp, const RtpPacket& packet, bool escaped, bool whole,
            Bytes start = {});

 private:
  /// Frames that end in a vector with another SSRC and origin of time than the packets'.
  struct Relayed {
    std::uint32_t ssrc = 0, ahead = 0;
    unsigned frames = 0;  // in a row
    std::int64_t from_timestamp = 0, to_timestamp = 0;
  };
  [[nodiscard]] bool agrees(const FrameTrailer& trailer, std::int64_t timestamp, const RtpPacket& packet);
  void note_trailer(std::size_t segment, std::int64_t timestamp, const FrameTrailer& trailer);
  void note_run(std::size_t segment, std::int64_t timestamp, Bytes start);

  std::vector<EncryptedSpan>& out_;
  bool open_ = false;  // the last span goes on
  std::optional<std::uint32_t> last_word_;
  std::int64_t last_timestamp_ = 0;
  Relayed relayed_;
  bool in_run_ = false;              // the last span is of SFrame
  std::uint64_t frames_before_ = 0;  // of it, that an earlier key encrypted
  SFrameRun runs_[2] = {SFrameRun(E2eeFormat::sframe), SFrameRun(E2eeFormat::medooze)};
};

}  // namespace rtpx
