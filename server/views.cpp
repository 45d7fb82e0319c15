#include "views.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

namespace rtpx::server {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeToConnect{3};  // before anything is said of it

std::string iso(UtcTime time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  const std::time_t whole = seconds.time_since_epoch().count();
  std::tm parts{};
  gmtime_r(&whole, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

const char* name_of(MediaKind kind) {
  return kind == MediaKind::audio ? "audio" : "video";
}

json view_of(const ManifestTrack& track, const std::string& id) {
  json out = {{"id", id}, {"kind", name_of(track.kind)}, {"streams", track.streams}};
  if (track.codec) out["codec"] = track.codec->mime_type;
  if (track.packets) out["packets"] = *track.packets;
  if (track.bytes) out["bytes"] = *track.bytes;
  if (track.end_reason) out["end_reason"] = *track.end_reason;
  json rids = json::array();
  for (const auto& [rid, index] : track.rid_map)
    if (rid) rids.push_back(*rid);
  if (!rids.empty()) out["rids"] = rids;
  return out;
}

json view_of(const std::string& recording, const OutputFile& file) {
  const std::string base = "/api/recordings/" + recording + "/files/";
  const auto url = [&](const std::string& name) { return base + http::percent_encoded(name); };
  json out = {{"id", file.id},
              {"name", file.name},
              {"duration_ms", file.duration_ms},
              {"bytes", file.bytes},
              {"url", url(file.name)}};
  if (!file.thumbnail.empty()) out["thumbnail_url"] = url(file.thumbnail);
  if (!file.sprites.empty()) out["sprites_url"] = url(file.sprites);
  if (!file.report.empty()) out["report_url"] = url(file.report);
  return out;
}

json view_of(const DropCounts& dropped) {
  json out = json::object();
  for (std::size_t i = 0; i < kDropReasons; ++i)
    if (const auto reason = static_cast<Drop>(i); dropped[reason] > 0)
      out[to_string(reason)] = dropped[reason];
  return out;
}

json view_of(const StreamStats& stream) {
  json out = {{"ssrc", stream.ssrc},           {"rid", stream.rid},
              {"packets", stream.packets},     {"lost", stream.lost},
              {"recovered", stream.recovered}, {"unrepaired", stream.unrepaired},
              {"nacks", stream.nacks_sent},    {"plis", stream.plis_sent},
              {"jitter_ms", stream.jitter_ms}, {"bits_per_second", stream.bits_per_second},
              {"keyframes", stream.keyframes}, {"unanswered_nacks", stream.nacks_unanswered}};
  if (stream.keyframe_distance_ms) out["keyframe_distance_ms"] = *stream.keyframe_distance_ms;
  if (stream.rid_by_order) out["rid_by_order"] = true;
  return out;
}

}  // namespace

json view_of(const App& app, const RecordingEntry& entry) {
  const RecordingState state = app.state_of(entry);
  json out = {{"id", entry.id},
              {"name", entry.info.name},
              {"created", iso(entry.info.created)},
              {"state", to_string(state)},
              {"bytes", entry.bytes},
              {"duration_ms", entry.duration_ms},
              {"tracks", json::array()},
              {"files", json::array()}};
  if (!entry.info.continues.empty()) out["continues"] = entry.info.continues;
  if (entry.info.ended_at) out["ended"] = iso(*entry.info.ended_at);
  for (const auto& [id, track] : entry.manifest) out["tracks"].push_back(view_of(track, id));
  for (const OutputFile& file : entry.outputs) out["files"].push_back(view_of(entry.id, file));
  if (!entry.upload.state.empty()) {
    out["upload"] = {{"state", entry.upload.state}};
    if (!entry.upload.error.empty()) out["upload"]["error"] = entry.upload.error;
  }
  if (state == RecordingState::failed) out["error"] = entry.conversion.error;
  out["has_losses"] = entry.conversion.exit_code == 1;
  if (!entry.outputs.empty()) out["report_url"] = "/api/recordings/" + entry.id + "/report";
  if (const auto running = app.conversions().running(entry.id)) {
    out["progress"] = running->fraction;
    if (running->seconds_left) out["seconds_left"] = *running->seconds_left;
  }
  return out;
}

json view_of(const App& app, const LiveSession& session) {
  json out = {
      {"session", session.session_id},       {"recording", session.recording_id}, {"name", session.name},
      {"packets", session.recorder.packets}, {"bytes", session.recorder.bytes},   {"tracks", json::array()}};
  if (!session.stats) return out;
  const SessionStats& stats = *session.stats;
  out["connected"] = stats.connected;
  if (const std::string why = why_not_connected(stats, app.live().udp_port());
      !why.empty() && stats.age >= kTimeToConnect)
    out["hint"] = why;
  out["age_ms"] = stats.age.count();
  out["bits_per_second"] = stats.bits_per_second;
  out["dropped"] = view_of(stats.dropped);
  if (stats.rtt_ms) out["rtt_ms"] = *stats.rtt_ms;
  for (const TrackStats& track : stats.tracks) {
    json view = {{"id", track.id},
                 {"mid", track.mid},
                 {"kind", name_of(track.kind)},
                 {"codec", track.codec},
                 {"streams", json::array()}};
    if (track.audio_level_dbov) view["audio_level_dbov"] = *track.audio_level_dbov;
    for (const StreamStats& stream : track.streams) view["streams"].push_back(view_of(stream));
    out["tracks"].push_back(std::move(view));
  }
  return out;
}

json view_of(const App& app, const PlainIngest& ingest) {
  json out = {{"id", ingest.id},
              {"packets", ingest.stats.packets},
              {"bytes", ingest.stats.bytes},
              {"rtcp_packets", ingest.stats.rtcp_packets},
              {"unknown_packets", ingest.stats.dropped[Drop::unknown_stream]},
              {"undecryptable_packets", ingest.stats.dropped[Drop::undecryptable]},
              {"dropped_by_kernel", ingest.stats.dropped[Drop::kernel]},
              {"dropped", view_of(ingest.stats.dropped)},
              {"tracks", json::array()}};
  if (const auto recording = app.live().recording_of(ingest.id)) out["recording"] = *recording;
  for (std::size_t i = 0; i < ingest.tracks.size(); ++i)
    out["tracks"].push_back({{"id", ingest.tracks[i].id},
                             {"kind", name_of(ingest.tracks[i].kind)},
                             {"codec", ingest.tracks[i].codecs.front().mime_type},
                             {"address", ingest.ports[i].address},
                             {"rtp_port", ingest.ports[i].rtp},
                             {"rtcp_port", ingest.ports[i].rtcp}});
  return out;
}

json view_of_disk(const App& app) {
  std::error_code error;
  const auto space = std::filesystem::space(app.options().base_dir, error);
  if (error) return json::object();
  return {{"free_bytes", space.available}, {"total_bytes", space.capacity}};
}

}  // namespace rtpx::server
