#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

#include "rtpx/s3.hpp"

namespace rtpx::s3 {

/// Credentials and when they end; those without an end are good for ever.
struct TemporaryCredentials {
  S3Credentials credentials;
  std::chrono::system_clock::time_point expires = std::chrono::system_clock::time_point::max();
};

/// When credentials end, by ISO 8601; empty: never; unreadable: soon, so that they are fetched again.
[[nodiscard]] std::chrono::system_clock::time_point parse_expiration(const std::string& iso);

/// The JSON that containers, machines and credential processes answer: AccessKeyId, SecretAccessKey, Token or
/// SessionToken, Expiration. Total. nullopt: it has no credentials.
[[nodiscard]] std::optional<TemporaryCredentials> parse_credentials_json(std::string_view json);

}  // namespace rtpx::s3
