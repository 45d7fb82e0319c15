// Health, metrics, configuration for the page, and login by token.
#include <nlohmann/json.hpp>

#include "http.hpp"
#include "metrics.hpp"
#include "rtpx/version.hpp"

namespace rtpx::server {
namespace {

using nlohmann::json;

void login(App& app, Call& call) {
  const json body = json::parse(call.request.body, nullptr, false);
  const auto token = body.is_object() ? body.find("token") : body.end();
  if (!body.is_object() || token == body.end() || !token->is_string() || app.options().token.empty() ||
      !app.access().token_matches(token->get<std::string>()))
    return answer_problem(call.response, 401, "The token is not the right one.");
  call.response.set_header("Set-Cookie", std::string(kTokenCookie) + "=" + token->get<std::string>() +
                                             "; Path=/; HttpOnly; SameSite=Strict" +
                                             (call.facts.tls ? "; Secure" : ""));
  call.response.status = 204;
}

void configuration(App& app, Call& call) {
  RequestFacts facts = call.facts;
  facts.path = "/api/recordings";
  const json value = {{"version", version()},
                      {"token_required", !app.options().token.empty()},
                      {"logged_in", !app.access().check(facts).has_value()},
                      {"keep_days", app.options().keep_days},
                      {"keep_bytes", app.options().keep_bytes}};
  call.response.set_header("Cache-Control", "no-store");
  call.response.set_content(value.dump(), "application/json");
}

}  // namespace

bool answer_service(App& app, Call& call) {
  const std::string& path = call.request.path;
  const bool reads = call.request.method == "GET" || call.request.method == "HEAD";
  if (path == "/healthz" && reads)
    call.response.set_content("ok\n", "text/plain");
  else if (path == "/readyz" && reads) {
    const std::string why = app.not_ready();
    if (why.empty())
      call.response.set_content("ready\n", "text/plain");
    else
      answer_problem(call.response, 503, why);
  } else if (path == "/metrics" && reads)
    call.response.set_content(render_metrics(app), "text/plain; version=0.0.4; charset=utf-8");
  else if (path == "/api/config" && reads)
    configuration(app, call);
  else if (path == "/api/login" && call.request.method == "POST")
    login(app, call);
  else
    return false;
  return true;
}

}  // namespace rtpx::server
