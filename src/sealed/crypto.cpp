#include "sealed/crypto.hpp"

#include <sodium.h>

#include <algorithm>

#include "sealed/aes_gcm.hpp"

namespace rtpx::sealed {
namespace {

const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}
unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}

using Nonce = std::array<std::byte, crypto_aead_xchacha20poly1305_ietf_NPUBBYTES>;

Nonce nonce_of(std::uint64_t seal) {
  Nonce nonce{};
  store_be(nonce.data(), seal);
  return nonce;
}

static_assert(crypto_aead_xchacha20poly1305_ietf_KEYBYTES == sizeof FileKey::bytes);
static_assert(crypto_aead_xchacha20poly1305_ietf_ABYTES == kTagBytes);
static_assert(crypto_box_SEALBYTES + sizeof FileKey::bytes + kFileIdBytes == kBoxBytes);
static_assert(crypto_box_PUBLICKEYBYTES == Recipient::kKeyBytes);

/// libsodium takes no null pointer, even where there is nothing behind it.
const std::byte* some(Bytes bytes) noexcept {
  static constexpr std::byte kNothing{};
  return bytes.empty() ? &kNothing : bytes.data();
}

}  // namespace

void FileKey::wipe() noexcept {
  sodium_memzero(bytes.data(), bytes.size());
}

Result<void> prepare() {
  static const bool ready = sodium_init() >= 0;
  if (!ready) return fail(Errc::internal, "libsodium cannot be used here");
  return {};
}

void fill_random(std::span<std::byte> to) noexcept {
  randombytes_buf(to.data(), to.size());
}

void wipe(std::span<std::byte> bytes) noexcept {
  sodium_memzero(bytes.data(), bytes.size());
}

Cipher fastest_cipher() noexcept {
  return prepare() && crypto_aead_aes256gcm_is_available() == 1 ? Cipher::aes_256_gcm : Cipher::xchacha20_poly1305;
}

bool encrypt(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes plain, std::byte* to,
             Tag& tag) noexcept {
  if (key.cipher == Cipher::aes_256_gcm) return encrypt_aes_gcm(key, seal, associated, plain, to, tag);
  const Nonce nonce = nonce_of(seal);
  std::byte nowhere{};
  return crypto_aead_xchacha20poly1305_ietf_encrypt_detached(
             raw(to != nullptr ? to : &nowhere), raw(tag.data()), nullptr, raw(some(plain)), plain.size(),
             raw(some(associated)), associated.size(), nullptr, raw(nonce.data()), raw(key.bytes.data())) == 0;
}

bool decrypt(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes sealed, const Tag& tag,
             std::byte* to) noexcept {
  if (key.cipher == Cipher::aes_256_gcm) {
    const bool genuine = decrypt_aes_gcm(key, seal, associated, sealed, tag, to);
    if (!genuine && !sealed.empty()) sodium_memzero(to, sealed.size());
    return genuine;
  }
  const Nonce nonce = nonce_of(seal);
  return crypto_aead_xchacha20poly1305_ietf_decrypt_detached(
             raw(to), nullptr, raw(some(sealed)), sealed.size(), raw(tag.data()), raw(some(associated)),
             associated.size(), raw(nonce.data()), raw(key.bytes.data())) == 0;
}

Result<Box> wrap(const FileKey& key, const FileId& id, const Recipient& recipient) {
  std::array<std::byte, sizeof FileKey::bytes + kFileIdBytes> message;
  std::ranges::copy(key.bytes, message.begin());
  std::ranges::copy(id, message.begin() + sizeof key.bytes);
  Box box;
  const int answer =
      crypto_box_seal(raw(box.data()), raw(message.data()), message.size(), raw(recipient.key().data()));
  wipe(message);
  if (answer != 0) return fail(Errc::invalid_argument, "Nothing can be sealed for " + recipient.text());
  return box;
}

std::optional<FileKey> unwrap(const Box& box, const FileId& id, const Identity& identity) {
  std::array<std::byte, sizeof FileKey::bytes + kFileIdBytes> message;
  const Recipient recipient = identity.recipient();
  std::optional<FileKey> out;
  if (crypto_box_seal_open(raw(message.data()), raw(box.data()), box.size(), raw(recipient.key().data()),
                           raw(identity.secret().data())) == 0 &&
      std::equal(id.begin(), id.end(), message.begin() + sizeof FileKey::bytes)) {
    out.emplace();
    std::copy_n(message.begin(), out->bytes.size(), out->bytes.begin());
  }
  wipe(message);
  return out;
}

}  // namespace rtpx::sealed
