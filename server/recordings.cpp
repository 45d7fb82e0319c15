// /api/recordings: list, show, delete, download, convert, report, share.
#include <map>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "call.hpp"
#include "http/file_response.hpp"
#include "views.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using http::Request;
using http::Response;
using nlohmann::json;

const char* content_type(const std::string& name) {
  static const std::map<std::string, const char*> kTypes = {
      {".webm", "video/webm"},       {".mkv", "video/x-matroska"}, {".mp4", "video/mp4"},
      {".ogg", "audio/ogg"},         {".wav", "audio/wav"},        {".jpg", "image/jpeg"},
      {".json", "application/json"}, {".vtt", "text/vtt"},
  };
  const auto at = kTypes.find(fs::path(name).extension());
  return at == kTypes.end() ? "application/octet-stream" : at->second;
}

/// Recording after recording: the whole list of a large library is never in memory.
Response list(App& app, const Request&) {
  Response out;
  out.with("Content-Type", "application/json").with("Cache-Control", "no-store");
  out.body = http::Generator(
      [&app, ids = app.library().ids(), at = std::size_t(0), separator = ""](std::string& piece) mutable {
        constexpr std::size_t kPiece = 64U << 10;
        const auto dump = [](const json& value) {
          return value.dump(-1, ' ', false, json::error_handler_t::replace);
        };
        if (at == 0) piece = "{\"disk\":" + dump(view_of_disk(app)) + ",\"recordings\":[";
        while (at < ids.size() && piece.size() < kPiece) {
          const auto entry = app.library().entry(ids[at++]);
          if (!entry) continue;
          piece += std::exchange(separator, ",") + dump(view_of(app, *entry));
        }
        if (at < ids.size()) return true;
        piece += "]}";
        return false;
      });
  return out;
}

Response show(App& app, const Request& request) {
  const auto entry = app.library().entry(request.captured[0]);
  return entry ? http::json(view_of(app, *entry)) : problem(entry.error());
}

Response remove(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  if (app.conversions().running(id)) return http::problem(409, "It is being converted. Cancel that first.");
  if (app.uploads().running(id)) return http::problem(409, "It is being uploaded.");
  (void)app.conversions().cancel(id);
  const auto removed = app.library().remove(id);
  app.events().changed(id);
  return removed ? http::empty(204) : problem(removed.error());
}

Response download(App& app, const Request& request) {
  const std::string& name = request.captured[1];
  const auto path = app.library().file(request.captured[0], name);
  if (!path) return problem(path.error());
  Response response = http::file_response(request, *path, content_type(name));
  response.with("Content-Security-Policy", "sandbox");
  if (request.target.parameter("download"))
    response.with("Content-Disposition", "attachment; filename*=UTF-8''" + http::percent_encoded(name));
  return response;
}

/// The readable page of `rtpx report`.
Response report(App& app, const Request& request) {
  auto html = app.reports().page(request.captured[0]);
  if (!html) return problem(html.error());
  return http::text(*std::move(html), "text/html; charset=utf-8")
      .with("Content-Security-Policy",
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
            "img-src data:; sandbox allow-scripts");
}

Response convert(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  app.conversions().add(id);
  app.events().changed(id);
  Response response = show(app, request);
  if (response.status == 200) response.status = 202;
  return response;
}

Response cancel(App& app, const Request& request) {
  if (auto cancelled = app.conversions().cancel(request.captured[0]); !cancelled)
    return problem(cancelled.error());
  app.events().changed(request.captured[0]);
  return http::empty(204);
}

/// Links that open this recording, and nothing else, to whoever has them, until their end.
Response share(App& app, const Request& request) {
  constexpr std::int64_t kDay = 86'400, kLongest = 366 * kDay;
  const std::string& id = request.captured[0];
  const auto entry = app.library().entry(id);
  if (!entry) return problem(entry.error());
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
                     {"end", end.time_since_epoch().count()},
                     {"url", "/watch.html?recording=" + http::percent_encoded(id) + "&link=" + link},
                     {"files", files}},
                    201);
}

constexpr std::size_t kMaxShare = 4U << 10;

constexpr Route kRecordingRoutes[] = {
    {"GET", "/api/recordings", Need::view, Work::library, list},
    {"GET", "/api/recordings/{id}", Need::view_link, Work::library, show},
    {"DELETE", "/api/recordings/{id}", Need::admin, Work::library, remove},
    {"POST", "/api/recordings/{id}/convert", Need::admin, Work::library, convert},
    {"DELETE", "/api/recordings/{id}/convert", Need::admin, Work::library, cancel},
    {"POST", "/api/recordings/{id}/links", Need::admin, Work::library, share, kMaxShare},
    {"GET", "/api/recordings/{id}/report", Need::view_link, Work::children, report},
    {"GET", "/api/recordings/{id}/files/{name}", Need::view_link, Work::library, download},
};

}  // namespace

std::span<const Route> recording_routes() {
  return kRecordingRoutes;
}

}  // namespace rtpx::server
