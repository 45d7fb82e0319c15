// /api/recordings/{id}: show, delete, download, convert, upload, report, share.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "base/utc_time.hpp"
#include "server/api/views.hpp"
#include "server/front/call.hpp"
#include "server/front/content_types.hpp"
#include "server/http/file_response.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;
using nlohmann::json;

Response show(App& app, const Request& request) {
  const auto entry = app.library().entry(request.captured[0]);
  return entry ? http::json(view_of(app, *entry)) : problem(app, entry.error());
}

Response remove(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  if (app.conversions().running(id)) return http::problem(409, "It is being converted. Cancel that first.");
  if (app.uploads().running(id)) return http::problem(409, "It is being uploaded.");
  if (app.films().running(id)) return http::problem(409, "Its film is being made. Cancel that first.");
  (void)app.conversions().cancel(id);
  (void)app.films().cancel(id);
  app.live_films().forget(id);
  const auto removed = app.library().remove(id);
  app.events().changed(id);
  return removed ? http::empty(204) : problem(app, removed.error());
}

/// A profile with a name of its own, which tells its files from others'.
bool is_named(const OutputFile& file) {
  return !file.profile.empty() && std::ranges::find(kFormats, file.profile) == std::end(kFormats);
}

/// What a person finds again: the recording's name and its time, "Standup 2026-11-28 14-46Z.webm".
std::string saved_name(const App& app, const std::string& id, const std::string& file) {
  constexpr std::size_t kLongestName = 120;
  const auto entry = app.library().entry(id);
  if (!entry) return file;
  const auto output = std::ranges::find(entry->outputs, file, &OutputFile::name);
  const bool film = file == Films::kFileName;
  if (output == entry->outputs.end() && !film) return file;
  std::string name = entry->info.name.empty() ? "recording" : entry->info.name;
  for (char& c : name)
    if (static_cast<unsigned char>(c) < 0x20 || std::string_view("/\\:*?\"<>|\x7F").find(c) != std::string_view::npos) c = '_';
  if (name.front() == '.') name.front() = '_';
  if (std::size_t most = kLongestName; name.size() > most) {
    while ((static_cast<unsigned char>(name[most]) & 0xC0) == 0x80) --most;
    name.resize(most);
  }
  std::string time = format_utc(entry->recorded_at).substr(0, 16);  // 2026-11-28T14:46
  time[10] = ' ';
  time[13] = '-';
  name += " " + time + "Z";
  const auto alike = [&](const OutputFile& one) { return one.format == output->format && one.profile == output->profile; };
  if (film)
    name += " film";
  else if (std::ranges::count_if(entry->outputs, alike) > 1)
    name += " " + output->id;
  if (!film && is_named(*output)) name += " " + output->profile;
  return name + fs::path(file).extension().string();
}

Response download(App& app, const Request& request) {
  const std::string& name = request.captured[1];
  const auto path = app.library().file(request.captured[0], name);
  if (!path) return problem(app, path.error());
  Response response = http::file_response(request, *path, content_type(name));
  response.with("Content-Security-Policy", "sandbox");
  if (request.target.parameter("download"))
    response.with("Content-Disposition",
                  "attachment; filename*=UTF-8''" + http::percent_encoded(saved_name(app, request.captured[0], name)));
  return response;
}

/// The readable page of `rtpx report`.
Response report(App& app, const Request& request) {
  auto html = app.reports().page(request.captured[0]);
  if (!html) return problem(app, html.error());
  return http::text(*std::move(html), "text/html; charset=utf-8")
      .with("Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "img-src data:; sandbox allow-scripts");
}

/// What a body asks for: {"outputs": […]}, profiles or names of the server's, or {"formats": […]}; {"retry": true}: what was
/// not made. None: the server's. Errors: invalid_argument, not_found (nothing to retry).
Result<std::vector<OutputState>> outputs_of(const App& app, const RecordingEntry& entry, const std::string& text) {
  const json body = text.empty() ? json::object() : json::parse(text, nullptr, false);
  const auto wrong = fail(Errc::invalid_argument,
                          "Send {\"outputs\": [\"auto\", \"small=mp4:video=h264,size=640x360\", …]}, or {\"retry\": true} for "
                          "those that could not be made; without a body it is the server's --output.");
  if (!body.is_object()) return wrong;
  for (const auto& [key, value] : body.items())
    if ((key != "retry" && key != "outputs" && key != "formats") || (value.is_array() && value.empty())) return wrong;
  std::vector<OutputState> out;
  if (const json retry = body.value("retry", json(false)); retry != false) {
    if (retry != true || body.size() > 1) return wrong;
    for (const OutputState& one : entry.conversion.outputs) out.push_back(one.state == "done" ? one : OutputState{one.profile});
    const bool all_made = std::ranges::all_of(out, [](const OutputState& one) { return one.state == "done"; });
    if (all_made && entry.conversion.state == "done") return fail(Errc::not_found, "All of it was made.");
    return out;
  }
  std::vector<std::string> profiles;
  for (const char* key : {"outputs", "formats"}) {
    const json asked = body.value(key, json::array());
    if (!asked.is_array()) return wrong;
    for (const json& one : asked) {
      if (!one.is_string()) return wrong;
      const auto own = std::ranges::find(app.options().outputs, one.get<std::string>(), &OutputProfile::name);
      profiles.push_back(own != app.options().outputs.end() ? own->text : one.get<std::string>());
    }
  }
  if (auto parsed = parse_output_profiles(profiles); !parsed) return std::unexpected(parsed.error());
  for (std::string& one : profiles) out.push_back({std::move(one)});
  return out;
}

Response convert(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  const auto stored = app.library().entry(id);
  if (!stored) return problem(app, stored.error());
  const auto outputs = outputs_of(app, *stored, request.body);
  if (!outputs) return http::problem(outputs.error().code == Errc::not_found ? 409 : 400, outputs.error().message);
  if (app.fleet() != nullptr && stored->upload.state == "done")
    app.fleet()->order(app.fleet()->conversion_of(id), true);
  else
    app.conversions().add(id, false, *outputs);
  app.events().changed(id);
  Response response = show(app, request);
  if (response.status == 200) response.status = 202;
  return response;
}

/// Stores it, again where that has failed.
Response upload(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  const auto entry = app.library().entry(id);
  if (!entry) return problem(app, entry.error());
  if (app.options().upload_url.empty())
    return http::problem(409, "This server stores recordings nowhere else; start it with --upload.");
  const RecordingState state = app.state_of(*entry);
  if (state != RecordingState::ready && state != RecordingState::uploaded && state != RecordingState::failed)
    return http::problem(409, "It is not finished yet.");
  app.uploads().add(id);
  app.events().changed(id);
  Response response = show(app, request);
  if (response.status == 200) response.status = 202;
  return response;
}

Response cancel(App& app, const Request& request) {
  if (auto cancelled = app.conversions().cancel(request.captured[0]); !cancelled)
    return problem(app, cancelled.error());
  app.events().changed(request.captured[0]);
  return http::empty(204);
}

/// Links that open this recording, and nothing else, to whoever has them, until their end.
Response share(App& app, const Request& request) {
  constexpr std::int64_t kDay = 86'400, kLongest = 366 * kDay;
  const std::string& id = request.captured[0];
  const auto entry = app.library().entry(id);
  if (!entry) return problem(app, entry.error());
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const json seconds = body.is_object() ? body.value("seconds", json(kDay)) : json();
  if (!seconds.is_number_integer() || seconds < 1 || seconds > kLongest)
    return http::problem(400, "Send {\"seconds\": N}, between 1 and a year's; without a body it is a day.");
  const auto end = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) +
                   std::chrono::seconds(seconds.get<std::int64_t>());
  const std::string link = app.access().credentials().sign_link(id, end);
  json view = view_of(app, *entry);
  json files = json::array();
  for (const json& file : view["files"])
    files.push_back({{"id", file["id"]}, {"url", file["url"].get<std::string>() + "?link=" + link}});
  return http::json({{"link", link},
                     {"ends", format_utc(end)},
                     {"url", "/watch.html?recording=" + http::percent_encoded(id) + "&link=" + link},
                     {"files", files}},
                    201);
}

/// Something was done to a recording under way. Who may record need not see it.
Response changed(App& app, const Request& request, const Result<void>& done) {
  if (!done) return problem(app, done.error());
  app.events().changed(request.captured[0]);
  return http::empty(204);
}

Response end(App& app, const Request& request) {
  return changed(app, request, app.live().end_recording(request.captured[0]));
}

/// With {"tracks": [ids]} of these alone.
Response set_paused(App& app, const Request& request, bool paused) {
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const json named = body.is_object() ? body.value("tracks", json()) : json(false);
  const auto is_text = [](const json& one) { return one.is_string(); };
  if (!named.is_null() && !(named.is_array() && !named.empty() && std::ranges::all_of(named, is_text)))
    return http::problem(400, "Send {\"tracks\": [ids], …}; without a body it is the whole recording.");
  std::vector<std::string> tracks;
  for (const json& one : named) tracks.push_back(one.get<std::string>());
  return changed(app, request,
                 app.live().pause(request.captured[0], named.is_null() ? nullptr : &tracks, paused));
}

Response pause(App& app, const Request& request) {
  return set_paused(app, request, true);
}

Response resume(App& app, const Request& request) {
  return set_paused(app, request, false);
}

Response mark(App& app, const Request& request) {
  const json body = json::parse(request.body, nullptr, false);
  const json text = body.is_object() ? body.value("text", json()) : json();
  if (!text.is_string()) return http::problem(400, "Send {\"text\": \"…\"}.");
  return changed(app, request, app.live().mark(request.captured[0], text.get<std::string>()));
}

constexpr std::size_t kMaxShare = 4U << 10, kMaxConvert = 4U << 10, kMaxPaused = 64U << 10, kMaxMark = 16U << 10;

constexpr Route kRecordingRoutes[] = {
    {"GET", "/api/recordings/{id}", Need::view_link, Work::library, show},
    {"DELETE", "/api/recordings/{id}", Need::admin, Work::library, remove},
    {"POST", "/api/recordings/{id}/convert", Need::admin, Work::library, convert, kMaxConvert},
    {"POST", "/api/recordings/{id}/upload", Need::admin, Work::library, upload},
    {"DELETE", "/api/recordings/{id}/convert", Need::admin, Work::library, cancel},
    {"POST", "/api/recordings/{id}/end", Need::admin, Work::sessions, end},
    {"POST", "/api/recordings/{id}/pause", Need::record, Work::sessions, pause, kMaxPaused},
    {"POST", "/api/recordings/{id}/resume", Need::record, Work::sessions, resume, kMaxPaused},
    {"POST", "/api/recordings/{id}/marks", Need::record, Work::sessions, mark, kMaxMark},
    {"POST", "/api/recordings/{id}/links", Need::admin, Work::library, share, kMaxShare},
    {"GET", "/api/recordings/{id}/report", Need::view_link, Work::children, report},
    {"GET", "/api/recordings/{id}/files/{name}", Need::view_link, Work::library, download},
};

}  // namespace

std::span<const Route> recording_routes() {
  return kRecordingRoutes;
}

}  // namespace rtpx::server
