#pragma once

#include <filesystem>

namespace rtpx::test {

/// The project's root. Only places.cpp knows it, so that checkouts share what the compiler's cache holds.
[[nodiscard]] std::filesystem::path source_dir();

}  // namespace rtpx::test
