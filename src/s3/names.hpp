#pragma once

#include <string>
#include <string_view>

#include "rtpx/result.hpp"

namespace rtpx::s3 {

/// RFC 3986 percent-encoding as SigV4 wants it: all but A-Z a-z 0-9 - . _ ~, and '/' when `keep_slash`.
[[nodiscard]] std::string uri_encode(std::string_view text, bool keep_slash);

/// AWS's rules for general-purpose buckets. Errors: invalid_argument, naming the rule.
[[nodiscard]] Result<void> check_bucket_name(std::string_view name);
/// At most 1024 bytes of UTF-8, no "." or ".." components, no leading slash. Errors: invalid_argument.
[[nodiscard]] Result<void> check_key(std::string_view key);

/// Joins key parts with one slash between them; empty parts vanish.
[[nodiscard]] std::string join_key(std::string_view prefix, std::string_view rest);

}  // namespace rtpx::s3
