#include "page.hpp"

#include "http.hpp"

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

}  // namespace

bool answer_page(App&, Call& call) {
  if (call.request.method != "GET" && call.request.method != "HEAD") return false;
  const std::string path = call.request.path == "/" ? "/index.html" : call.request.path;
  for (const PageFile& file : page_files()) {
    if (file.path != path) continue;
    call.response.set_header("Cache-Control", "no-cache");
    call.response.set_header("Content-Security-Policy",
                             "default-src 'self'; img-src 'self' data: blob:; media-src 'self' blob:; "
                             "style-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'");
    call.response.set_content(std::string(file.content), type_of(path));
    return true;
  }
  return false;
}

}  // namespace rtpx::server
