#include "server/front/page.hpp"

#include <algorithm>
#include <string>

#include "server/front/call.hpp"

namespace rtpx::server {
namespace {

const char* type_of(std::string_view path) {
  if (path.ends_with(".html")) return "text/html; charset=utf-8";
  if (path.ends_with(".js")) return "text/javascript; charset=utf-8";
  if (path.ends_with(".css")) return "text/css; charset=utf-8";
  if (path.ends_with(".svg")) return "image/svg+xml";
  if (path.ends_with(".json")) return "application/json";
  return "application/octet-stream";
}

http::Response answer(App&, const http::Request& request) {
  std::string path;
  for (const std::string& component : request.target.path) path += "/" + component;
  if (path.empty() || path.starts_with("/r/")) path = "/index.html";
  const auto file = std::ranges::find(page_files(), path, &PageFile::path);
  http::Response response;
  response.body = file->content;
  return std::move(response)
      .with("Content-Type", type_of(path))
      .with("Cache-Control", "no-cache")
      .with("Content-Security-Policy",
            "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; style-src 'self'; "
            "object-src "
            "'none'; base-uri 'none'; frame-ancestors 'none'");
}

}  // namespace

std::span<const Route> page_routes() {
  static const std::vector<Route> kRoutes = [] {
    std::vector<Route> out = {{"GET", "/", Need::nothing, Work::loop, answer},
                              {"GET", "/r/{id}", Need::nothing, Work::loop, answer}};
    for (const PageFile& file : page_files())
      out.push_back({"GET", file.path, Need::nothing, Work::loop, answer});
    return out;
  }();
  return kRoutes;
}

}  // namespace rtpx::server
