#pragma once

#include <chrono>
#include <map>
#include <string>

#include "rtpx/s3.hpp"

namespace rtpx::s3 {

/// What a signature covers.
struct SignedParts {
  std::string service = "s3";
  std::string method;
  std::string host;                            ///< with the port where it is not the scheme's own
  std::string encoded_path;                    ///< percent-encoded once, begins with '/'
  std::map<std::string, std::string> query;    ///< decoded
  std::map<std::string, std::string> headers;  ///< lower-case names; host and the dates are added
  std::string payload_hash;                    ///< hex SHA-256, or "UNSIGNED-PAYLOAD"
};

/// "a=1&b=": sorted and encoded, as both the URL and the signature need it.
[[nodiscard]] std::string canonical_query(const std::map<std::string, std::string>& query);

/// AWS Signature Version 4, as S3 and STS want it: all headers to send, "Name: value", the authorization
/// last. https://docs.aws.amazon.com/AmazonS3/latest/API/sig-v4-header-based-auth.html
[[nodiscard]] std::vector<std::string> sign(const SignedParts& parts, const S3Credentials& credentials,
                                            const std::string& region, std::chrono::sys_seconds now);

}  // namespace rtpx::s3
