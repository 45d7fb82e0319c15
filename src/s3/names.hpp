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

/// The name of a file in a recording's folder: 1 to 255 bytes of UTF-8, no separator, no control character,
/// no dot at the beginning. Errors: invalid_argument.
[[nodiscard]] Result<void> check_plain_name(std::string_view name);
/// What of a key becomes a path below the folder that is downloaded to: plain names with one slash between
/// them. So nothing that is fetched is hidden, or lies elsewhere. Errors: malformed, naming it.
[[nodiscard]] Result<void> check_download_name(std::string_view name);

/// Joins key parts with one slash between them; empty parts vanish.
[[nodiscard]] std::string join_key(std::string_view prefix, std::string_view rest);

}  // namespace rtpx::s3
