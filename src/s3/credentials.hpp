#pragma once

#include <chrono>
#include <mutex>
#include <optional>
#include <string>

#include "rtpx/s3.hpp"
#include "s3/http.hpp"

namespace rtpx::s3 {

/// An environment variable; nullopt when unset or empty.
[[nodiscard]] std::optional<std::string> environment(const char* name);

/// `key` of section `profile` in an AWS ini file; `[profile NAME]` and `[NAME]` both name a section.
[[nodiscard]] std::optional<std::string> ini_value(const std::string& text, const std::string& profile,
                                                   const std::string& key);

/// Fills endpoint, region, path style and CA file from the environment and the shared config file.
[[nodiscard]] S3Config complete(S3Config config);

/// Where credentials come from, in the AWS tools' order: explicit, environment, shared file, web identity,
/// container. Temporary ones are fetched again before they end. Thread-safe.
class CredentialSource {
 public:
  CredentialSource(S3Config config, Http& http);
  /// Errors: denied when there are none, with what was looked for; network.
  [[nodiscard]] Result<S3Credentials> get();

 private:
  struct Temporary {
    S3Credentials credentials;
    std::chrono::system_clock::time_point expires;
  };
  [[nodiscard]] std::optional<S3Credentials> from_shared_file() const;
  [[nodiscard]] Result<std::optional<Temporary>> from_web_identity();
  [[nodiscard]] Result<std::optional<Temporary>> from_container();

  S3Config config_;
  Http& http_;
  std::mutex mutex_;
  std::optional<Temporary> temporary_;
};

}  // namespace rtpx::s3
