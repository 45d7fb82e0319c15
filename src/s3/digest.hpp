#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

namespace rtpx::s3 {

using Sha256 = std::array<std::uint8_t, 32>;
using Md5 = std::array<std::uint8_t, 16>;

[[nodiscard]] Sha256 sha256(std::string_view text);
[[nodiscard]] Sha256 hmac_sha256(std::string_view key, std::string_view text);
[[nodiscard]] std::string hex(std::span<const std::uint8_t> digest);
[[nodiscard]] std::string base64(std::span<const std::uint8_t> bytes);
[[nodiscard]] inline std::string_view as_text(std::span<const std::uint8_t> digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

/// MD5 (what ETags are made of), SHA-256 (what SigV4 signs) and CRC32C of one stream of bytes.
class Digests {
 public:
  enum class Want : std::uint8_t { md5 = 1, sha256 = 2, crc32c = 4 };
  explicit Digests(unsigned wanted);
  ~Digests();
  Digests(Digests&&) noexcept;
  void add(Bytes bytes);
  [[nodiscard]] Md5 md5();
  [[nodiscard]] Sha256 sha256();
  [[nodiscard]] std::uint32_t crc32c() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

inline constexpr std::size_t kMostParts = 10'000;  ///< of a multipart upload: AWS's limit

/// The ETag of an object put at once, or of a multipart one: MD5 of the parts' MD5s, "-", their number.
[[nodiscard]] std::string simple_etag(const Md5& digest);
[[nodiscard]] std::string multipart_etag(const std::vector<Md5>& parts);
/// 32 hex digits, perhaps with "-N": an ETag that is made of MD5s. Others (encrypted objects) say nothing.
[[nodiscard]] bool etag_is_md5(std::string_view etag);

}  // namespace rtpx::s3
