#pragma once

#include <memory>
#include <vector>

#include "e2ee/key_material.hpp"
#include "rtp/keyframe_hint.hpp"

namespace rtpx {

/// A frame as it came out of its packets, before anything in it is read: an audio packet, a VP8 frame, a
/// layer frame of VP9, an access unit of H.264 or H.265 as Annex B with start codes of 4 bytes.
struct SealedFrame {
  Bytes data;
  HintFormat codec = HintFormat::none;    ///< none: audio
  std::uint32_t ssrc = 0, timestamp = 0;  ///< of its packets
  /// What is known without a key of the stretch in which it lies; nullopt: nothing.
  std::optional<E2eeFormat> known;
};

/// What became of a frame.
struct OpenedFrame {
  enum class Outcome : std::uint8_t {
    other_format,  ///< not encrypted in this way, or not provably so
    no_key,        ///< encrypted, and no key for its key index was given
    wrong_key,     ///< encrypted, and none of the keys fits
    decrypted,
  };
  Outcome outcome = Outcome::other_format;
  E2eeFormat format = E2eeFormat::livekit;
  std::uint64_t key_index = 0;   ///< as the frame says
  const E2eeKey* key = nullptr;  ///< that opened it
  std::size_t generation = 0;    ///< of that key: how often it was ratcheted
  std::vector<std::byte> data;   ///< decrypted: what the sender's encoder made
};

/// One way of encrypting frames. Total: any bytes may come as a frame. One object serves one track and
/// remembers which key fitted last.
class FrameDecryptor {
 public:
  virtual ~FrameDecryptor() = default;
  [[nodiscard]] virtual OpenedFrame open(const SealedFrame& frame) = 0;
};

/// `material` must outlive the decryptor. The first is for LiveKit and Jitsi.
[[nodiscard]] std::unique_ptr<FrameDecryptor> make_trailer_decryptor(const E2eeKeys::Material& material,
                                                                     E2eeFormat format);
[[nodiscard]] std::unique_ptr<FrameDecryptor> make_medooze_decryptor(const E2eeKeys::Material& material);
/// What its `metadata` option holds is authenticated beside the header (RFC 9605 section 4.4.3).
[[nodiscard]] std::unique_ptr<FrameDecryptor> make_sframe_decryptor(const E2eeKeys::Material& material);

}  // namespace rtpx
