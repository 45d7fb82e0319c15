#pragma once

#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "server/http/message.hpp"

namespace rtpx::server {

class App;

/// What a request must show to be let in.
enum class Need : std::uint8_t {
  nothing,    ///< public: health, the page's own files, its configuration, login
  record,     ///< a token that may send media
  view,       ///< a token that may see recordings
  view_link,  ///< the same, or a link signed for the recording that the path names first
  view_node,  ///< a token that may see recordings, or another node of the fleet
  admin,      ///< a token that may delete, convert and share
};

/// Where a route's answer is made.
enum class Work : std::uint8_t {
  loop,      ///< beside all connections: must not wait
  sessions,  ///< opens and ends sessions
  library,   ///< reads the disk
  play,      ///< reads a recording's packets
  waits,     ///< the same, and waits for more of them
  children,  ///< waits for a child process
  fleet,     ///< as `play` and `waits` a recording that is on this node or on another; one that is in the store as `children`
  cuts,      ///< the same, of cuts and single pictures, which may take long
  fleet_cuts,  ///< as `cuts` what is made of a recording here, as `waits` what another node makes
};

/// One thing that the server does. A route that is not in a table does not exist, and the tables say of each
/// who may use it; web/openapi.json describes the same ones.
struct Route {
  std::string_view method;   ///< "GET" answers HEAD too
  std::string_view pattern;  ///< "/api/recordings/{id}": `{…}` takes any one component
  Need need = Need::admin;
  Work work = Work::library;
  http::Response (*answer)(App& app, const http::Request& request) = nullptr;
  std::size_t max_body = 0;  ///< bytes; 0: no body is expected
};

// The tables of each area.
[[nodiscard]] std::span<const Route> whip_routes();
[[nodiscard]] std::span<const Route> ingest_routes();
[[nodiscard]] std::span<const Route> pull_routes();
[[nodiscard]] std::span<const Route> library_routes();
[[nodiscard]] std::span<const Route> recording_routes();
[[nodiscard]] std::span<const Route> film_routes();
[[nodiscard]] std::span<const Route> decryption_routes();
[[nodiscard]] std::span<const Route> play_routes();
[[nodiscard]] std::span<const Route> cut_routes();
[[nodiscard]] std::span<const Route> fleet_routes();
[[nodiscard]] std::span<const Route> fleet_play_routes();
[[nodiscard]] std::span<const Route> service_routes();  ///< health, metrics, configuration, login, events
[[nodiscard]] std::span<const Route> page_routes();

/// All of them.
[[nodiscard]] const std::vector<Route>& routes();

/// The routes of one path, whatever their methods; `captured` takes what stands for `{…}`. A pattern without
/// `{…}` goes before one with.
[[nodiscard]] std::vector<const Route*> routes_of(const std::vector<std::string>& path,
                                                  std::vector<std::string>& captured);

}  // namespace rtpx::server
