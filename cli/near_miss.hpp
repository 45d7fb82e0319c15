#pragma once

#include <span>
#include <string>
#include <string_view>

namespace rtpx::cli {

/// The word of `known` that was most likely meant by `word`; empty: none is near (at most two letters wrong,
/// left out, added or swapped, and less than half of them).
[[nodiscard]] std::string near_miss(std::string_view word, std::span<const std::string> known);

}  // namespace rtpx::cli
