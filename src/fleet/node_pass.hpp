#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace rtpx::fleet {

// A node's key lies beside its recordings in the store. So a pass made with it shows that whoever asks the node may read
// what it has stored: they may play what it is recording, too.

/// Opens one target ("/path?query") of a node until then, by the fleet's clock.
[[nodiscard]] std::string node_pass(std::string_view key, std::string_view target, std::int64_t until_ms);
/// Total. False, too: it is valid for longer than kLongestPassMs.
[[nodiscard]] bool is_node_pass(std::string_view key, std::string_view target, std::string_view pass, std::int64_t now_ms);

inline constexpr std::int64_t kPassMs = 120'000, kLongestPassMs = 600'000;  ///< the rest is for clocks that are off

}  // namespace rtpx::fleet
