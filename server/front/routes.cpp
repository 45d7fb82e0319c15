#include "server/front/routes.hpp"

#include <algorithm>
#include <optional>

namespace rtpx::server {
namespace {

/// What the path has where the pattern has `{…}`; nullopt: it does not match.
std::optional<std::vector<std::string>> match(std::string_view pattern,
                                              const std::vector<std::string>& path) {
  std::vector<std::string> captured;
  std::size_t component = 0;
  for (std::size_t from = 1; from < pattern.size(); ++component) {
    const std::size_t end = std::min(pattern.find('/', from), pattern.size());
    const std::string_view part = pattern.substr(from, end - from);
    if (component == path.size()) return std::nullopt;
    if (part.starts_with('{'))
      captured.push_back(path[component]);
    else if (part != path[component])
      return std::nullopt;
    from = end + 1;
  }
  if (component != path.size()) return std::nullopt;
  return captured;
}

}  // namespace

const std::vector<Route>& routes() {
  static const std::vector<Route> all = [] {
    std::vector<Route> out;
    for (const auto& area :
         {whip_routes(), ingest_routes(), pull_routes(), library_routes(), recording_routes(), film_routes(), decryption_routes(),
          play_routes(), cut_routes(), service_routes(), fleet_routes(), fleet_play_routes(), page_routes()})
      out.insert(out.end(), area.begin(), area.end());
    return out;
  }();
  return all;
}

std::vector<const Route*> routes_of(const std::vector<std::string>& path,
                                    std::vector<std::string>& captured) {
  std::vector<const Route*> out;
  std::string_view pattern;
  for (const Route& route : routes()) {
    if (!out.empty() && route.pattern == pattern) {
      out.push_back(&route);
      continue;
    }
    auto parts = match(route.pattern, path);
    if (!parts || (!out.empty() && parts->size() >= captured.size())) continue;
    captured = *std::move(parts);
    pattern = route.pattern;
    out = {&route};
  }
  return out;
}

}  // namespace rtpx::server
