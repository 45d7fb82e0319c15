#include "server/front/front.hpp"

#include <algorithm>

#include "server/front/routes.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using namespace std::chrono_literals;

constexpr auto kDrainPatience = 5s;

const char* scheme_of(const App& app) {
  return app.options().tls_cert.empty() ? "http://" : "https://";
}

/// The routes' methods, for Allow (RFC 9110 10.2.1).
std::string methods_of(const std::vector<const Route*>& routes) {
  std::string out;
  for (const Route* route : routes) {
    out += std::string(route->method) + ", ";
    if (route->method == "GET") out += "HEAD, ";
  }
  return out + "OPTIONS";
}

Response preflight(const Request& request) {
  Response out = http::empty(204);
  const auto& path = request.target.path;
  if (!path.empty() && path[0] == "whip")
    path.size() == 1 ? out.with("Accept-Post", "application/sdp")
                     : out.with("Accept-Patch", "application/trickle-ice-sdpfrag");
  return out;
}

}  // namespace

Front::Front(App& app) : app_(app) {}

Front::~Front() {
  stop();
}

Result<void> Front::start() {
  const ServeOptions& options = app_.options();
  http::ServerOptions http;
  if (!options.tls_cert.empty()) {
    certificate_ = std::make_unique<http::TlsCertificate>(options.tls_cert, options.tls_key);
    if (auto read = certificate_->read(); !read) return read;
    http.certificate = certificate_.get();
  }
  const bool brackets = options.host.starts_with('[') && options.host.ends_with(']');
  http.host = brackets ? options.host.substr(1, options.host.size() - 2) : options.host;
  http.port = options.port;
  http.limits = options.connections;
  http.trusted_proxies = options.trusted_proxies;
  server_ = std::make_unique<http::Server>(
      http,
      http::ServerHandlers{[this](Request& request) { return decide(request); },
                           [this](const Request& request, Response& response) { finish(request, response); },
                           [](const Request& request, const std::string& what) {
                             std::string path;
                             for (const std::string& component : request.target.path) path += "/" + component;
                             log(LogLevel::error, request.method + " " + http::printable(path) + ": " + what);
                           }});
  app_.events().start([this] { server_->publish(); }, [this] { return server_->event_streams(); });
  if (auto started = server_->start(); !started) return started;
  url_ = scheme_of(app_) + (http.host.find(':') != http.host.npos ? "[" + http.host + "]" : http.host) + ":" +
         std::to_string(server_->port()) + "/";
  return {};
}

void Front::reload() {
  if (certificate_) {
    if (auto read = certificate_->read(); !read)
      log(LogLevel::error, read.error().message + " The one in use stays.");
    else
      log(LogLevel::info, "TLS certificate read again");
  }
  if (auto loaded = app_.access().load(); !loaded)
    log(LogLevel::error, loaded.error().message + " The tokens in use stay.");
  else if (app_.access().credentials().required())
    log(LogLevel::info, "tokens read again");
}

void Front::stop() {
  if (!server_) return;
  app_.events().stop();
  app_.playback().stop();
  app_.cuts().stop();
  server_->stop(kDrainPatience);
  for (http::WorkQueue* queue : {&sessions_, &library_, &play_, &waits_, &children_, &cuts_}) queue->stop();
  server_.reset();
}

/// Of a recording that is under way there.
bool Front::is_asked_of_another_node(const Request& request) const {
  const std::string &node = request.captured[0], &id = request.captured[1];
  if (app_.fleet() == nullptr || node == app_.options().node_name || app_.fleet()->recording(node, id)) return false;
  const auto heard = app_.fleet()->heard_of(node);
  return heard && !heard->away;
}

http::WorkQueue* Front::queue_of(Work work, const Request& request) {
  switch (work) {
    case Work::loop:
      return nullptr;
    case Work::sessions:
      return &sessions_;
    case Work::library:
      return &library_;
    case Work::play:
      return &play_;
    case Work::waits:
      return &waits_;
    case Work::children:
      return &children_;
    case Work::fleet:
      return app_.fleet() != nullptr && app_.fleet()->recording(request.captured[0], request.captured[1]) ? &children_ : &waits_;
    case Work::cuts:
      return &cuts_;
    case Work::fleet_cuts:
      return is_asked_of_another_node(request) ? &waits_ : &cuts_;
  }
  return nullptr;
}

std::variant<http::Plan, Response> Front::decide(Request& request) {
  Access& access = app_.access();
  access.see_through_proxy(request);
  if (auto refusal = access.check_names(request)) return *std::move(refusal);
  if (request.method == "OPTIONS") return preflight(request);
  const auto found = routes_of(request.target.path, request.captured);
  if (found.empty()) return http::problem(404, "There is nothing here.");
  const std::string_view method = request.method == "HEAD" ? "GET" : std::string_view(request.method);
  const auto route = std::ranges::find(found, method, &Route::method);
  const Need need = route == found.end() ? found.front()->need : (*route)->need;
  const std::string recording = request.captured.empty() ? "" : request.captured.front();
  if (auto refusal = access.check(request, need, recording)) return *std::move(refusal);
  if (route == found.end())
    return http::problem(405, "This is not done to it.").with("Allow", methods_of(found));
  return http::Plan{[this, answer = (*route)->answer](const Request& asked) { return answer(app_, asked); },
                    queue_of((*route)->work, request), (*route)->max_body, need != Need::nothing};
}

void Front::finish(const Request& request, Response& response) const {
  response.with("X-Content-Type-Options", "nosniff").with("Referrer-Policy", "no-referrer");
  const std::string origin = app_.access().allowed_origin(request);
  if (origin.empty()) return;
  response.with("Access-Control-Allow-Origin", origin)
      .with("Vary", "Origin")
      .with("Access-Control-Expose-Headers", "Location, ETag, Link, Rtpx-Participant, Rtpx-Resume")
      .with("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE, OPTIONS")
      .with("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match")
      .with("Access-Control-Max-Age", "600");
}

}  // namespace rtpx::server
