#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>

namespace rtpx::server {

class App;

/// What webhooks and hooks are told of a converted recording: its files with sizes, durations, losses and
/// places, and a signed link (docs/operations.md). Reads the disk. Null: it is gone.
[[nodiscard]] nlohmann::json announcement_of(App& app, const std::string& id);

}  // namespace rtpx::server
