#pragma once

#include <string>

#include "rtpx/result.hpp"
#include "s3/temporary_credentials.hpp"

namespace rtpx::s3 {

/// Runs a profile's `credential_process` by the shell and takes the JSON that it prints, of at most 64 KiB
/// within a minute. Its stderr is ours. Errors: denied, saying how it failed.
/// https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html
[[nodiscard]] Result<TemporaryCredentials> run_credential_process(const std::string& command);

}  // namespace rtpx::s3
