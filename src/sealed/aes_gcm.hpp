#pragma once

#include <memory>

#include "sealed/crypto.hpp"

struct evp_cipher_ctx_st;

namespace rtpx::sealed {

/// AES-256-GCM under one key, message by message. What is derived from the key is kept between messages, so that one
/// costs no allocation, and zeroed by wipe() and at the end. Either encrypts or decrypts. One thread at a time.
class AesGcm {
 public:
  enum class Way : int { decrypt = 0, encrypt = 1 };

  AesGcm(const FileKey& key, Way way) noexcept : key_(key), way_(way) {}

  /// A message with this nonce (`seal` as 8 big-endian bytes and 4 zeros); false, here and below: OpenSSL cannot.
  [[nodiscard]] bool begin(std::uint64_t seal, Bytes associated) noexcept;
  /// The next bytes of it, into `to`, which has as many.
  [[nodiscard]] bool add(Bytes from, std::byte* to) noexcept;
  /// Ends a message that was encrypted.
  [[nodiscard]] bool end(Tag& tag) noexcept;
  /// Ends one that was decrypted. False: it is not what was sealed, and what add() gave must not be used.
  [[nodiscard]] bool genuine(Tag tag) noexcept;

  void wipe() noexcept { context_.reset(); }

 private:
  struct Free {
    void operator()(evp_cipher_ctx_st* context) const noexcept;
  };
  const FileKey& key_;
  const Way way_;
  std::unique_ptr<evp_cipher_ctx_st, Free> context_;  // null: the key was not used yet
};

}  // namespace rtpx::sealed
