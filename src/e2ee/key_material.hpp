#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "e2ee/key_chain.hpp"
#include "rtpx/e2ee.hpp"

namespace rtpx {

/// What a keys file holds.
struct E2eeKeys::Material {
  std::vector<std::unique_ptr<const E2eeKey>> keys;
  /// Of LiveKit and Jitsi: each way in which a given key may have been used.
  std::vector<std::unique_ptr<const KeyChain>> chains;
  std::optional<std::size_t> key_bytes;     ///< of the cipher: 16 or 32; nullopt: either
  std::optional<unsigned> cipher_suite;     ///< of RFC 9605; nullopt: any
  std::vector<std::byte> metadata;          ///< that RFC 9605's sender authenticated beside the header
  std::size_t ratchet_window = 8;           ///< generations ahead that are tried
  bool plain_ok = true;                     ///< frames that were sent plain are kept
  std::vector<std::byte> injected_trailer;  ///< of frames that a LiveKit server put in, where known

  /// Whether any key may be of this format.
  [[nodiscard]] bool may_be(E2eeFormat format) const noexcept {
    for (const auto& key : keys)
      if (!key->format || *key->format == format) return true;
    return false;
  }
};

}  // namespace rtpx
