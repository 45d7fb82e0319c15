#pragma once

#include <memory>
#include <string>

#include "rtpx/result.hpp"
#include "rtpx/uploader.hpp"

namespace rtpx::cli {

/// What fetches `recording` when it is an s3:// URL; null for local ones. Errors: denied (no credentials).
[[nodiscard]] Result<std::shared_ptr<Downloader>> downloader_for(const std::string& recording);
/// What stores files under the s3:// URL `prefix`. Errors: invalid_argument, denied.
[[nodiscard]] Result<std::shared_ptr<Uploader>> uploader_for(const std::string& prefix);

}  // namespace rtpx::cli
