#pragma once

#include "rtpx/verify.hpp"

namespace rtpx {

/// verify() of a sealed recording, without a key: by the checksums and numbers of its blocks, and the ends of its files.
/// Errors: io, not_found, cancelled.
[[nodiscard]] Result<VerifyReport> verify_sealed(const std::filesystem::path& recording, const VerifyOptions& options);

}  // namespace rtpx
