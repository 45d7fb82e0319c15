#pragma once

#include <memory>
#include <vector>

#include "e2ee/frame_decryptor.hpp"

namespace rtpx {

/// Takes the encryption off the frames of one track, whichever format they have, frame by frame: encryption
/// may begin and end in mid-call, and keys change.
class TrackDecryptor {
 public:
  enum class State : std::uint8_t { plain, decrypted, no_key, wrong_key };
  struct Opened {
    State state = State::plain;
    E2eeFormat format = E2eeFormat::livekit;
    std::uint64_t key_index = 0;
    const E2eeKey* key = nullptr;  ///< that opened it; lives as long as the keys
    std::size_t generation = 0;
    /// Of frames decrypted, and of plain ones that were sent with more behind them: what a decoder gets. Else
    /// the frame stands as it came.
    std::optional<std::vector<std::byte>> data;
  };

  explicit TrackDecryptor(std::shared_ptr<const E2eeKeys> keys);

  [[nodiscard]] Opened open(const SealedFrame& frame);
  /// Frames that were sent plain are to be kept.
  [[nodiscard]] bool keeps_plain() const noexcept { return keys_->material().plain_ok; }

 private:
  [[nodiscard]] std::optional<std::size_t> injected_size(const SealedFrame& frame) const;

  [[nodiscard]] bool has_key(E2eeFormat format, std::uint64_t index) const;

  std::shared_ptr<const E2eeKeys> keys_;
  std::vector<std::unique_ptr<FrameDecryptor>> decryptors_;  // what fitted last is first
};

}  // namespace rtpx
