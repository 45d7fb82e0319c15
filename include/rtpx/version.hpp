#pragma once

/// Version of these headers (semantic versioning); `rtpx::version()` is that of the library linked.
#define RTPX_VERSION_MAJOR 0
#define RTPX_VERSION_MINOR 1
#define RTPX_VERSION_PATCH 0

namespace rtpx {

/// "MAJOR.MINOR.PATCH" of the library that is running.
[[nodiscard]] const char* version() noexcept;

}  // namespace rtpx
