#include "server/api/views.hpp"

#include <algorithm>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/utc_time.hpp"
#include "server/front/shown_text.hpp"

namespace rtpx::server {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeToConnect{3};  // before anything is said of it

const char* name_of(MediaKind kind) {
  return kind == MediaKind::audio ? "audio" : "video";
}

json view_of(const ManifestTrack& track, const std::string& id) {
  json out = {{"id", id}, {"kind", name_of(track.kind)}, {"streams", track.streams}};
  if (track.codec) out["codec"] = track.codec->mime_type;
  if (track.packets) out["packets"] = *track.packets;
  if (track.bytes) out["bytes"] = *track.bytes;
  if (track.participant) out["participant"] = *track.participant;
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
              {"format", file.format},
              {"profile", file.profile},
              {"duration_ms", file.duration_ms},
              {"bytes", file.bytes},
              {"url", url(file.name)}};
  if (!file.thumbnail.empty()) out["thumbnail_url"] = url(file.thumbnail);
  if (!file.sprites.empty()) out["sprites_url"] = url(file.sprites);
  if (!file.report.empty()) out["report_url"] = url(file.report);
  for (const ConvertedChapter& chapter : file.chapters)
    out["chapters"].push_back({{"time_ms", chapter.time_ms}, {"text", chapter.text}});
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

/// What only the call's keys open, and how to come to it.
json view_of_encryption(const App& app, const RecordingEntry& entry) {
  json out = {{"what", entry.conversion.encrypted}, {"decrypts", !app.options().never_decrypt}};
  if (!app.options().never_decrypt) return out;
  out["command"] = "rtpx convert " + entry.id + (entry.sealed ? " --identity my.identity" : " --e2ee-keys keys.json");
  out["sealed_files"] = json::array();
  const auto folder = app.library().folder(entry.id);
  const auto files = folder ? real_file_system().list(*folder) : std::unexpected(folder.error());
  if (!files) return out;
  for (const DirectoryEntry& file : *files)
    if (!file.name.starts_with('.') && app.library().file(entry.id, file.name))
      out["sealed_files"].push_back(
          {{"name", file.name},
           {"url", "/api/recordings/" + entry.id + "/files/" + http::percent_encoded(file.name)}});
  return out;
}

/// Participants, labels, marks and pauses, where there are any.
void add_people(const App& app, const RecordingEntry& entry, json& out) {
  const RecordingFacts& facts = entry.info.facts;
  const auto course = app.live().course(entry.id);
  if (course && course->paused) out["paused"] = true;
  if (course && !course->paused && !course->paused_tracks.empty()) out["paused_tracks"] = course->paused_tracks;
  for (const ParticipantInfo& one : facts.participants) {
    out["participants"].push_back({{"id", one.id}, {"name", one.name}, {"joined", format_utc(one.joined)}});
    if (course) out["participants"].back()["present"] = std::ranges::count(course->present, one.id) > 0;
  }
  // On the wall clock, which a recording under way has already; files have them as chapters.
  const ManifestTrack* const track = entry.manifest.empty() ? nullptr : &entry.manifest.begin()->second;
  for (const Mark& mark : facts.marks) {
    json view = {{"text", mark.text}};
    if (track != nullptr && track->clock)
      view["time"] = format_utc(track->clock->utc + std::chrono::milliseconds(mark.at_ms - track->clock->receive_time_ms));
    out["marks"].push_back(std::move(view));
  }
}

}  // namespace

namespace {

/// Of the film of a recording; null: there is none, and nobody has asked for one.
json film_of(const App& app, const std::string& id) {
  json out;
  const std::string files = "/api/recordings/" + id + "/files/";
  if (const auto file = app.library().file(id, Films::kFileName)) {
    out = {{"state", "done"}, {"url", files + Films::kFileName}};
    if (app.library().file(id, Films::kThumbnailName)) out["thumbnail_url"] = files + Films::kThumbnailName;
    if (app.library().file(id, Films::kSpritesName)) out["sprites_url"] = files + Films::kSpritesName;
  }
  const auto state = app.films().state(id);
  if (!state || state->state == "done") return out;
  out["state"] = state->state;
  if (state->state == "running") out["progress"] = state->fraction;
  if (state->seconds_left) out["seconds_left"] = *state->seconds_left;
  if (!state->error.empty()) out["error"] = shown(state->error, app.options().base_dir);
  return out;
}

/// Of the film that follows it; null: there is none.
json live_film_of(const App& app, const std::string& id) {
  const auto state = app.live_films().state(id);
  if (!state) return nullptr;
  json out = {{"state", state->state}};
  if (state->written_ms > 0) {
    out["url"] = "/api/recordings/" + id + "/film/" + LiveFilms::kPlaylist;
    out["written_ms"] = state->written_ms;
  }
  if (state->state == "running") {
    out["waiting_ms"] = state->waiting_ms;
    out["fps"] = state->fps;
  }
  if (!state->error.empty()) out["error"] = shown(state->error, app.options().base_dir);
  return out;
}

}  // namespace

json view_of(const App& app, const RecordingEntry& entry) {
  const RecordingState state = app.state_of(entry);
  json out = {{"id", entry.id},
              {"name", entry.info.name},
              {"created", format_utc(entry.recorded_at)},
              {"labels", entry.info.facts.labels},
              {"metadata", entry.info.facts.metadata},
              {"state", to_string(state)},
              {"bytes", entry.bytes},
              {"duration_ms", entry.duration_ms},
              {"tracks", json::array()},
              {"files", json::array()}};
  if (!entry.info.key.empty()) out["key"] = entry.info.key;
  if (!entry.info.continues.empty()) out["continues"] = entry.info.continues;
  if (entry.info.ended_at) out["ended"] = format_utc(*entry.info.ended_at);
  add_people(app, entry, out);
  for (const auto& [id, track] : entry.manifest) out["tracks"].push_back(view_of(track, id));
  for (const OutputFile& file : entry.outputs) out["files"].push_back(view_of(entry.id, file));
  if (app.fleet() != nullptr) {
    out["node"] = app.options().node_name;
    if (const auto job = app.fleet()->job(app.options().node_name, entry.id, fleet::JobKind::convert);
        job && job->state == fleet::JobState::running) {
      out["state"] = to_string(RecordingState::converting);
      out["progress"] = job->fraction;
      out["worker"] = job->worker;
    }
  }
  if (!entry.upload.state.empty()) {
    out["upload"] = {{"state", entry.upload.state}};
    if (!entry.upload.error.empty()) out["upload"]["error"] = shown(entry.upload.error, app.options().base_dir);
  }
  for (const OutputState& one : entry.conversion.outputs) {
    const auto profile = parse_output_profile(one.profile);
    if (!profile) continue;
    json& output = out["outputs"].emplace_back(json{{"profile", profile->name}, {"state", one.state}});
    if (!one.error.empty()) output["error"] = shown(one.error, app.options().base_dir);
  }
  if (!entry.conversion.error.empty()) out["error"] = shown(entry.conversion.error, app.options().base_dir);
  if (entry.sealed) out["sealed"] = true;
  if (!entry.conversion.encrypted.empty()) out["encrypted"] = view_of_encryption(app, entry);
  out["has_losses"] = entry.conversion.exit_code == 1;
  if (!entry.outputs.empty() || entry.conversion.state == "failed") out["report_url"] = "/api/recordings/" + entry.id + "/report";
  if (const json film = film_of(app, entry.id); !film.is_null()) out["film"] = film;
  if (const json film = live_film_of(app, entry.id); !film.is_null()) out["live_film"] = film;
  if (const auto running = app.conversions().running(entry.id)) {
    out["progress"] = running->fraction;
    if (running->seconds_left) out["seconds_left"] = *running->seconds_left;
  }
  return out;
}

json view_of(const LiveSession& session) {
  json out = {
      {"session", session.session_id},       {"recording", session.recording_id}, {"name", session.name},
      {"packets", session.recorder.packets}, {"bytes", session.recorder.bytes},   {"tracks", json::array()}};
  if (session.participant)
    out["participant"] = {{"id", session.participant->id}, {"name", session.participant->name}};
  for (const Recorder::TrackStats& track : session.recorder.tracks)
    if (track.paused) out["paused_tracks"].push_back(track.id);
  if (!session.stats) return out;
  const SessionStats& stats = *session.stats;
  out["connected"] = stats.connected;
  if (const std::string why = session.pulled ? "" : why_not_connected(stats);
      !why.empty() && stats.age >= kTimeToConnect)
    out["hint"] = why;
  out["age_ms"] = stats.age.count();
  out["stun_checks"] = stats.stun_checks;
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

json view_of(const App& app, const Pull& pull) {
  json out = {{"id", pull.id},
              {"url", pull.url},
              {"state", pull.ended               ? "ended"
                        : pull.stats.connected   ? "connected"
                        : pull.stats.last_error  ? "waiting"
                                                 : "connecting"},
              {"connections", pull.stats.connections},
              {"packets", pull.stats.packets},
              {"bytes", pull.stats.bytes},
              {"dropped", view_of(pull.stats.dropped)}};
  if (pull.ended) out["ended"] = to_string(*pull.ended);
  if (pull.stats.last_error) out["error"] = pull.stats.last_error->message;
  if (const auto recording = app.live().recording_of(pull.id)) out["recording"] = *recording;
  return out;
}

json view_of_disk(const App& app) {
  std::error_code error;
  const auto space = std::filesystem::space(app.options().base_dir, error);
  if (error) return json::object();
  return {{"free_bytes", space.available}, {"total_bytes", space.capacity}};
}

}  // namespace rtpx::server
