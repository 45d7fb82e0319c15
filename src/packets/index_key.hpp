#pragma once

#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>

#include "rtpx/result.hpp"

namespace rtpx {

/// A secret of this user on this machine. What is authenticated with it was written by this user's own programs, and
/// came here with nobody's recording.
using IndexKey = std::array<std::byte, 32>;

/// Where it lies: what RTPX_INDEX_KEY names, else $XDG_STATE_HOME/rtpx/index.key, else ~/.local/state/rtpx/index.key.
/// Empty: this user has no such place.
[[nodiscard]] std::filesystem::path index_key_file();

/// nullopt: there is none, or others could have read or written it.
[[nodiscard]] std::optional<IndexKey> read_index_key();

/// The same, made where there is none. Errors: denied, io, unsupported; the message names the file.
[[nodiscard]] Result<IndexKey> make_index_key();

}  // namespace rtpx
