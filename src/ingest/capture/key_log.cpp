#include "ingest/capture/key_log.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>

#include <algorithm>
#include <memory>
#include <span>
#include <string>

namespace rtpx::capture {
namespace {

constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
constexpr std::size_t kMaxSecret = 64;

int nibble(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::vector<std::byte>> from_hex(std::string_view text) {
  if (text.empty() || text.size() % 2 != 0 || text.size() > 2 * kMaxSecret) return std::nullopt;
  std::vector<std::byte> out;
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = nibble(text[i]), low = nibble(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    out.push_back(static_cast<std::byte>(high << 4 | low));
  }
  return out;
}

std::string_view word(std::string_view& line) {
  const auto begin = std::min(line.find_first_not_of(" \t"), line.size());
  const auto end = std::min(line.find_first_of(" \t", begin), line.size());
  const auto out = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return out;
}

/// The suites of TLS 1.2 and 1.3 that hash with SHA-384; others use SHA-256.
const char* hash_of(std::uint16_t cipher_suite) {
  static constexpr std::uint16_t kSha384[] = {0x1302, 0x009D, 0x009F, 0x00A1, 0x00A3, 0x00A5, 0xC024,
                                              0xC026, 0xC028, 0xC02A, 0xC02C, 0xC02E, 0xC030, 0xC032};
  return std::ranges::find(kSha384, cipher_suite) != std::end(kSha384) ? "SHA384" : "SHA256";
}

OSSL_PARAM octets(const char* name, Bytes bytes) {
  return OSSL_PARAM_construct_octet_string(name, const_cast<std::byte*>(bytes.data()), bytes.size());
}
OSSL_PARAM text(const char* name, const char* value) {
  return OSSL_PARAM_construct_utf8_string(name, const_cast<char*>(value), 0);
}

bool derive(const char* function, std::span<OSSL_PARAM> parameters, std::span<std::byte> out) {
  const std::unique_ptr<EVP_KDF, decltype(&EVP_KDF_free)> kdf(EVP_KDF_fetch(nullptr, function, nullptr),
                                                              &EVP_KDF_free);
  const std::unique_ptr<EVP_KDF_CTX, decltype(&EVP_KDF_CTX_free)> context(
      kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr, &EVP_KDF_CTX_free);
  return context && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(out.data()), out.size(),
                                   parameters.data()) == 1;
}

/// RFC 5246 section 5.
bool prf(const char* hash, Bytes secret, Bytes seed, std::span<std::byte> out) {
  OSSL_PARAM parameters[] = {text(OSSL_KDF_PARAM_DIGEST, hash), octets(OSSL_KDF_PARAM_SECRET, secret),
                             octets(OSSL_KDF_PARAM_SEED, seed), OSSL_PARAM_construct_end()};
  return derive("TLS1-PRF", parameters, out);
}

/// RFC 8446 section 7.1: HKDF-Expand with a label; DTLS 1.3 writes "dtls13" in front of it (RFC 9147
/// section 5.9).
bool expand_label(const char* hash, Bytes secret, std::string_view label, Bytes context,
                  std::span<std::byte> out) {
  const std::string full = "dtls13" + std::string(label);
  std::vector<std::byte> info;
  info.push_back(static_cast<std::byte>(out.size() >> 8));
  info.push_back(static_cast<std::byte>(out.size()));
  info.push_back(static_cast<std::byte>(full.size()));
  info.insert(info.end(), as_bytes(full).begin(), as_bytes(full).end());
  info.push_back(static_cast<std::byte>(context.size()));
  info.insert(info.end(), context.begin(), context.end());
  OSSL_PARAM parameters[] = {text(OSSL_KDF_PARAM_DIGEST, hash), text(OSSL_KDF_PARAM_MODE, "EXPAND_ONLY"),
                             octets(OSSL_KDF_PARAM_KEY, secret), octets(OSSL_KDF_PARAM_INFO, info),
                             OSSL_PARAM_construct_end()};
  return derive("HKDF", parameters, out);
}

bool export_13(const DtlsSession& session, Bytes secret, std::span<std::byte> out) {
  const char* hash = hash_of(session.cipher_suite);
  std::byte of_nothing[EVP_MAX_MD_SIZE], derived[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  if (EVP_Digest(nullptr, 0, reinterpret_cast<unsigned char*>(of_nothing), &size, EVP_get_digestbyname(hash),
                 nullptr) != 1)
    return false;
  const std::span<std::byte> base(derived, size);
  const Bytes empty(of_nothing, size);
  return expand_label(hash, secret, kLabel, empty, base) && expand_label(hash, base, "exporter", empty, out);
}

bool export_12(const DtlsSession& session, Bytes master, std::span<std::byte> out) {
  std::vector<std::byte> seed(as_bytes(kLabel).begin(), as_bytes(kLabel).end());
  seed.insert(seed.end(), session.client_random.begin(), session.client_random.end());
  seed.insert(seed.end(), session.server_random.begin(), session.server_random.end());
  return prf(hash_of(session.cipher_suite), master, seed, out);
}

}  // namespace

void KeyLog::add(std::string_view log) {
  while (!log.empty() && master_.size() + exporter_.size() < kMaxSessions) {
    std::string_view line = log.substr(0, log.find_first_of("\r\n"));
    log.remove_prefix(std::min(line.size() + 1, log.size()));
    const auto label = word(line);
    auto* to = label == "CLIENT_RANDOM" ? &master_ : label == "EXPORTER_SECRET" ? &exporter_ : nullptr;
    if (to == nullptr) continue;
    const auto random = from_hex(word(line));
    auto secret = from_hex(word(line));
    if (!random || !secret || random->size() != ClientRandom().size()) continue;
    ClientRandom key{};
    std::ranges::copy(*random, key.begin());
    to->insert_or_assign(key, *std::move(secret));
  }
}

const std::vector<std::byte>* KeyLog::master_secret(const ClientRandom& random) const {
  const auto at = master_.find(random);
  return at == master_.end() ? nullptr : &at->second;
}
const std::vector<std::byte>* KeyLog::exporter_secret(const ClientRandom& random) const {
  const auto at = exporter_.find(random);
  return at == exporter_.end() ? nullptr : &at->second;
}

std::optional<DtlsSrtpKeys> srtp_keys(const DtlsSession& session, SrtpProfile profile, const KeyLog& log) {
  const auto* secret = session.version_13 ? log.exporter_secret(session.client_random)
                                          : log.master_secret(session.client_random);
  if (secret == nullptr || !session.has_server) return std::nullopt;
  const std::size_t key = srtp_key_size(profile), salt = srtp_salt_size(profile);
  std::vector<std::byte> material(2 * (key + salt));
  if (!(session.version_13 ? export_13(session, *secret, material) : export_12(session, *secret, material)))
    return std::nullopt;
  // Client key, server key, client salt, server salt.
  const auto side = [&](std::size_t number) {
    const auto keys = material.begin() + static_cast<std::ptrdiff_t>(number * key);
    const auto salts = material.begin() + static_cast<std::ptrdiff_t>(2 * key + number * salt);
    SrtpKeys out{profile, {keys, keys + static_cast<std::ptrdiff_t>(key)}, {}};
    out.key_and_salt.insert(out.key_and_salt.end(), salts, salts + static_cast<std::ptrdiff_t>(salt));
    return out;
  };
  return DtlsSrtpKeys{side(0), side(1)};
}

}  // namespace rtpx::capture
