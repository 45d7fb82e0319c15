#pragma once

#include <cstddef>
#include <string>

namespace rtpx {

/// `size` characters of [A-Za-z0-9] that nobody can guess, by the system's random source; without it the process ends.
[[nodiscard]] std::string random_text(std::size_t size);

}  // namespace rtpx
