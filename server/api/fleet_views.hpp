#pragma once

#include <nlohmann/json_fwd.hpp>

#include "server/fleet/fleet_node.hpp"

namespace rtpx::server {

// The fleet as the API shows it; web/openapi.json describes each.
[[nodiscard]] nlohmann::json view_of(const FleetNode& fleet);
[[nodiscard]] nlohmann::json view_of(const FleetNode::Recording& recording);
[[nodiscard]] nlohmann::json view_of(const FleetNode::UnderWay& recording);
[[nodiscard]] nlohmann::json view_of_part(const fleet::RecordingName& recording);
/// To the view of a job that is done: its files with their URLs here.
void add_files(nlohmann::json& job, const fleet::StoredResult& result);

}  // namespace rtpx::server
