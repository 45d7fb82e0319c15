// /api/recordings/{id}/compose and /film: one film of everybody, afterwards or while it goes on.
#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <optional>

#include "fleet/job.hpp"
#include "server/api/views.hpp"
#include "server/front/call.hpp"
#include "server/http/file_response.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::size_t kMaxCompose = 4U << 10;

/// "1280x720"; nullopt: no size of a film.
std::optional<std::pair<int, int>> film_size(const std::string& text) {
  int width = 0, height = 0;
  char rest = 0;
  if (text.size() > 9 || std::sscanf(text.c_str(), "%4dx%4d%c", &width, &height, &rest) != 2)
    return std::nullopt;
  const bool possible = width > 0 && height > 0 &&
                        fleet::is_film_size(static_cast<std::uint64_t>(width), static_cast<std::uint64_t>(height));
  return possible ? std::optional(std::pair(width, height)) : std::nullopt;
}

struct FilmOrder {
  Films::Wish wish;
  bool follow = false;
};

/// nullopt: the body asks for no film that there can be.
std::optional<FilmOrder> order_of(const Request& request) {
  const json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const auto text = [&](const char* key, const char* fallback) {
    const json value = body.is_object() ? body.value(key, json(fallback)) : json();
    return value.is_string() ? std::optional(value.get<std::string>()) : std::nullopt;
  };
  const auto layout = text("layout", "grid"), size = text("size", "1280x720"), title = text("title", "");
  const json follow = body.is_object() ? body.value("follow", json(false)) : json();
  const auto sides = size ? film_size(*size) : std::nullopt;
  if (!layout || !fleet::is_film_layout(*layout) || !sides || !title ||
      title->size() > 200 || !follow.is_boolean())
    return std::nullopt;
  return FilmOrder{{*layout, sides->first, sides->second, *title}, follow.get<bool>()};
}

/// One film of everybody.
Response compose(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  const auto order = order_of(request);
  if (!order)
    return http::problem(
        400,
        "Send {\"layout\": \"grid\", \"size\": \"1280x720\", \"title\": \"\", \"follow\": false}: a layout is grid, "
        "speaker, single-speaker, side-by-side or pip, a size has even sides of 160x90 to 3840x2160, a title at most "
        "200 bytes.");
  const bool is_recorded = app.live().is_recording(id);
  if (is_recorded && !order->follow) return http::problem(409, "It is being recorded. Stop it first, or follow it.");
  if (!is_recorded && order->follow) return http::problem(409, "It is not being recorded: there is nothing to follow.");
  if (order->follow) {
    if (auto begun = app.live_films().begin(id, order->wish); !begun) return problem(app, begun.error());
    app.live().want_keyframes(id);  // its pictures begin with them
  } else if (auto added = app.films().add(id, order->wish); !added) {
    return http::problem(added.error().code == Errc::already_exists ? 409 : 503, added.error().message);
  }
  app.events().changed(id);
  const auto entry = app.library().entry(id);
  return entry ? http::json(view_of(app, *entry), 202) : problem(app, entry.error());
}

/// Of the film that is being made, and of the one that follows the recording.
Response cancel_film(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  const auto ended = app.live_films().end(id);
  const auto cancelled = app.films().cancel(id);
  if (!ended && !cancelled) return problem(app, cancelled.error());
  app.events().changed(id);
  return http::empty(204);
}

/// What a signed link opens names nothing that it does not open.
std::string with_link(const std::string& playlist, const std::string& link) {
  const std::string query = "?link=" + http::percent_encoded(link);
  constexpr std::string_view kUri = "URI=\"";
  std::string out;
  for (std::size_t at = 0; at < playlist.size();) {
    const std::size_t end = std::min(playlist.find('\n', at), playlist.size());
    std::string line = playlist.substr(at, end - at);
    if (const auto uri = line.find(kUri); line.starts_with('#')) {
      if (uri != line.npos) line.insert(std::min(line.find('"', uri + kUri.size()), line.size()), query);
    } else if (!line.empty()) {
      line += query;
    }
    out += line + "\n";
    at = end + 1;
  }
  return out;
}

/// A playlist or a segment of the film that follows the recording.
Response live_film_file(App& app, const Request& request) {
  const std::string &id = request.captured[0], &name = request.captured[1];
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  std::optional<Response> found;
  if (name.ends_with(".m3u8")) {
    if (auto text = app.live_films().playlist(id, name)) {
      if (const auto link = request.target.parameter("link")) *text = with_link(*text, *link);
      found = http::bytes_response(request, *text, "application/vnd.apple.mpegurl");
    }
  } else if (auto file = app.live_films().segment(id, name)) {
    found = http::file_response(request, std::move(file), name.starts_with("sound") ? "audio/mp4" : "video/mp4");
  }
  if (!found) return http::problem(404, "The recording has no such film under way, or that has no such playlist or segment.");
  return std::move(found->with("Cache-Control", "private, no-cache"));
}

constexpr Route kFilmRoutes[] = {
    {"POST", "/api/recordings/{id}/compose", Need::admin, Work::library, compose, kMaxCompose},
    {"DELETE", "/api/recordings/{id}/compose", Need::admin, Work::library, cancel_film},
    {"GET", "/api/recordings/{id}/film/{file}", Need::view_link, Work::library, live_film_file},
};

}  // namespace

std::span<const Route> film_routes() {
  return kFilmRoutes;
}

}  // namespace rtpx::server
