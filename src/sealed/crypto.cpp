#include "sealed/crypto.hpp"

#include <sodium.h>

#include <algorithm>

namespace rtpx::sealed {
namespace {

static_assert(crypto_box_SEALBYTES + sizeof FileKey::bytes + kFileIdBytes == kBoxBytes);
static_assert(crypto_box_PUBLICKEYBYTES == Recipient::kKeyBytes);

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
