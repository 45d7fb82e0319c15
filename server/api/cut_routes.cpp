// /api/recordings/{id}/clip.mp4, clip.webm and frame.jpg: parts of a recording as files, and its pictures.
#include <algorithm>
#include <chrono>

#include "base/utc_time.hpp"
#include "server/front/call.hpp"
#include "server/front/content_types.hpp"
#include "server/http/file_response.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kLongestMoment = 40, kLongestId = 1024, kLongestSize = 9;

/// A parameter that is missing is empty; nullopt: it cannot be one.
std::optional<std::string> parameter(const Request& request, std::string_view name, std::size_t most,
                                     std::string_view characters = {}) {
  const std::string value = request.target.parameter(name).value_or("");
  const bool possible = value.size() <= most && value.find('\0') == value.npos &&
                        (characters.empty() || value.find_first_not_of(characters) == value.npos);
  return possible ? std::optional(value) : std::nullopt;
}

std::optional<std::string> moment(const Request& request, std::string_view name) {
  return parameter(request, name, kLongestMoment, "0123456789:.-+TZtz");
}

/// What a time looks like in a file name: "0:12.5" has no place in some.
std::string in_name(std::string time) {
  std::ranges::replace(time, ':', '.');
  return time;
}

/// "Standup 2026-11-22 10.00.05 from 12.30 to 15.00.mp4"
std::string download_name(App& app, const std::string& id, const std::string& times, const char* extension) {
  std::string name = id;
  if (const auto entry = app.library().entry(id)) {
    if (!entry->info.name.empty()) name = entry->info.name;
    const std::string created = format_utc(entry->info.created).substr(0, 19);
    if (entry->info.created > UtcTime{})
      name += " " + in_name(created.substr(0, 10) + " " + created.substr(std::min<std::size_t>(11, created.size())));
  }
  for (char& c : name)
    if (c == '/' || c == '\\' || c == ':' || static_cast<unsigned char>(c) < 0x20) c = '-';
  return name + times + extension;
}

Response sent(App& app, const Request& request, std::shared_ptr<http::Descriptor> file, const std::string& times,
              const char* extension) {
  Response response = http::file_response(request, std::move(file), content_type(std::string("x") + extension));
  response.with("Cache-Control", "private, no-cache").with("Content-Security-Policy", "sandbox");
  if (request.target.parameter("download"))
    response.with("Content-Disposition",
                  "attachment; filename*=UTF-8''" +
                      http::percent_encoded(download_name(app, request.captured[0], times, extension)));
  return response;
}

/// The stream that the page plays first: one with pictures, where there is one.
std::string first_stream(App& app, const std::string& id) {
  const auto presentation = app.playback().open({id, ""});
  return presentation ? (*presentation)->view()->programs.front().id : "";
}

Response clip(App& app, const Request& request, bool webm) {
  const std::string& id = request.captured[0];
  const auto from = moment(request, "from"), to = moment(request, "to");
  const auto stream = parameter(request, "stream", kLongestId), exact = parameter(request, "exact", 3);
  if (!from || !to || !stream || !exact || (!exact->empty() && *exact != "yes" && *exact != "no"))
    return http::problem(400,
                         "Send ?from= and ?to=, each seconds, [[h:]m:]s or a time on the wall clock, and if you like "
                         "?stream=ID and ?exact=no.");
  auto file = app.cuts().clip(id, {.webm = webm,
                                   .from = *from,
                                   .to = *to,
                                   .stream = stream->empty() ? first_stream(app, id) : *stream,
                                   .exact = *exact != "no"});
  if (!file) return problem(app, file.error());
  const std::string times =
      (from->empty() ? "" : " from " + in_name(*from)) + (to->empty() ? "" : " to " + in_name(*to));
  return sent(app, request, std::move(*file), times, webm ? ".webm" : ".mp4");
}

Response clip_mp4(App& app, const Request& request) {
  return clip(app, request, false);
}

Response clip_webm(App& app, const Request& request) {
  return clip(app, request, true);
}

Response frame(App& app, const Request& request) {
  const auto at = moment(request, "at"), size = parameter(request, "size", kLongestSize, "0123456789x");
  const auto track = parameter(request, "track", kLongestId);
  if (!at || at->empty() || !size || !track)
    return http::problem(400,
                         "Send ?at=, seconds, [[h:]m:]s or a time on the wall clock, and if you like ?track=ID and "
                         "?size=WIDTHxHEIGHT.");
  auto file = app.cuts().picture(request.captured[0], {*at, *track, *size});
  if (!file) return problem(app, file.error());
  return sent(app, request, std::move(*file), " at " + in_name(*at), ".jpg");
}

constexpr Route kCutRoutes[] = {
    {"GET", "/api/recordings/{id}/clip.mp4", Need::view_link, Work::cuts, clip_mp4},
    {"GET", "/api/recordings/{id}/clip.webm", Need::view_link, Work::cuts, clip_webm},
    {"GET", "/api/recordings/{id}/frame.jpg", Need::view_link, Work::cuts, frame},
};

}  // namespace

std::span<const Route> cut_routes() {
  return kCutRoutes;
}

}  // namespace rtpx::server
