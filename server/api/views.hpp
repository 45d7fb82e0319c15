#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/app.hpp"

namespace rtpx::server {

/// A recording as the API shows it; `openapi.json` describes the fields.
[[nodiscard]] nlohmann::json view_of(const App& app, const RecordingEntry& entry);
/// A live session: round trip, bit rate, loss, jitter, keyframe distance and sound level, and what keeps it
/// from connecting.
[[nodiscard]] nlohmann::json view_of(const LiveSession& session);
/// An ingest of plain RTP: where it listens for what, and what has come.
[[nodiscard]] nlohmann::json view_of(const App& app, const PlainIngest& ingest);
/// A pull from a WHEP server: how it stands, and what has come.
[[nodiscard]] nlohmann::json view_of(const App& app, const Pull& pull);
/// Free and used bytes.
[[nodiscard]] nlohmann::json view_of_disk(const App& app);

}  // namespace rtpx::server
