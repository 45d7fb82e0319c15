#pragma once

#include <string>

#include "s3/http.hpp"
#include "s3/temporary_credentials.hpp"

// AWS Security Token Service: https://docs.aws.amazon.com/STS/latest/APIReference/

namespace rtpx::s3 {

struct Role {
  std::string arn;
  std::string session_name = "rtpx";
  std::string external_id;       ///< empty: none
  std::string duration_seconds;  ///< empty: the service's default
};

/// AssumeRole, signed with `base`. Errors: denied, with the service's reason; network.
[[nodiscard]] Result<TemporaryCredentials> assume_role(Http& http, const Role& role,
                                                       const S3Credentials& base, const std::string& region);

/// AssumeRoleWithWebIdentity by the token in a file; not signed. Errors as above, never with the token.
[[nodiscard]] Result<TemporaryCredentials> assume_role_with_web_identity(Http& http, const Role& role,
                                                                         const std::string& token_file,
                                                                         const std::string& region);

}  // namespace rtpx::s3
