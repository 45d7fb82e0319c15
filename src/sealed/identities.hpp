#pragma once

#include <filesystem>

#include "rtpx/sealed.hpp"

namespace rtpx::sealed {

/// All that a file, or a pipe, of at most 64 KiB holds: an identity file, or several in one. Errors: as Identity::load().
[[nodiscard]] Result<Identities> load_identities(const std::filesystem::path& file, const Passphrase& passphrase);

}  // namespace rtpx::sealed
