#pragma once

#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "e2ee/crypto.hpp"
#include "e2ee/e2ee_format.hpp"

namespace rtpx {

/// A key as it was given.
struct E2eeKey {
  std::string name;                    ///< for the report
  std::optional<std::uint64_t> index;  ///< nullopt: any
  std::optional<E2eeFormat> format;    ///< nullopt: any
  SecretBytes secret;
  bool passphrase = false;
};

/// A key and what its owner turned it into later (ratcheting), derived once and shared by all tracks and
/// threads. Generation 0 is the key itself.
class KeyChain {
 public:
  /// One way from a given key to the key of the cipher.
  struct Derivation {
    E2eeFormat format = E2eeFormat::livekit;
    bool pbkdf2 = false;
    std::string salt, info;                  ///< of the cipher's key
    std::string ratchet_salt, ratchet_info;  ///< of the next generation's
    bool derived_is_next = false;            ///< the same derivation gives both
  };
  static constexpr std::size_t kMostGenerations = 10'000;

  KeyChain(const E2eeKey& key, Derivation derivation);

  [[nodiscard]] const E2eeKey& key() const noexcept { return key_; }
  [[nodiscard]] E2eeFormat format() const noexcept { return derivation_.format; }
  /// 32 bytes, of which a smaller cipher takes the first 16; valid as long as the chain. Empty beyond
  /// kMostGenerations.
  [[nodiscard]] Bytes cipher_key(std::size_t generation) const;

 private:
  [[nodiscard]] SecretBytes derive(Bytes material, const std::string& salt, const std::string& info) const;

  const E2eeKey& key_;
  const Derivation derivation_;
  mutable std::mutex mutex_;
  mutable SecretBytes next_material_;
  mutable std::vector<SecretBytes> derived_;  // by generation
};

}  // namespace rtpx
