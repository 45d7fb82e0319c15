#pragma once

#include <optional>

#include "s3/http.hpp"
#include "s3/temporary_credentials.hpp"

namespace rtpx::s3 {

/// The credentials of an EC2 machine's role, by IMDSv2: a token first, then the role's name, then its
/// credentials. nullopt where there is no such service, or AWS_EC2_METADATA_DISABLED is "true".
/// AWS_EC2_METADATA_SERVICE_ENDPOINT names another address. Errors: denied, where the role gives none.
/// https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/configuring-instance-metadata-service.html
[[nodiscard]] Result<std::optional<TemporaryCredentials>> credentials_of_instance(Http& http);

}  // namespace rtpx::s3
