// /api/events: live statistics and the states of recordings as server-sent events, once a second.
#include <nlohmann/json.hpp>
#include <thread>

#include "http.hpp"
#include "views.hpp"

namespace rtpx::server {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

constexpr auto kStreamLife = 30s;  // EventSource comes back by itself; a pool thread is free meanwhile
constexpr auto kInterval = 1s;

std::atomic<std::size_t> open_streams = 0;

json snapshot(App& app) {
  json sessions = json::array(), recordings = json::array();
  for (const LiveSession& session : app.live().sessions()) sessions.push_back(view_of(session));
  for (const std::string& id : app.library().ids()) {
    const auto info = app.library().entry(id);
    if (!info) continue;
    json state = {{"id", id}, {"state", to_string(app.state_of(*info))}};
    if (!info->upload.state.empty()) state["upload"] = info->upload.state;
    if (const auto running = app.conversions().running(id)) {
      state["progress"] = running->fraction;
      if (running->seconds_left) state["seconds_left"] = *running->seconds_left;
    }
    recordings.push_back(std::move(state));
  }
  return {{"sessions", sessions}, {"recordings", recordings}, {"disk", view_of_disk(app)}};
}

}  // namespace

bool answer_events(App& app, Call& call) {
  if (call.path != std::vector<std::string>{"api", "events"} || call.request.method != "GET") return false;
  if (open_streams.fetch_add(1) >= app.options().max_event_streams) {
    --open_streams;
    call.response.set_header("Retry-After", "5");
    answer_problem(call.response, 503, "Too many event streams are open.");
    return true;
  }
  call.response.set_header("Cache-Control", "no-store");
  const auto until = std::chrono::steady_clock::now() + kStreamLife;
  call.response.set_chunked_content_provider(
      "text/event-stream",
      [&app, until, first = true](std::size_t, httplib::DataSink& sink) mutable {
        if (!first) std::this_thread::sleep_for(kInterval);
        const std::string text = std::string(first ? "retry: 1000\n" : "") + "data: " +
                                 snapshot(app).dump(-1, ' ', false, json::error_handler_t::replace) + "\n\n";
        first = false;
        if (!app.not_ready().empty() || std::chrono::steady_clock::now() > until) {
          sink.write(text.data(), text.size());
          sink.done();
          return true;
        }
        return sink.write(text.data(), text.size());
      },
      [](bool) { --open_streams; });
  return true;
}

}  // namespace rtpx::server
