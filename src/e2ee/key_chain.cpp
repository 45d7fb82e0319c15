#include "e2ee/key_chain.hpp"

namespace rtpx {
namespace {

constexpr int kPassphraseIterations = 100'000;
constexpr std::size_t kDerivedSize = 32;

}  // namespace

KeyChain::KeyChain(const E2eeKey& key, Derivation derivation)
    : key_(key), derivation_(std::move(derivation)), next_material_(key.secret.bytes()) {}

SecretBytes KeyChain::derive(Bytes material, const std::string& salt, const std::string& info) const {
  if (derivation_.pbkdf2) return pbkdf2_sha256(material, as_bytes(salt), kPassphraseIterations, kDerivedSize);
  return hkdf(HashName::sha256, as_bytes(salt), material, as_bytes(info), kDerivedSize);
}

Bytes KeyChain::cipher_key(std::size_t generation) const {
  if (generation >= kMostGenerations) return {};
  const std::lock_guard lock(mutex_);
  while (derived_.size() <= generation) {
    derived_.push_back(derive(next_material_.bytes(), derivation_.salt, derivation_.info));
    next_material_ = derivation_.derived_is_next
                         ? SecretBytes(derived_.back().bytes())
                         : derive(next_material_.bytes(), derivation_.ratchet_salt, derivation_.ratchet_info);
  }
  return derived_[generation].bytes();
}

}  // namespace rtpx
