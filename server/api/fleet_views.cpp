#include "server/api/fleet_views.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"
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
  for (const fleet::RecordingName& part : record.job.parts) out["parts"].push_back(view_of_part(part));
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

std::string play_address(const std::string& node, const std::string& id) {
  return "/api/fleet/recordings/" + node + "/" + http::percent_encoded(id) + "/play/";
}

}  // namespace

json view_of_part(const fleet::RecordingName& recording) {
  return {{"node", recording.node}, {"id", recording.recording}};
}

json view_of(const FleetNode& fleet) {
  const FleetNode::Counts counts = fleet.counts();
  json out = {{"connected", counts.connected},
              {"jobs", counts.by_state},
              {"oldest_waiting_seconds", counts.oldest_waiting_seconds},
              {"nodes", json::array()},
              {"workers", json::array()}};
  const ClockAnchor now{
      std::chrono::floor<fleet::Milliseconds>(ReceiveClock::now().time_since_epoch()).count(), utc_now()};
  if (const auto offset = fleet.clock_offset(now))
    out["clock"] = {{"offset_us", offset->offset_us}, {"error_us", offset->error_us}};
  for (const fleet::Member& member : fleet.members())
    out[member.is_worker ? "workers" : "nodes"].push_back(view_of(member));
  return out;
}

json view_of(const FleetNode::Recording& recording) {
  json out = {{"node", recording.node}, {"id", recording.id}, {"state", "stored"}, {"jobs", json::array()}};
  out["play"] = play_address(recording.node, recording.id);
  if (const fleet::Job* conversion = recording.conversion(); conversion != nullptr && !conversion->key.empty()) {
    out["key"] = conversion->key;
    out["from"] = format_utc(UtcTime(fleet::Milliseconds(conversion->from_ms)));
    out["until"] = format_utc(UtcTime(fleet::Milliseconds(conversion->until_ms)));
  }
  for (const fleet::JobRecord& record : recording.jobs) out["jobs"].push_back(view_of(record));
  return out;
}

json view_of(const FleetNode::UnderWay& recording) {
  const fleet::UnderWay& about = recording.about;
  json out = {{"node", recording.node},
              {"id", about.recording},
              {"state", about.ended ? "storing" : "recording"},
              {"play", play_address(recording.node, about.recording)},
              {"from", format_utc(UtcTime(fleet::Milliseconds(about.from_ms)))},
              {"jobs", json::array()}};
  if (!about.name.empty()) out["name"] = about.name;
  if (!about.key.empty()) out["key"] = about.key;
  if (recording.away) out["away"] = true;
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
