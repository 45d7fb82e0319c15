#include "fleet/node_pass.hpp"

#include <openssl/crypto.h>

#include <charconv>

#include "s3/digest.hpp"

namespace rtpx::fleet {
namespace {

std::string signature(std::string_view key, std::string_view target, std::string_view until) {
  return s3::hex(s3::hmac_sha256(key, "node pass\n" + std::string(until) + "\n" + std::string(target)));
}

}  // namespace

std::string node_pass(std::string_view key, std::string_view target, std::int64_t until_ms) {
  const std::string until = std::to_string(until_ms);
  return until + "." + signature(key, target, until);
}

bool is_node_pass(std::string_view key, std::string_view target, std::string_view pass, std::int64_t now_ms) {
  const auto dot = pass.find('.');
  if (key.empty() || dot == pass.npos) return false;
  const std::string_view until = pass.substr(0, dot);
  const std::string expected = signature(key, target, until);
  const std::string_view given = pass.substr(dot + 1);
  if (given.size() != expected.size() || CRYPTO_memcmp(given.data(), expected.data(), given.size()) != 0) return false;
  std::int64_t until_ms = 0;
  const auto [end, error] = std::from_chars(until.data(), until.data() + until.size(), until_ms);
  return error == std::errc() && end == until.data() + until.size() && until_ms > now_ms &&
         until_ms - now_ms <= kLongestPassMs;
}

}  // namespace rtpx::fleet
