// /api/fleet/recordings/{node}/{id}/play, clip.mp4, clip.webm and frame.jpg: as those of /api/recordings/{id}, of any recording
// of the fleet, whether it lies here, in the store, or on a node that is still recording it.
#include <algorithm>

#include "rtpx/sealed.hpp"
#include "server/api/relay.hpp"
#include "server/front/call.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

/// The answer for a recording that playback and cuts know by this id.
Response answer_as(App& app, const Request& request, const std::string& id) {
  constexpr int kFleet = 1, kNode = 3;  // of "/api/fleet/recordings/{node}/{id}/…"
  Request asked = request;
  auto& path = asked.target.path;
  path.erase(path.begin() + kNode);
  path.erase(path.begin() + kFleet);
  const auto routes = routes_of(path, asked.captured);
  const auto route = std::ranges::find(routes, "GET", &Route::method);
  if (route == routes.end()) return http::problem(404, "There is nothing here.");
  asked.captured.front() = id;
  return (*route)->answer(app, asked);
}

Response answer_here(App& app, const Request& request, const std::string& id, const std::filesystem::path& folder) {
  // What lies in the store is sealed, so a pass that comes from there does not open it.
  if (asking_node(request) && is_sealed(folder))
    return http::problem(403, "The recording is sealed: until it is stored it is played and cut by its own node alone.");
  return answer_as(app, request, id);
}

Response answer_wherever_it_is(App& app, const Request& request, Patience patience) {
  if (app.fleet() == nullptr) return http::problem(404, "This server is in no fleet: it was started without --nats.");
  const std::string &node = request.captured[0], &id = request.captured[1];
  const bool is_own = node == app.options().node_name;
  if (is_own)
    if (const auto folder = app.library().folder(id)) return answer_here(app, request, id, *folder);
  if (is_own || app.fleet()->recording(node, id)) return answer_as(app, request, node + "/" + id);
  if (asking_node(request)) return http::problem(421, "This is node " + app.options().node_name + ".");
  auto answer = relay(app, request, node, patience);
  if (answer) return *std::move(answer);
  if (app.fleet()->is_stored(node, id)) return answer_as(app, request, node + "/" + id);
  if (!app.fleet()->heard_of(node)) return http::problem(404, "The fleet has no recording of that name.");
  return problem(app, answer.error());
}

Response play(App& app, const Request& request) {
  return answer_wherever_it_is(app, request, Patience::of_viewers);
}

Response cut(App& app, const Request& request) {
  return answer_wherever_it_is(app, request, Patience::while_it_is_heard);
}

constexpr Route kFleetPlayRoutes[] = {
    {"GET", "/api/fleet/recordings/{node}/{id}/play/{file}", Need::view_node, Work::fleet, play},
    {"GET", "/api/fleet/recordings/{node}/{id}/play/{rendition}/index.m3u8", Need::view_node, Work::fleet, play},
    {"GET", "/api/fleet/recordings/{node}/{id}/play/{rendition}/{file}", Need::view_node, Work::fleet, play},
    {"GET", "/api/fleet/recordings/{node}/{id}/play/{rendition}/parts/{file}", Need::view_node, Work::fleet, play},
    {"GET", "/api/fleet/recordings/{node}/{id}/clip.mp4", Need::view_node, Work::fleet_cuts, cut},
    {"GET", "/api/fleet/recordings/{node}/{id}/clip.webm", Need::view_node, Work::fleet_cuts, cut},
    {"GET", "/api/fleet/recordings/{node}/{id}/frame.jpg", Need::view_node, Work::fleet_cuts, cut},
};

}  // namespace

std::span<const Route> fleet_play_routes() {
  return kFleetPlayRoutes;
}

}  // namespace rtpx::server
