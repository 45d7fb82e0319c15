#include "s3/digest.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <algorithm>

#include "base/crc32c.hpp"

namespace rtpx::s3 {

Sha256 sha256(std::string_view text) {
  Sha256 out{};
  EVP_Digest(text.data(), text.size(), out.data(), nullptr, EVP_sha256(), nullptr);
  return out;
}

Sha256 hmac_sha256(std::string_view key, std::string_view text) {
  Sha256 out{};
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), out.data(), nullptr);
  return out;
}

std::string hex(std::span<const std::uint8_t> digest) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t b : digest) {
    out += kDigits[b >> 4];
    out += kDigits[b & 15U];
  }
  return out;
}

std::string base64(std::span<const std::uint8_t> bytes) {
  std::string out(4 * ((bytes.size() + 2) / 3) + 1, '\0');
  EVP_EncodeBlock(reinterpret_cast<unsigned char*>(out.data()), bytes.data(), static_cast<int>(bytes.size()));
  out.pop_back();
  return out;
}

struct Digests::State {
  struct Free {
    void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
  };
  using Context = std::unique_ptr<EVP_MD_CTX, Free>;

  static Context make(const EVP_MD* digest) {
    Context context(EVP_MD_CTX_new());
    EVP_DigestInit_ex(context.get(), digest, nullptr);
    return context;
  }

  Context md5, sha256;
  std::uint32_t crc32c = 0;
  bool want_crc32c = false;
};

Digests::Digests(unsigned wanted) : state_(std::make_unique<State>()) {
  if (wanted & static_cast<unsigned>(Want::md5)) state_->md5 = State::make(EVP_md5());
  if (wanted & static_cast<unsigned>(Want::sha256)) state_->sha256 = State::make(EVP_sha256());
  state_->want_crc32c = (wanted & static_cast<unsigned>(Want::crc32c)) != 0;
}
Digests::~Digests() = default;
Digests::Digests(Digests&&) noexcept = default;

void Digests::add(Bytes bytes) {
  if (state_->md5) EVP_DigestUpdate(state_->md5.get(), bytes.data(), bytes.size());
  if (state_->sha256) EVP_DigestUpdate(state_->sha256.get(), bytes.data(), bytes.size());
  if (state_->want_crc32c) state_->crc32c = rtpx::crc32c(bytes, state_->crc32c);
}

Md5 Digests::md5() {
  Md5 out{};
  EVP_DigestFinal_ex(state_->md5.get(), out.data(), nullptr);
  return out;
}

Sha256 Digests::sha256() {
  Sha256 out{};
  EVP_DigestFinal_ex(state_->sha256.get(), out.data(), nullptr);
  return out;
}

std::uint32_t Digests::crc32c() const {
  return state_->crc32c;
}

std::string simple_etag(const Md5& digest) {
  return hex(digest);
}

std::string multipart_etag(const std::vector<Md5>& parts) {
  Digests digests(static_cast<unsigned>(Digests::Want::md5));
  for (const Md5& part : parts) digests.add(std::as_bytes(std::span(part)));
  return hex(digests.md5()) + "-" + std::to_string(parts.size());
}

bool etag_is_md5(std::string_view etag) {
  const auto is_hex = [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); };
  if (etag.size() < 32 || !std::ranges::all_of(etag.substr(0, 32), is_hex)) return false;
  const std::string_view rest = etag.substr(32);
  return rest.empty() || (rest.size() > 1 && rest[0] == '-' &&
                          std::ranges::all_of(rest.substr(1), [](char c) { return c >= '0' && c <= '9'; }));
}

}  // namespace rtpx::s3
