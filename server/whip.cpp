// WHIP, RFC 9725: POST an offer to /whip, then PATCH and DELETE the session's own URL.
#include "http.hpp"
#include "log.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kMaxName = 200;

bool has_type(const httplib::Request& request, std::string_view type) {
  const std::string value = request.get_header_value("Content-Type");
  return value.substr(0, value.find(';')) == type;
}

std::string quoted(const std::string& tag) {
  return '"' + tag + '"';
}

void open_session(App& app, Call& call) {
  if (!may_open_session(app, call, "An offer")) return;
  const auto accepted = app.live().accept(call.request.body, session_name(call.request));
  if (!accepted) return answer_refused(call, accepted.error());
  call.response.status = 201;
  call.response.set_header("Location", "/whip/" + accepted->id);
  call.response.set_header("ETag", quoted(accepted->ice_tag));
  if (const auto recording = app.live().recording_of(accepted->id))
    call.response.set_header("Link", "</api/recordings/" + *recording + ">; rel=\"describedby\"");
  call.response.set_content(accepted->answer_sdp, "application/sdp");
}

void patch_session(App& app, Call& call, const std::string& id) {
  if (!has_type(call.request, "application/trickle-ice-sdpfrag"))
    return answer_problem(call.response, 415, "A fragment is application/trickle-ice-sdpfrag.");
  const auto patched = app.live().patch(id, call.request.body);
  if (!patched) return answer_error(call.response, patched.error());
  call.response.set_header("ETag", quoted(patched->ice_tag));
  if (patched->sdp_fragment) {
    call.response.status = 200;
    call.response.set_content(*patched->sdp_fragment, "application/trickle-ice-sdpfrag");
  } else {
    call.response.status = 204;
  }
}

void method_not_allowed(Call& call, const char* allowed) {
  call.response.set_header("Allow", allowed);
  answer_problem(call.response, 405, std::string("Only ") + allowed + " work here.");
}

}  // namespace

bool may_open_session(App& app, Call& call, const std::string& what) {
  if (!has_type(call.request, "application/sdp")) {
    answer_problem(call.response, 415, what + " is application/sdp.");
    return false;
  }
  if (!app.access().take_session(call.facts.remote_address)) {
    call.response.set_header("Retry-After", "1");
    answer_problem(call.response, 429, "Too many sessions are opened from this address.");
    return false;
  }
  if (const std::string why = app.not_ready(); !why.empty()) {
    call.response.set_header("Retry-After", "30");
    answer_problem(call.response, 503, why);
    return false;
  }
  return true;
}

std::string session_name(const httplib::Request& request) {
  return request.get_param_value("name").substr(0, kMaxName);
}

void answer_refused(Call& call, const Error& error) {
  log(LogLevel::info, "description from " + call.facts.remote_address + " refused: " + error.message);
  if (status_of(error) == 503) call.response.set_header("Retry-After", "5");
  answer_error(call.response, error);
}

bool answer_whip(App& app, Call& call) {
  if (call.path.empty() || call.path[0] != "whip" || call.path.size() > 2) return false;
  const std::string& method = call.request.method;
  if (call.path.size() == 1) {
    if (method == "POST")
      open_session(app, call);
    else
      method_not_allowed(call, "POST, OPTIONS");
  } else if (method == "PATCH") {
    patch_session(app, call, call.path[1]);
  } else if (method == "DELETE") {
    if (auto closed = app.live().close(call.path[1]); !closed)
      answer_error(call.response, closed.error());
    else
      call.response.status = 200;
  } else {
    method_not_allowed(call, "PATCH, DELETE, OPTIONS");
  }
  return true;
}

}  // namespace rtpx::server
