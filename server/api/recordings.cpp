// /api/recordings/{id}: show, delete, download, convert, upload, compose, report, share.
#include <algorithm>
#include <cstdio>
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
  const auto removed = app.library().remove(id);
  app.events().changed(id);
  return removed ? http::empty(204) : problem(app, removed.error());
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
  const auto same_format = [&](const OutputFile& one) { return one.format == output->format; };
  if (film)
    name += " film";
  else if (std::ranges::count_if(entry->outputs, same_format) > 1)
    name += " " + output->id;
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

Response convert(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const json formats = body.is_object() ? body.value("formats", json::array()) : json();
  const auto good = [](const json& one) { return one.is_string() && is_format(one.get<std::string>()); };
  if (!formats.is_array() || formats.size() > std::size(kFormats) || !std::ranges::all_of(formats, good))
    return http::problem(400, "Send {\"formats\": [\"auto\", \"mp4\", …]}; without a body it is the server's --format.");
  const auto stored = app.library().entry(id);
  if (app.fleet() != nullptr && stored && stored->upload.state == "done")
    app.fleet()->order(app.fleet()->conversion_of(id), true);
  else
    app.conversions().add(id, false, formats.get<std::vector<std::string>>());
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

constexpr const char* kFilmLayouts[] = {"grid", "speaker", "single-speaker", "side-by-side", "pip"};
constexpr std::size_t kMaxCompose = 4U << 10;

/// "1280x720"; nullopt: no size of a film.
std::optional<std::pair<int, int>> film_size(const std::string& text) {
  int width = 0, height = 0;
  char rest = 0;
  if (text.size() > 9 || std::sscanf(text.c_str(), "%4dx%4d%c", &width, &height, &rest) != 2)
    return std::nullopt;
  const bool possible =
      width >= 160 && width <= 3'840 && height >= 90 && height <= 2'160 && width % 2 == 0 && height % 2 == 0;
  return possible ? std::optional(std::pair(width, height)) : std::nullopt;
}

/// One film of everybody.
Response compose(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const auto text = [&](const char* key, const char* fallback) {
    const json value = body.is_object() ? body.value(key, json(fallback)) : json();
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  };
  const auto layout = text("layout", "grid"), size = text("size", "1280x720"), title = text("title", "");
  const auto sides = size ? film_size(*size) : std::nullopt;
  if (!layout || std::ranges::find(kFilmLayouts, *layout) == std::end(kFilmLayouts) || !sides || !title ||
      title->size() > 200)
    return http::problem(
        400,
        "Send {\"layout\": \"grid\", \"size\": \"1280x720\", \"title\": \"\"}: a layout is grid, speaker, "
        "single-speaker, side-by-side or pip, a size has even sides of 160x90 to 3840x2160, a title at most "
        "200 bytes.");
  if (auto added = app.films().add(id, {*layout, sides->first, sides->second, *title}); !added)
    return http::problem(added.error().code == Errc::already_exists ? 409 : 503, added.error().message);
  app.events().changed(id);
  Response response = show(app, request);
  if (response.status == 200) response.status = 202;
  return response;
}

Response cancel_film(App& app, const Request& request) {
  if (auto cancelled = app.films().cancel(request.captured[0]); !cancelled) return problem(app, cancelled.error());
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
    {"POST", "/api/recordings/{id}/compose", Need::admin, Work::library, compose, kMaxCompose},
    {"DELETE", "/api/recordings/{id}/compose", Need::admin, Work::library, cancel_film},
    {"POST", "/api/recordings/{id}/links", Need::admin, Work::library, share, kMaxShare},
    {"GET", "/api/recordings/{id}/report", Need::view_link, Work::children, report},
    {"GET", "/api/recordings/{id}/files/{name}", Need::view_link, Work::library, download},
};

}  // namespace

std::span<const Route> recording_routes() {
  return kRecordingRoutes;
}

}  // namespace rtpx::server
