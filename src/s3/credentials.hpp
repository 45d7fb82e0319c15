#pragma once

#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "rtpx/s3.hpp"
#include "s3/http.hpp"
#include "s3/profile.hpp"
#include "s3/temporary_credentials.hpp"

namespace rtpx::s3 {

/// Where credentials come from, in the AWS tools' order: explicit, environment, profile (a role, keys, a
/// process), web identity, container, the machine's role. Temporary ones are fetched again before they end.
/// Thread-safe.
class CredentialSource {
 public:
  CredentialSource(S3Config config, Http& http);
  /// Errors: denied when there are none, with what was looked for; network.
  [[nodiscard]] Result<S3Credentials> get();

 private:
  using Found = Result<std::optional<TemporaryCredentials>>;
  [[nodiscard]] Found find();
  [[nodiscard]] Found from_profile();
  [[nodiscard]] Found from_profile(const std::string& name, std::vector<std::string> asked_for);
  [[nodiscard]] Found from_role(const std::string& name, const ProfileValues& values,
                                std::vector<std::string> asked_for);
  [[nodiscard]] Found from_environment();
  [[nodiscard]] Found from_web_identity();
  [[nodiscard]] Found from_container();
  [[nodiscard]] Found from_instance();

  S3Config config_;
  Http& http_;
  std::mutex mutex_;
  std::optional<TemporaryCredentials> temporary_;
};

}  // namespace rtpx::s3
