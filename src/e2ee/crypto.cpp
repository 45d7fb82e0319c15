#include "e2ee/crypto.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>
#include <memory>

namespace rtpx {
namespace {

struct FreeCipher {
  void operator()(EVP_CIPHER_CTX* context) const { EVP_CIPHER_CTX_free(context); }
};
using CipherContext = std::unique_ptr<EVP_CIPHER_CTX, FreeCipher>;

const EVP_MD* digest_of(HashName hash) {
  return hash == HashName::sha256 ? EVP_sha256() : EVP_sha512();
}

const unsigned char* raw(Bytes bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}
unsigned char* raw(std::span<std::byte> bytes) {
  return reinterpret_cast<unsigned char*>(bytes.data());
}

constexpr std::size_t kGcmTag = 16;
constexpr std::size_t kMostBytes = std::size_t{1} << 30;  // EVP counts in int

}  // namespace

SecretBytes& SecretBytes::operator=(SecretBytes&& other) noexcept {
  if (this == &other) return *this;
  wipe(bytes_);
  bytes_ = std::move(other.bytes_);
  other.bytes_.clear();
  return *this;
}

SecretBytes::~SecretBytes() {
  wipe(bytes_);
}

void wipe(std::span<std::byte> bytes) noexcept {
  if (!bytes.empty()) OPENSSL_cleanse(bytes.data(), bytes.size());
}

SecretBytes hmac(HashName hash, Bytes key, std::initializer_list<Bytes> parts) {
  std::size_t size = 0;
  for (const Bytes part : parts) size += part.size();
  SecretBytes message(size);
  auto at = message.writable().begin();
  for (const Bytes part : parts) at = std::ranges::copy(part, at).out;
  SecretBytes out(static_cast<std::size_t>(EVP_MD_get_size(digest_of(hash))));
  unsigned length = 0;
  static constexpr unsigned char kNone = 0;  // a key without bytes, and yet one
  if (HMAC(digest_of(hash), key.empty() ? &kNone : raw(key), static_cast<int>(key.size()),
           raw(message.bytes()), message.size(), raw(out.writable()), &length) == nullptr)
    return {};
  return out;
}

SecretBytes hkdf_extract(HashName hash, Bytes salt, Bytes key) {
  return hmac(hash, salt, {key});
}

SecretBytes hkdf_expand(HashName hash, Bytes secret, Bytes info, std::size_t size) {
  SecretBytes out(size), block;
  std::byte number{1};
  for (std::size_t at = 0; at < size; number = static_cast<std::byte>(u8(number) + 1)) {
    block = hmac(hash, secret, {block.bytes(), info, Bytes(&number, 1)});
    if (block.size() == 0) return {};
    const std::size_t take = std::min(block.size(), size - at);
    std::ranges::copy(block.bytes().first(take), out.writable().begin() + static_cast<std::ptrdiff_t>(at));
    at += take;
  }
  return out;
}

SecretBytes hkdf(HashName hash, Bytes salt, Bytes key, Bytes info, std::size_t size) {
  const SecretBytes secret = hkdf_extract(hash, salt, key);
  return hkdf_expand(hash, secret.bytes(), info, size);
}

SecretBytes pbkdf2_sha256(Bytes password, Bytes salt, int iterations, std::size_t size) {
  SecretBytes out(size);
  if (PKCS5_PBKDF2_HMAC(reinterpret_cast<const char*>(password.data()), static_cast<int>(password.size()),
                        raw(salt), static_cast<int>(salt.size()), iterations, EVP_sha256(),
                        static_cast<int>(size), raw(out.writable())) != 1)
    return {};
  return out;
}

std::optional<std::vector<std::byte>> open_aes_gcm(Bytes key, Bytes iv, Bytes associated, Bytes sealed) {
  if (sealed.size() < kGcmTag || sealed.size() > kMostBytes || associated.size() > kMostBytes)
    return std::nullopt;
  if ((key.size() != 16 && key.size() != 32) || iv.size() != 12) return std::nullopt;
  const Bytes text = sealed.first(sealed.size() - kGcmTag);
  std::vector<std::byte> tag(sealed.end() - kGcmTag, sealed.end());
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::vector<std::byte> out(text.size());
  int length = 0;
  if (!context || EVP_DecryptInit_ex(context.get(), key.size() == 16 ? EVP_aes_128_gcm() : EVP_aes_256_gcm(),
                                     nullptr, raw(key), raw(iv)) != 1)
    return std::nullopt;
  if (!associated.empty() && EVP_DecryptUpdate(context.get(), nullptr, &length, raw(associated),
                                               static_cast<int>(associated.size())) != 1)
    return std::nullopt;
  if (!text.empty() && EVP_DecryptUpdate(context.get(), raw(std::span(out)), &length, raw(text),
                                         static_cast<int>(text.size())) != 1)
    return std::nullopt;
  unsigned char rest[kGcmTag];
  if (EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_GCM_SET_TAG, kGcmTag, tag.data()) != 1 ||
      EVP_DecryptFinal_ex(context.get(), rest, &length) != 1) {
    wipe(out);
    return std::nullopt;
  }
  return out;
}

std::vector<std::byte> aes_ctr(Bytes key, Bytes iv, Bytes bytes) {
  const EVP_CIPHER* cipher = key.size() == 16 ? EVP_aes_128_ctr() : EVP_aes_256_ctr();
  const CipherContext context(EVP_CIPHER_CTX_new());
  std::vector<std::byte> out(bytes.size());
  int length = 0;
  if ((key.size() != 16 && key.size() != 32) || iv.size() != 16 || bytes.empty() ||
      bytes.size() > kMostBytes || !context ||
      EVP_DecryptInit_ex(context.get(), cipher, nullptr, raw(key), raw(iv)) != 1 ||
      EVP_DecryptUpdate(context.get(), raw(std::span(out)), &length, raw(bytes),
                        static_cast<int>(bytes.size())) != 1)
    out.clear();
  return out;
}

bool same_bytes(Bytes one, Bytes other) noexcept {
  return one.size() == other.size() &&
         (one.empty() || CRYPTO_memcmp(one.data(), other.data(), one.size()) == 0);
}

}  // namespace rtpx
