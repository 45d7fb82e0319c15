#include "sealed/block_cipher.hpp"

#include <sodium.h>

#include <algorithm>
#include <cstring>

#include "base/crc32c.hpp"

namespace rtpx::sealed {
namespace {

/// What is encrypted and then checked in one go: plain and sealed bytes of it stay in the first cache. The fast loops of
/// AES-GCM and of the checksum take 96 and 3,072 bytes at a time.
constexpr std::size_t kSliceBytes = 12U << 10;

using XChaChaNonce = std::array<std::byte, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

XChaChaNonce nonce_of(std::uint64_t seal) {
  XChaChaNonce nonce{};
  store_be(nonce.data(), seal);
  return nonce;
}

static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == sizeof FileKey::bytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes);

/// libsodium takes no null pointer, even where there is nothing behind it.
std::byte* some(std::byte* bytes, std::byte& nothing) noexcept {
  return bytes != nullptr ? bytes : &nothing;
}

}  // namespace

bool BlockSealer::begin(std::uint64_t seal, Bytes associated, std::byte* to) noexcept {
  seal_ = seal;
  associated_ = associated;
  to_ = to;
  length_ = 0;
  crc_ = 0;
  return !uses_aes() || aes_.begin(seal, associated);
}

bool BlockSealer::add(Bytes plain) noexcept {
  if (plain.empty()) return true;
  if (!uses_aes()) {  // libsodium takes a message whole
    std::memcpy(to_ + length_, plain.data(), plain.size());
    length_ += plain.size();
    return true;
  }
  while (!plain.empty()) {
    const Bytes slice = plain.first(std::min(kSliceBytes, plain.size()));
    std::byte* const to = to_ + length_;
    if (!aes_.add(slice, to)) return false;
    crc_ = crc32c(Bytes(to, slice.size()), crc_);
    length_ += slice.size();
    plain = plain.subspan(slice.size());
  }
  return true;
}

bool BlockSealer::end(Tag& tag, std::uint32_t& crc) noexcept {
  if (uses_aes()) {
    crc = crc_;
    return aes_.end(tag);
  }
  std::byte nothing{};
  const XChaChaNonce nonce = nonce_of(seal_);
  unsigned char* const block = raw(some(to_, nothing));
  if (crypto_aead_xchacha20poly1305_ietf_encrypt_detached(block, raw(tag.data()), nullptr, block, length_,
                                                          raw(associated_.data()), associated_.size(), nullptr,
                                                          raw(nonce.data()), raw(key_.bytes.data())) != 0)
    return false;
  crc = crc32c(Bytes(to_, length_));
  return true;
}

bool BlockOpener::open(std::uint64_t seal, Bytes associated, Bytes sealed, const Tag& tag, std::byte* to) noexcept {
  std::byte nothing{};
  if (key_.cipher == Cipher::aes_256_gcm) {
    const bool genuine = aes_.begin(seal, associated) && aes_.add(sealed, to) && aes_.genuine(tag);
    if (!genuine && !sealed.empty()) sodium_memzero(to, sealed.size());
    return genuine;
  }
  const XChaChaNonce nonce = nonce_of(seal);
  const unsigned char* const from = sealed.empty() ? raw(&nothing) : raw(sealed.data());
  return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
             raw(some(to, nothing)), nullptr, from, sealed.size(), raw(tag.data()), raw(associated.data()),
             associated.size(), raw(nonce.data()), raw(key_.bytes.data())) == 0;
}

}  // namespace rtpx::sealed
