#include "sealed/aes_gcm.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

namespace rtpx::sealed {
namespace {

using GcmNonce = std::array<std::byte, 12>;

}  // namespace

void AesGcm::Free::operator()(evp_cipher_ctx_st* context) const noexcept {
  EVP_CIPHER_CTX_free(context);  // which zeroes it
}

bool AesGcm::begin(std::uint64_t seal, Bytes associated) noexcept {
  GcmNonce nonce{};
  store_be(nonce.data(), seal);
  if (context_ == nullptr) {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    context_.reset(cipher != nullptr ? EVP_CIPHER_CTX_new() : nullptr);
    if (context_ == nullptr || EVP_CipherInit_ex(context_.get(), cipher, nullptr, raw(key_.bytes.data()), nullptr,
                                                 static_cast<int>(way_)) != 1) {
      context_.reset();
      return false;
    }
  }
  int size = 0;
  return EVP_CipherInit_ex(context_.get(), nullptr, nullptr, nullptr, raw(nonce.data()), static_cast<int>(way_)) ==
             1 &&
         EVP_CipherUpdate(context_.get(), nullptr, &size, raw(associated.data()),
                          static_cast<int>(associated.size())) == 1;
}

bool AesGcm::add(Bytes from, std::byte* to) noexcept {
  int size = 0;
  return from.empty() || EVP_CipherUpdate(context_.get(), raw(to), &size, raw(from.data()),
                                          static_cast<int>(from.size())) == 1;
}

bool AesGcm::end(Tag& tag) noexcept {
  unsigned char none[kTagBytes];
  int size = 0;
  return EVP_CipherFinal_ex(context_.get(), none, &size) == 1 &&
         EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_GET_TAG, static_cast<int>(tag.size()), tag.data()) == 1;
}

bool AesGcm::genuine(Tag tag) noexcept {
  unsigned char none[kTagBytes];
  int size = 0;
  ERR_set_mark();  // a forged block is no error of whoever uses OpenSSL on this thread
  const bool right =
      EVP_CIPHER_CTX_ctrl(context_.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()), tag.data()) == 1 &&
      EVP_CipherFinal_ex(context_.get(), none, &size) == 1;
  ERR_pop_to_mark();
  return right;
}

}  // namespace rtpx::sealed
