// WHIP, RFC 9725: POST an offer to /whip, then PATCH and DELETE the session's own URL.
#include "call.hpp"
#include "log.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;

constexpr std::size_t kMaxName = 200;

bool has_type(const Request& request, std::string_view type) {
  const std::string_view value = request.header("Content-Type");
  return value.substr(0, value.find(';')) == type;
}

std::string quoted(const std::string& tag) {
  return '"' + tag + '"';
}

Response open_session(App& app, const Request& request) {
  if (auto refusal = refuse_session(app, request, "An offer")) return *std::move(refusal);
  const auto accepted = app.live().accept(request.body, session_label(app, request));
  if (!accepted) return session_refused(request, accepted.error());
  Response response = http::text(accepted->answer_sdp, "application/sdp", 201);
  response.with("Location", "/whip/" + accepted->id).with("ETag", quoted(accepted->ice_tag));
  if (const auto recording = app.live().recording_of(accepted->id))
    response.with("Link", "</api/recordings/" + *recording + ">; rel=\"describedby\"");
  return response;
}

Response patch_session(App& app, const Request& request) {
  constexpr const char* kFragment = "application/trickle-ice-sdpfrag";
  if (!has_type(request, kFragment))
    return http::problem(415, std::string("A fragment is ") + kFragment + ".");
  const auto patched = app.live().patch(request.captured[0], request.body);
  if (!patched) return problem(patched.error());
  Response response =
      patched->sdp_fragment ? http::text(*patched->sdp_fragment, kFragment) : http::empty(204);
  return std::move(response).with("ETag", quoted(patched->ice_tag));
}

Response close_session(App& app, const Request& request) {
  if (auto closed = app.live().close(request.captured[0]); !closed) return problem(closed.error());
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
  if (!app.access().take_session(request.remote))
    return http::problem(429, "Too many sessions are opened from this address.").with("Retry-After", "1");
  if (const std::string why = app.not_ready(); !why.empty())
    return http::problem(503, why).with("Retry-After", "30");
  return std::nullopt;
}

SessionLabel session_label(App& app, const Request& request) {
  SessionLabel out{request.target.parameter("name").value_or("").substr(0, kMaxName), {}};
  const auto continues = request.target.parameter("continues");
  if (continues && app.library().folder(*continues)) out.continues = *continues;
  return out;
}

Response session_refused(const Request& request, const Error& error) {
  log(LogLevel::info, "description from " + request.remote.text() + " refused: " + error.message);
  Response response = problem(error);
  if (response.status == 503) response.with("Retry-After", "5");
  return response;
}

}  // namespace rtpx::server
