#include "ingest/udp/sdes.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace rtpx {
namespace {

std::optional<SrtpProfile> profile_named(std::string_view suite) {
  if (suite == "AES_CM_128_HMAC_SHA1_80") return SrtpProfile::aes128_cm_sha1_80;
  if (suite == "AES_CM_128_HMAC_SHA1_32") return SrtpProfile::aes128_cm_sha1_32;
  if (suite == "AES_256_CM_HMAC_SHA1_80") return SrtpProfile::aes256_cm_sha1_80;  // RFC 6188 section 5
  if (suite == "AES_256_CM_HMAC_SHA1_32") return SrtpProfile::aes256_cm_sha1_32;
  if (suite == "AEAD_AES_128_GCM") return SrtpProfile::aead_aes_128_gcm;
  if (suite == "AEAD_AES_256_GCM") return SrtpProfile::aead_aes_256_gcm;
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

/// RFC 4568 section 6.1: `<key||salt> ["|" lifetime] ["|" MKI ":" length]`, without "inline:".
Result<SrtpKeys> read_key(std::string_view text, SrtpProfile profile) {
  const std::size_t size = srtp_key_size(profile) + srtp_salt_size(profile);
  const std::size_t bar = text.find('|');
  auto key = base64(text.substr(0, bar));
  if (!key || key->size() != size)
    return fail(Errc::malformed,
                "The key of an a=crypto line is not " + std::to_string(size) + " bytes of base64.");
  SrtpKeys out{profile, *std::move(key), {}};
  const std::string_view last = bar == text.npos ? std::string_view() : text.substr(text.rfind('|') + 1);
  const std::size_t colon = last.find(':');
  if (colon == last.npos) return out;  // a lifetime, which only the sender needs, or nothing
  std::uint64_t value = 0;
  std::size_t length = 0;
  const auto number = [](std::string_view digits, auto& to) {
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), to);
    return error == std::errc() && end == digits.data() + digits.size();
  };
  if (!number(last.substr(0, colon), value) || !number(last.substr(colon + 1), length) || length == 0 ||
      length > Srtp::kMaxMki || (length < 8 && value >> (8 * length) != 0))
    return fail(Errc::malformed, "The master key identifier (MKI) of an a=crypto line makes no sense.");
  out.mki.resize(length);
  for (std::size_t i = length; i-- > 0; value >>= 8) out.mki[i] = static_cast<std::byte>(value & 0xFFU);
  return out;
}

}  // namespace

Result<std::vector<SrtpKeys>> sdes_keys(const sdp::Crypto& crypto) {
  constexpr std::string_view kInline = "inline:";
  const auto profile = profile_named(crypto.suite);
  if (!profile)
    return fail(Errc::unsupported,
                "The SRTP suite " + crypto.suite +
                    " is not known; AES_CM_128_HMAC_SHA1_80, AES_CM_128_HMAC_SHA1_32, "
                    "AES_256_CM_HMAC_SHA1_80, AES_256_CM_HMAC_SHA1_32, AEAD_AES_128_GCM and "
                    "AEAD_AES_256_GCM are.");
  std::vector<SrtpKeys> out;
  for (std::string_view rest = crypto.key_params; !rest.empty();) {
    const std::size_t end = std::min(rest.find(';'), rest.size());
    std::string_view one = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (!one.starts_with(kInline))
      return fail(Errc::malformed, "An a=crypto line does not hold its key (\"inline:\").");
    one.remove_prefix(kInline.size());
    auto key = read_key(one, *profile);
    if (!key) return std::unexpected(key.error());
    out.push_back(*std::move(key));
  }
  return out;
}

Result<SdesChoice> choose_sdes(const sdp::Media& media) {
  Result<SdesChoice> out;
  for (const sdp::Crypto& crypto : media.cryptos) {
    auto keys = sdes_keys(crypto);
    if (keys) return SdesChoice{crypto.tag, crypto.suite, *std::move(keys)};
    out = std::unexpected(keys.error());
  }
  return out;
}

Result<SrtpKeys> make_sdes_key(SrtpProfile profile) {
  SrtpKeys out{profile, std::vector<std::byte>(srtp_key_size(profile) + srtp_salt_size(profile)), {}};
  if (RAND_bytes(reinterpret_cast<unsigned char*>(out.key_and_salt.data()),
                 static_cast<int>(out.key_and_salt.size())) != 1)
    return fail(Errc::internal, "OpenSSL gives no random key.");
  return out;
}

std::string write_sdes(const SdesChoice& choice, const SrtpKeys& own) {
  std::string text(4 * ((own.key_and_salt.size() + 2) / 3) + 1, '\0');  // and a zero
  const int size = EVP_EncodeBlock(reinterpret_cast<unsigned char*>(text.data()),
                                   reinterpret_cast<const unsigned char*>(own.key_and_salt.data()),
                                   static_cast<int>(own.key_and_salt.size()));
  text.resize(static_cast<std::size_t>(size));
  return std::to_string(choice.tag) + ' ' + choice.suite + " inline:" + text;
}

}  // namespace rtpx
