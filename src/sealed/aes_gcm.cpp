#include "sealed/aes_gcm.hpp"

#include <openssl/err.h>
#include <openssl/evp.h>

#include <memory>

#include "base/free_with.hpp"

namespace rtpx::sealed {
namespace {

using GcmNonce = std::array<std::byte, 12>;

const unsigned char* octets(const std::byte* bytes) { return reinterpret_cast<const unsigned char*>(bytes); }
unsigned char* octets(std::byte* bytes) { return reinterpret_cast<unsigned char*>(bytes); }

/// One message. What is derived from the key is zeroed with it, so that nothing of a file's key outlives the file's end.
class Message {
 public:
  enum class Way : int { decrypt = 0, encrypt = 1 };

  Message(Way way, const FileKey& key, std::uint64_t seal, Bytes associated) noexcept {
    static EVP_CIPHER* const cipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
    GcmNonce nonce{};
    store_be(nonce.data(), seal);
    int size = 0;
    good_ = cipher != nullptr && context_ != nullptr &&
            EVP_CipherInit_ex(context_.get(), cipher, nullptr, octets(key.bytes.data()), octets(nonce.data()),
                              static_cast<int>(way)) == 1 &&
            EVP_CipherUpdate(context_.get(), nullptr, &size, octets(associated.data()),
                             static_cast<int>(associated.size())) == 1;
  }

  bool code(Bytes from, std::byte* to) noexcept {
    int size = 0;
    good_ = good_ && (from.empty() || EVP_CipherUpdate(context_.get(), octets(to), &size, octets(from.data()),
                                                       static_cast<int>(from.size())) == 1);
    return good_;
  }
  /// Of decryption: whether the tag is right.
  bool finish() noexcept {
    unsigned char none[kTagBytes];
    int size = 0;
    return good_ && EVP_CipherFinal_ex(context_.get(), none, &size) == 1;
  }
  bool control(int what, Tag& tag) noexcept {
    return good_ && EVP_CIPHER_CTX_ctrl(context_.get(), what, static_cast<int>(tag.size()), tag.data()) == 1;
  }

 private:
  const std::unique_ptr<EVP_CIPHER_CTX, FreeWith<EVP_CIPHER_CTX_free>> context_{EVP_CIPHER_CTX_new()};
  bool good_ = false;
};

}  // namespace

bool encrypt_aes_gcm(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes plain, std::byte* to,
                     Tag& tag) noexcept {
  Message message(Message::Way::encrypt, key, seal, associated);
  return message.code(plain, to) && message.finish() && message.control(EVP_CTRL_AEAD_GET_TAG, tag);
}

bool decrypt_aes_gcm(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes sealed, const Tag& tag,
                     std::byte* to) noexcept {
  ERR_set_mark();  // a forged block is no error of whoever uses OpenSSL on this thread
  Message message(Message::Way::decrypt, key, seal, associated);
  Tag expected = tag;
  const bool genuine =
      message.code(sealed, to) && message.control(EVP_CTRL_AEAD_SET_TAG, expected) && message.finish();
  ERR_pop_to_mark();
  return genuine;
}

}  // namespace rtpx::sealed
