#pragma once

#include <filesystem>
#include <functional>
#include <stop_token>

#include "base/file_system.hpp"
#include "rtpx/converter.hpp"
#include "rtpx/result.hpp"

namespace rtpx {

/// Whether this build of FFmpeg has an encoder for `codec`.
[[nodiscard]] bool can_encode(VideoCodec codec) noexcept;
/// "video/VP8", …
[[nodiscard]] const char* mime_type_of(VideoCodec codec) noexcept;

/// Decodes every video track of `from`, encodes it as the options say, and writes `to`; other tracks are
/// copied. Pictures keep their times, are turned as the file says, and are fitted into the size of the first
/// one (or of the options), with black bars where their shape differs. A picture that does not decode is left
/// out. `progress` gets 0..1 on the calling thread, at most 10 times a second. Errors: invalid_argument (an
/// option out of range, named), not_found, malformed, unsupported (no such encoder, or a container that
/// cannot hold what comes out), cancelled, io, no_space.
[[nodiscard]] Result<void> reencode(const std::filesystem::path& from, const std::filesystem::path& to,
                                    Format format, const Reencode& options,
                                    const std::function<void(double)>& progress = {},
                                    std::stop_token stop = {}, FileSystem& files = real_file_system());

}  // namespace rtpx
