#include "server/api/fleet_views.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/http/target.hpp"

namespace rtpx::server {
namespace {

using fleet::JobState;
using nlohmann::json;

std::int64_t milliseconds_now() {
  return std::chrono::duration_cast<fleet::Milliseconds>(std::chrono::system_clock::now().time_since_epoch())
      .count();
}

json view_of(const fleet::Member& member) {
  json out = {{"name", member.name},
              {"heartbeat_seconds", std::max<std::int64_t>(milliseconds_now() - member.time_ms, 0) / 1000},
              {"free_bytes", member.free_bytes},
              {"draining", member.draining}};
  if (member.is_worker) {
    out["running"] = member.running;
    out["slots"] = member.slots;
    return out;
  }
  if (!member.address.empty()) out["address"] = member.address;
  out["sessions"] = member.sessions;
  out["most_sessions"] = member.most_sessions;
  out["unproven"] = member.unproven;
  return out;
}

json view_of(const fleet::JobRecord& record) {
  json out = {{"kind", to_string(record.job.kind)},
              {"state", to_string(record.state)},
              {"generation", record.job.generation},
              {"attempts", record.attempts}};
  if (record.job.slices > 1) out["slices"] = record.job.slices;
  if (!record.worker.empty()) out["worker"] = record.worker;
  if (!record.error.empty()) out["error"] = record.error;
  if (record.state == JobState::running) out["progress"] = record.fraction;
  if (record.state == JobState::done) {
    out["result"] = record.result.name;
    out["has_losses"] = record.result.exit_code == 1;
    out["bytes"] = record.result.bytes;
  }
  return out;
}

}  // namespace

json view_of(const FleetNode& fleet) {
  const FleetNode::Counts counts = fleet.counts();
  json out = {{"connected", counts.connected},
              {"jobs", counts.by_state},
              {"oldest_waiting_seconds", counts.oldest_waiting_seconds},
              {"nodes", json::array()},
              {"workers", json::array()}};
  for (const fleet::Member& member : fleet.members())
    out[member.is_worker ? "workers" : "nodes"].push_back(view_of(member));
  return out;
}

json view_of(const FleetNode::Recording& recording) {
  json out = {{"node", recording.node}, {"id", recording.id}, {"jobs", json::array()}};
  out["play"] = "/api/fleet/recordings/" + recording.node + "/" + http::percent_encoded(recording.id) + "/play/";
  for (const fleet::JobRecord& record : recording.jobs) out["jobs"].push_back(view_of(record));
  return out;
}

void add_files(json& job, const fleet::StoredResult& result) {
  const fleet::Job& its = result.record.job;
  const std::string base = "/api/fleet/recordings/" + its.node + "/" + http::percent_encoded(its.recording) +
                           "/" + to_string(its.kind) + "/";
  job["files"] = json::array();
  for (const fleet::ResultFile& file : result.files)
    job["files"].push_back(
        {{"name", file.name}, {"bytes", file.bytes}, {"url", base + http::percent_encoded(file.name)}});
  if (!result.output.empty()) job["output"] = json::parse(result.output, nullptr, false);
}

}  // namespace rtpx::server
