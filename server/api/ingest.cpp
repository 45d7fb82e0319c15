// /api/ingest: plain RTP in. POST a session description, list, stop.
#include <charconv>
#include <nlohmann/json.hpp>

#include "server/api/views.hpp"
#include "server/front/call.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr double kDefaultIdle = 10, kDefaultWait = 60, kLongestSeconds = 86'400;  // seconds

/// A number of seconds in the query; the default when it is not given. nullopt: it is no such number.
std::optional<std::chrono::milliseconds> seconds_of(const Request& request, const char* name,
                                                    double otherwise) {
  double value = otherwise;
  if (const auto text = request.target.parameter(name)) {
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc() || end != text->data() + text->size() ||
        !(value >= 0 && value <= kLongestSeconds))
      return std::nullopt;
  }
  return std::chrono::milliseconds(static_cast<std::int64_t>(value * 1000));
}

Response start_ingest(App& app, const Request& request) {
  if (auto refusal = refuse_session(app, request, "A session description")) return *std::move(refusal);
  UdpReceiver::Options options;
  const auto idle = seconds_of(request, "idle", kDefaultIdle);
  const auto wait = seconds_of(request, "wait", kDefaultWait);
  if (!idle || !wait) return http::problem(400, "idle and wait are seconds between 0 (for ever) and 86400.");
  options.idle_timeout = *idle;
  options.start_timeout = *wait;
  options.srtp_feedback = true;
  options.max_duration = app.options().webrtc.max_duration;
  options.max_bytes = app.options().webrtc.max_bytes;
  options.max_bits_per_second = app.options().webrtc.max_bits_per_second;
  if (!app.options().webrtc.listen.empty()) options.listen = app.options().webrtc.listen.front();
  const auto ingest = app.live().ingest(request.body, session_label(app, request), options);
  if (!ingest) return session_refused(app, request, ingest.error());
  json view = view_of(app, *ingest);
  for (std::size_t i = 0; i < ingest->ports.size(); ++i)  // here only: it is a secret
    if (!ingest->ports[i].crypto.empty()) view["tracks"][i]["crypto"] = ingest->ports[i].crypto;
  return http::json(view, 201).with("Location", "/api/ingest/" + ingest->id);
}

Response list_ingests(App& app, const Request&) {
  json ingests = json::array();
  for (const PlainIngest& one : app.live().ingests()) ingests.push_back(view_of(app, one));
  return http::json({{"ingests", ingests}});
}

Response show_ingest(App& app, const Request& request) {
  for (const PlainIngest& one : app.live().ingests())
    if (one.id == request.captured[0]) return http::json(view_of(app, one));
  return http::problem(404, "There is no such ingest.");
}

Response stop_ingest(App& app, const Request& request) {
  if (auto stopped = app.live().stop_ingest(request.captured[0]); !stopped) return problem(app, stopped.error());
  return http::empty(204);
}

constexpr Route kIngestRoutes[] = {
    {"GET", "/api/ingest", Need::view, Work::sessions, list_ingests},
    {"POST", "/api/ingest", Need::record, Work::sessions, start_ingest, kMaxDescription},
    {"GET", "/api/ingest/{id}", Need::view, Work::sessions, show_ingest},
    {"DELETE", "/api/ingest/{id}", Need::record, Work::sessions, stop_ingest},
};

}  // namespace

std::span<const Route> ingest_routes() {
  return kIngestRoutes;
}

}  // namespace rtpx::server
