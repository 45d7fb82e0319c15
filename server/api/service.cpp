// Health, metrics, configuration for the page, login, and the stream of events.
#include <nlohmann/json.hpp>

#include "rtpx/version.hpp"
#include "server/api/metrics.hpp"
#include "server/api/views.hpp"
#include "server/front/call.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

Response health(App&, const Request&) {
  return http::text("ok\n", "text/plain");
}

Response ready(App& app, const Request&) {
  const std::string why = app.not_ready();
  return why.empty() ? http::text("ready\n", "text/plain") : http::problem(503, why);
}

Response metrics(App& app, const Request&) {
  return http::text(render_metrics(app), "text/plain; version=0.0.4; charset=utf-8");
}

Response login(App& app, const Request& request) {
  const json body = json::parse(request.body, nullptr, false);
  const auto token = body.is_object() ? body.find("token") : body.end();
  if (!body.is_object() || token == body.end() || !token->is_string())
    return http::problem(400, "Send {\"token\": \"…\"}.");
  return app.access().login(request, token->get<std::string>());
}

Response logout(App&, const Request&) {
  return Access::logout();
}

Response configuration(App& app, const Request& request) {
  const Scopes scopes = app.access().scopes_of(request);
  json allowed = json::array();
  if (scopes.record) allowed.push_back("record");
  if (scopes.view) allowed.push_back("view");
  if (scopes.admin) allowed.push_back("admin");
  return http::json({{"version", version()},
                     {"run", app.run()},
                     {"token_required", app.access().credentials().required()},
                     {"logged_in", !allowed.empty()},
                     {"scopes", allowed},
                     {"fleet", app.fleet() != nullptr},
                     {"keep_days", app.options().keep_days},
                     {"keep_bytes", app.options().keep_bytes}});
}

Response events(App& app, const Request& request) {
  if (!app.events().has_room())
    return http::problem(503, "Too many event streams are open.").with("Retry-After", "5");
  Response out;
  out.with("Content-Type", "text/event-stream")
      .with("Cache-Control", "no-store")
      .with("X-Accel-Buffering", "no");
  out.body = app.events().subscribe(request.header("Last-Event-ID"));
  return out;
}

constexpr std::size_t kMaxLogin = 4U << 10;

Response sessions(App& app, const Request&) {
  json out = json::array();
  for (const LiveSession& session : app.live().sessions()) out.push_back(view_of(session));
  return http::json({{"sessions", out}});
}

constexpr Route kServiceRoutes[] = {
    {"GET", "/healthz", Need::nothing, Work::loop, health},
    {"GET", "/readyz", Need::nothing, Work::loop, ready},
    {"GET", "/metrics", Need::view, Work::library, metrics},
    {"GET", "/api/config", Need::nothing, Work::loop, configuration},
    {"POST", "/api/login", Need::nothing, Work::loop, login, kMaxLogin},
    {"POST", "/api/logout", Need::nothing, Work::loop, logout},
    {"GET", "/api/sessions", Need::view, Work::sessions, sessions},
    {"GET", "/api/events", Need::view, Work::loop, events},
};

}  // namespace

std::span<const Route> service_routes() {
  return kServiceRoutes;
}

}  // namespace rtpx::server
