#include "ingest/srtp/srtp_cipher.hpp"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::size_t kGcmTag = 16, kSha1 = 20;

unsigned char* raw(std::byte* bytes) {
  return reinterpret_cast<unsigned char*>(bytes);
}
const unsigned char* raw(const std::byte* bytes) {
  return reinterpret_cast<const unsigned char*>(bytes);
}

const EVP_CIPHER* counter_mode(SrtpProfile profile) {
  return srtp_key_size(profile) == 32 ? EVP_aes_256_ctr() : EVP_aes_128_ctr();
}
const EVP_CIPHER* cipher_of(SrtpProfile profile) {
  if (!srtp_is_aead(profile)) return counter_mode(profile);
  return srtp_key_size(profile) == 32 ? EVP_aes_256_gcm() : EVP_aes_128_gcm();
}

/// RFC 4568 section 6.2.2: where RTP has a short tag, RTCP keeps the 80 bits.
std::size_t tag_bytes(SrtpProfile profile, SrtpProtocol protocol) {
  if (srtp_is_aead(profile)) return kGcmTag;
  const bool is_short =
      profile == SrtpProfile::aes128_cm_sha1_32 || profile == SrtpProfile::aes256_cm_sha1_32;
  return is_short && protocol == SrtpProtocol::rtp ? 4 : 10;
}

/// `size` bytes of the key stream that begins at `vector`.
std::vector<std::byte> key_stream(SrtpProfile profile, const std::byte* key,
                                  const std::array<std::byte, 16>& vector, std::size_t size) {
  std::vector<std::byte> out(size);
  EVP_CIPHER_CTX* const context = EVP_CIPHER_CTX_new();
  int written = 0;
  const bool good =
      context != nullptr &&
      EVP_EncryptInit_ex(context, counter_mode(profile), nullptr, raw(key), raw(vector.data())) == 1 &&
      EVP_EncryptUpdate(context, raw(out.data()), &written, raw(out.data()), static_cast<int>(size)) == 1;
  EVP_CIPHER_CTX_free(context);
  if (!good) out.clear();
  return out;
}

}  // namespace

std::optional<SrtpSessionKeys> derive_session_keys(const SrtpKeys& master, SrtpProtocol protocol) {
  const SrtpProfile profile = master.profile;
  const std::size_t key = srtp_key_size(profile), salt = srtp_salt_size(profile);
  // RFC 3711 section 4.3.1, with a key derivation rate of zero: the label stands at a fixed place over the
  // salt.
  const auto derive = [&](std::uint8_t label, std::size_t size) {
    std::array<std::byte, 16> vector{};
    std::copy_n(master.key_and_salt.begin() + static_cast<std::ptrdiff_t>(key), salt, vector.begin());
    vector[7] ^= static_cast<std::byte>(label + (protocol == SrtpProtocol::rtcp ? 3 : 0));
    return key_stream(profile, master.key_and_salt.data(), vector, size);
  };
  SrtpSessionKeys out{.key = derive(0, key), .salt = derive(2, salt), .authentication = {}};
  if (!srtp_is_aead(profile)) {
    out.authentication = derive(1, kSha1);
    if (out.authentication.empty()) return std::nullopt;
  }
  if (out.key.empty() || out.salt.empty()) return std::nullopt;
  return out;
}

void SrtpCipher::Free::operator()(evp_cipher_ctx_st* context) const noexcept {
  EVP_CIPHER_CTX_free(context);
}
void SrtpCipher::Free::operator()(evp_mac_ctx_st* context) const noexcept {
  EVP_MAC_CTX_free(context);
}

std::optional<SrtpCipher> SrtpCipher::create(SrtpProfile profile, SrtpProtocol protocol,
                                             const SrtpSessionKeys& keys, Direction direction) {
  SrtpCipher out;
  out.tag_size_ = tag_bytes(profile, protocol);
  // AEAD's vector of 12 bytes begins with two zeroes (RFC 7714 section 8.1), counter mode's ends with two.
  std::ranges::copy(keys.salt, out.salt_.begin());
  out.cipher_.reset(EVP_CIPHER_CTX_new());
  if (!out.cipher_ || EVP_CipherInit_ex(out.cipher_.get(), cipher_of(profile), nullptr, raw(keys.key.data()),
                                        nullptr, direction == Direction::send ? 1 : 0) != 1)
    return std::nullopt;
  if (srtp_is_aead(profile)) return out;
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  out.mac_.reset(hmac != nullptr ? EVP_MAC_CTX_new(hmac) : nullptr);
  char sha1[] = "SHA1";
  const OSSL_PARAM digest[] = {OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, sha1, 0),
                               OSSL_PARAM_construct_end()};
  if (!out.mac_ ||
      EVP_MAC_init(out.mac_.get(), raw(keys.authentication.data()), keys.authentication.size(), digest) != 1)
    return std::nullopt;
  return out;
}

/// Sets the packet's vector: RFC 3711 section 4.1.1, RFC 7714 sections 8.1 and 9.1.
bool SrtpCipher::begin(const Number& number) noexcept {
  std::array<std::byte, kVector> vector = salt_;
  std::byte* const at = vector.data() + (aead() ? 2 : 4);
  for (unsigned i = 0; i < 4; ++i) at[i] ^= static_cast<std::byte>(number.ssrc >> (24 - 8 * i));
  for (unsigned i = 0; i < 6; ++i) at[4 + i] ^= static_cast<std::byte>(number.index >> (40 - 8 * i));
  return EVP_CipherInit_ex(cipher_.get(), nullptr, nullptr, nullptr, raw(vector.data()), -1) == 1;
}

bool SrtpCipher::code(std::span<std::byte> text) noexcept {
  int size = 0;
  return text.empty() || EVP_CipherUpdate(cipher_.get(), raw(text.data()), &size, raw(text.data()),
                                          static_cast<int>(text.size())) == 1;
}

bool SrtpCipher::authenticate(Bytes bytes) noexcept {
  int size = 0;
  return bytes.empty() || EVP_CipherUpdate(cipher_.get(), nullptr, &size, raw(bytes.data()),
                                           static_cast<int>(bytes.size())) == 1;
}

bool SrtpCipher::authentication_tag(Bytes packet, Bytes associated, std::span<std::byte> tag) noexcept {
  std::array<std::byte, kSha1> whole{};
  std::size_t size = 0;
  EVP_MAC_CTX* const mac = mac_.get();
  if (EVP_MAC_init(mac, nullptr, 0, nullptr) != 1 ||
      EVP_MAC_update(mac, raw(packet.data()), packet.size()) != 1 ||
      EVP_MAC_update(mac, raw(associated.data()), associated.size()) != 1 ||
      EVP_MAC_final(mac, raw(whole.data()), &size, whole.size()) != 1)
    return false;
  std::copy_n(whole.begin(), tag.size(), tag.begin());
  return true;
}

bool SrtpCipher::open(const Number& number, std::span<std::byte> packet, std::size_t clear, Bytes associated,
                      Bytes tag) noexcept {
  if (!aead()) {
    std::array<std::byte, kSha1> own{};
    const std::span<std::byte> expected(own.data(), tag_size_);
    return authentication_tag(packet, associated, expected) &&
           CRYPTO_memcmp(expected.data(), tag.data(), tag_size_) == 0 && begin(number) &&
           code(packet.subspan(clear));
  }
  int none = 0;
  return begin(number) &&
         EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag_size_),
                             const_cast<std::byte*>(tag.data())) == 1 &&
         authenticate(packet.first(clear)) && authenticate(associated) && code(packet.subspan(clear)) &&
         EVP_CipherFinal_ex(cipher_.get(), raw(packet.data()), &none) == 1;
}

bool SrtpCipher::seal(const Number& number, std::span<std::byte> packet, std::size_t clear, Bytes associated,
                      std::span<std::byte> tag) noexcept {
  if (!aead())
    return begin(number) && code(packet.subspan(clear)) &&
           authentication_tag(packet, associated, tag.first(tag_size_));
  int none = 0;
  return begin(number) && authenticate(packet.first(clear)) && authenticate(associated) &&
         code(packet.subspan(clear)) && EVP_CipherFinal_ex(cipher_.get(), raw(packet.data()), &none) == 1 &&
         EVP_CIPHER_CTX_ctrl(cipher_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag_size_), tag.data()) ==
             1;
}

}  // namespace rtpx
