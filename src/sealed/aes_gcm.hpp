#pragma once

#include "sealed/crypto.hpp"

namespace rtpx::sealed {

/// encrypt() and decrypt() of crypto.hpp with AES-256-GCM.
[[nodiscard]] bool encrypt_aes_gcm(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes plain, std::byte* to,
                                   Tag& tag) noexcept;
/// False: it is not what was sealed, and what is in `to` must not be used.
[[nodiscard]] bool decrypt_aes_gcm(const FileKey& key, std::uint64_t seal, Bytes associated, Bytes sealed,
                                   const Tag& tag, std::byte* to) noexcept;

}  // namespace rtpx::sealed
