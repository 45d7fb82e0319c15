// /api/ingest: plain RTP in. POST a session description, list, stop.
#include <charconv>
#include <nlohmann/json.hpp>

#include "http.hpp"
#include "views.hpp"

namespace rtpx::server {
namespace {

using nlohmann::json;

constexpr double kDefaultIdle = 10, kDefaultWait = 60, kLongest = 86'400;  // seconds

/// A number of seconds in the query; the default when it is not given. nullopt: it is no such number.
std::optional<std::chrono::milliseconds> seconds_of(const httplib::Request& request, const char* name,
                                                    double otherwise) {
  double value = otherwise;
  if (request.has_param(name)) {
    const std::string text = request.get_param_value(name);
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
    if (error != std::errc() || end != text.data() + text.size() || !(value >= 0 && value <= kLongest))
      return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(value * 1000));
}

void start(App& app, Call& call) {
  if (!may_open_session(app, call, "A session description")) return;
  UdpReceiver::Options options;
  const auto idle = seconds_of(call.request, "idle", kDefaultIdle);
  const auto wait = seconds_of(call.request, "wait", kDefaultWait);
  if (!idle || !wait)
    return answer_problem(call.response, 400, "idle and wait are seconds between 0 (for ever) and 86400.");
  options.idle_timeout = *idle;
  options.start_timeout = *wait;
  options.srtp_feedback = true;
  if (!app.options().webrtc.listen.empty()) options.listen = app.options().webrtc.listen.front();
  const auto ingest = app.live().ingest(call.request.body, session_name(call.request), options);
  if (!ingest) return answer_refused(call, ingest.error());
  call.response.set_header("Location", "/api/ingest/" + ingest->id);
  json view = view_of(app, *ingest);
  for (std::size_t i = 0; i < ingest->ports.size(); ++i)  // here only: it is a secret
    if (!ingest->ports[i].crypto.empty()) view["tracks"][i]["crypto"] = ingest->ports[i].crypto;
  answer_json(call.response, view, 201);
}

void list(App& app, Call& call) {
  json ingests = json::array();
  for (const PlainIngest& one : app.live().ingests()) ingests.push_back(view_of(app, one));
  answer_json(call.response, {{"ingests", ingests}});
}

void show(App& app, Call& call, const std::string& id) {
  for (const PlainIngest& one : app.live().ingests())
    if (one.id == id) return answer_json(call.response, view_of(app, one));
  answer_problem(call.response, 404, "There is no such ingest.");
}

void stop(App& app, Call& call, const std::string& id) {
  if (auto stopped = app.live().stop_ingest(id); !stopped)
    return answer_error(call.response, stopped.error());
  call.response.status = 204;
}

}  // namespace

bool answer_ingest(App& app, Call& call) {
  const auto& path = call.path;
  if (path.size() < 2 || path[0] != "api" || path[1] != "ingest") return false;
  const std::string& method = call.request.method;
  const bool reads = method == "GET" || method == "HEAD";
  if (path.size() == 2 && method == "POST")
    start(app, call);
  else if (path.size() == 2 && reads)
    list(app, call);
  else if (path.size() == 3 && reads)
    show(app, call, path[2]);
  else if (path.size() == 3 && method == "DELETE")
    stop(app, call, path[2]);
  else
    return false;
  return true;
}

}  // namespace rtpx::server
