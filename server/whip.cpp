// WHIP, RFC 9725: POST an offer to /whip, then PATCH and DELETE the session's own URL.
#include <spdlog/spdlog.h>

#include "http.hpp"

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
  if (!has_type(call.request, "application/sdp"))
    return answer_problem(call.response, 415, "An offer is application/sdp.");
  if (!app.access().take_session(call.facts.remote_address)) {
    call.response.set_header("Retry-After", "1");
    return answer_problem(call.response, 429, "Too many sessions are opened from this address.");
  }
  if (const std::string why = app.not_ready(); !why.empty()) {
    call.response.set_header("Retry-After", "30");
    return answer_problem(call.response, 503, why);
  }
  const std::string name = call.request.get_param_value("name").substr(0, kMaxName);
  const auto accepted = app.live().accept(call.request.body, name);
  if (!accepted) {
    spdlog::info("offer from {} refused: {}", call.facts.remote_address, accepted.error().message);
    if (status_of(accepted.error()) == 503) call.response.set_header("Retry-After", "5");
    return answer_error(call.response, accepted.error());
  }
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
