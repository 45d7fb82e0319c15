#include "ingest/udp/sdes.hpp"

#include <cstdint>

namespace rtpx {
namespace {

std::optional<SrtpProfile> profile_named(std::string_view suite) {
  if (suite == "AES_CM_128_HMAC_SHA1_80") return SrtpProfile::aes128_cm_sha1_80;
  if (suite == "AES_CM_128_HMAC_SHA1_32") return SrtpProfile::aes128_cm_sha1_32;
  if (suite == "AEAD_AES_128_GCM") return SrtpProfile::aead_aes_128_gcm;
  return std::nullopt;
}

/// Base64 (RFC 4648), padded or not; nullopt for other characters.
std::optional<std::vector<std::byte>> base64(std::string_view text) {
  static constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  while (text.ends_with('=')) text.remove_suffix(1);
  std::vector<std::byte> out;
  std::uint32_t bits = 0;
  unsigned count = 0;
  for (const char c : text) {
    const std::size_t value = kAlphabet.find(c);
    if (value == std::string_view::npos) return std::nullopt;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) {
      count -= 8;
      out.push_back(static_cast<std::byte>(bits >> count));
    }
  }
  return out;
}

}  // namespace

// RFC 4568 section 6.1: "inline:" <key||salt> ["|" lifetime] ["|" MKI ":" length].
Result<SrtpKeys> sdes_keys(const sdp::Crypto& crypto) {
  const auto profile = profile_named(crypto.suite);
  if (!profile)
    return fail(Errc::unsupported, "The SRTP suite " + crypto.suite +
                                       " is not known; AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32 and "
                                       "AEAD_AES_128_GCM are.");
  std::string_view params = crypto.key_params;
  if (!params.starts_with("inline:"))
    return fail(Errc::malformed, "An a=crypto line does not hold its key (\"inline:\").");
  params.remove_prefix(7);
  const std::size_t bar = params.find('|');
  if (bar != std::string_view::npos && params.find(':', bar) != std::string_view::npos)
    return fail(Errc::unsupported,
                "An a=crypto line has a master key identifier (MKI), which is not supported.");
  auto key = base64(params.substr(0, bar));
  if (!key || key->size() != srtp_key_size(*profile) + srtp_salt_size(*profile))
    return fail(Errc::malformed, "The key of an a=crypto line is not " +
                                     std::to_string(srtp_key_size(*profile) + srtp_salt_size(*profile)) +
                                     " bytes of base64.");
  return SrtpKeys{*profile, *std::move(key)};
}

Result<std::optional<SrtpKeys>> sdes_keys(const sdp::Media& media) {
  Result<std::optional<SrtpKeys>> out = std::nullopt;
  for (const sdp::Crypto& crypto : media.cryptos) {
    auto keys = sdes_keys(crypto);
    if (keys) return *std::move(keys);
    out = std::unexpected(keys.error());
  }
  return out;
}

}  // namespace rtpx
