// WHIP, RFC 9725: POST an offer to /whip, then PATCH and DELETE the session's own URL.
#include "ingest/webrtc/sender_hints.hpp"
#include "server/front/call.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxName = 200, kMostLabels = 50;

bool has_type(const Request& request, std::string_view type) {
  const std::string_view value = request.header("Content-Type");
  return value.substr(0, value.find(';')) == type;
}

std::string entity_tag(const std::string& tag) {
  return '"' + tag + '"';
}

/// "turn:example.org?transport=udp;username=u;credential=c" as a Link header (RFC 9725 section 4.6).
std::string ice_server_link(std::string_view server) {
  const std::size_t end = std::min(server.find(';'), server.size());
  std::string out = "<" + std::string(server.substr(0, end)) + ">; rel=\"ice-server\"";
  for (std::string_view rest = server.substr(end); !rest.empty();) {
    rest.remove_prefix(1);
    const std::string_view one = rest.substr(0, rest.find(';'));
    rest.remove_prefix(one.size());
    const std::size_t equals = one.find('=');
    if (equals == one.npos) continue;
    out += "; " + std::string(one.substr(0, equals)) + "=\"" + std::string(one.substr(equals + 1)) + "\"";
    if (one.starts_with("credential=")) out += "; credential-type=\"password\"";
  }
  return out;
}

/// Of a fleet: the node that has more room, when this one is drained or nearly full. A recording with a key that is
/// under way here stays together.
std::optional<Response> send_elsewhere(App& app, const Request& request) {
  constexpr double kNearlyFull = 0.9;
  if (app.fleet() == nullptr) return std::nullopt;
  const bool nearly_full = static_cast<double>(app.live().endpoint().sessions) >=
                           kNearlyFull * static_cast<double>(app.options().webrtc.max_sessions);
  if (!app.fleet()->draining() && !nearly_full) return std::nullopt;
  if (app.live().has_key(request.target.parameter("recording").value_or(""))) return std::nullopt;
  const auto node = app.fleet()->roomier_node();
  if (!node) return std::nullopt;
  Response response = http::empty(307);
  response.with("Location", *node + request.target.text());
  return response;
}

Response open_session(App& app, const Request& request) {
  if (auto elsewhere = send_elsewhere(app, request)) return *std::move(elsewhere);
  if (auto refusal = refuse_session(app, request, "An offer")) return *std::move(refusal);
  SessionLabel label = session_label(app, request);
  label.resume = request.target.parameter("resume").value_or("");
  if (label.resume.size() > kMaxName) return http::problem(400, "resume= is at most 200 bytes.");
  const auto accepted = app.live().accept(request.body, label);
  if (!accepted) {
    Error error = accepted.error();
    if (const std::string hint = sender_hint(request.header("User-Agent"), error); !hint.empty())
      error.message += " " + hint;
    return session_refused(app, request, error);
  }
  Response response = http::text(accepted->answer_sdp, "application/sdp", 201);
  response.with("Location", app.options().node_url + "/whip/" + accepted->id).with("ETag", entity_tag(accepted->ice_tag));
  if (const auto recording = app.live().recording_of(accepted->id))
    response.with("Link", "</api/recordings/" + *recording + ">; rel=\"describedby\"");
  if (const auto participant = app.live().participant_of(accepted->id))
    response.with("Rtpx-Participant", participant->id).with("Rtpx-Resume", http::percent_encoded(participant->resume));
  for (const std::string& server : app.options().ice_servers) response.with("Link", ice_server_link(server));
  return response;
}

Response patch_session(App& app, const Request& request) {
  constexpr const char* kFragment = "application/trickle-ice-sdpfrag";
  if (!has_type(request, kFragment))
    return http::problem(415, std::string("A fragment is ") + kFragment + ".");
  // RFC 9725 section 4.3.1: trickling names the ICE session, a restart is for any. Some senders name none.
  std::optional<std::string_view> tag;
  if (std::string_view named = request.header("If-Match"); !named.empty() && named != "*") {
    if (named.size() > 2 && named.front() == '"' && named.back() == '"') named = named.substr(1, named.size() - 2);
    tag = named;
  }
  const auto patched = app.live().patch(request.captured[0], request.body, tag);
  if (!patched) return problem(app, patched.error());
  if (patched->outdated)
    return http::problem(412, "The ICE session has been restarted since: If-Match names another one.");
  if (!patched->sdp_fragment) return http::empty(204);
  return http::text(*patched->sdp_fragment, kFragment).with("ETag", entity_tag(patched->ice_tag));
}

Response close_session(App& app, const Request& request) {
  if (auto closed = app.live().close(request.captured[0]); !closed) return problem(app, closed.error());
  return http::empty(200);
}

constexpr Route kWhipRoutes[] = {
    {"POST", "/whip", Need::record, Work::sessions, open_session, kMaxDescription},
    {"PATCH", "/whip/{session}", Need::record, Work::sessions, patch_session, kMaxDescription},
    {"DELETE", "/whip/{session}", Need::record, Work::sessions, close_session},
};

}  // namespace

std::span<const Route> whip_routes() {
  return kWhipRoutes;
}

std::optional<Response> refuse_session(App& app, const Request& request, const std::string& what) {
  if (!has_type(request, "application/sdp")) return http::problem(415, what + " is application/sdp.");
  return refuse_opening(app, request);
}

std::optional<Response> refuse_opening(App& app, const Request& request) {
  if (!app.access().take_session(request.remote))
    return http::problem(429, "Too many sessions are opened from this address.").with("Retry-After", "1");
  if (const std::string why = app.not_ready(); !why.empty())
    return http::problem(503, why).with("Retry-After", "30");
  return std::nullopt;
}

SessionLabel session_label(App& app, const Request& request) {
  SessionLabel out;
  out.name = request.target.parameter("name").value_or("").substr(0, kMaxName);
  const auto continues = request.target.parameter("continues");
  if (continues && app.library().folder(*continues)) out.continues = *continues;
  out.key = request.target.parameter("recording").value_or("").substr(0, kMaxName);
  for (const auto& [name, value] : request.target.query)
    if (name == "label" && !value.empty() && out.labels.size() < kMostLabels)
      out.labels.push_back(value.substr(0, kMaxName));
  return out;
}

Response session_refused(const App& app, const Request& request, const Error& error) {
  log(LogLevel::info, "description from " + request.remote.text() + " refused: " + error.message);
  Response response = problem(app, error);
  if (response.status == 503) response.with("Retry-After", "5");
  return response;
}

}  // namespace rtpx::server
