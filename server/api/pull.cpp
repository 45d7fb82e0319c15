// /api/pull: WHEP servers are played from and recorded. POST a URL, list, stop.
#include <nlohmann/json.hpp>

#include "ingest/net/socket_address.hpp"
#include "server/api/views.hpp"
#include "server/front/call.hpp"
#include "server/live/public_address.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::size_t kMaxPullBody = 32U << 10;
constexpr std::size_t kMaxStunServers = 8, kMaxUrl = 4'096, kMaxLabel = 200;
constexpr double kLongestRetry = 30 * 86'400;  // seconds

/// What a server in the open may be made to speak to: the Internet, but not this machine or its neighbours; and what
/// the operator allows (--pull-allow).
bool may_reach(const ServeOptions& options, const SocketAddress& address) {
  const auto ip = http::IpAddress::parse(address.ip());
  if (!ip) return false;
  for (const http::IpNetwork& allowed : options.pull_allow)
    if (allowed.contains(*ip)) return true;
  if (!is_public(*ip)) return false;
  for (const SocketAddress& own : local_addresses(address.port()))
    if (own == address) return false;
  return true;
}

/// The body of POST; nullopt: it is no such one.
struct PullOrder {
  WhepReceiver::Options options;
  SessionLabel label;
};
std::optional<PullOrder> read_order(App& app, const Request& request) {
  const json body = json::parse(request.body, nullptr, false);
  if (!body.is_object()) return std::nullopt;
  bool good = true;
  const auto text = [&](const char* key, std::size_t longest) {
    const json value = body.value(key, json(""));
    good = good && value.is_string() && value.get_ref<const std::string&>().size() <= longest;
    return good ? value.get<std::string>() : std::string();
  };
  PullOrder out;
  out.options.url = text("url", kMaxUrl);
  out.options.token = text("token", kMaxUrl);
  out.label.name = text("name", kMaxLabel);
  out.label.key = text("recording", kMaxLabel);
  out.label.resume = text("resume", kMaxLabel);
  if (const std::string continues = text("continues", kMaxLabel); app.library().folder(continues))
    out.label.continues = continues;
  const json retry = body.value("retry", json(60));
  good = good && retry.is_number() && retry.get<double>() >= 0 && retry.get<double>() <= kLongestRetry;
  if (good) out.options.retry_for = std::chrono::milliseconds(static_cast<std::int64_t>(retry.get<double>() * 1000));
  const json stun = body.value("stun", json::array());
  good = good && stun.is_array() && stun.size() <= kMaxStunServers;
  for (const json& one : good ? stun : json::array()) {
    good = good && one.is_string() && one.get_ref<const std::string&>().size() <= kMaxUrl;
    if (good) out.options.stun.push_back(one.get<std::string>());
  }
  if (!good || out.options.url.empty()) return std::nullopt;
  return out;
}

Response start_pull(App& app, const Request& request) {
  if (auto refusal = refuse_opening(app, request)) return *std::move(refusal);
  auto order = read_order(app, request);
  if (!order)
    return http::problem(400,
                         "Send {\"url\": \"https://…\"} with, if you like, token, name, recording, resume and "
                         "continues (texts), stun (a list of \"stun:HOST:PORT\") and retry (seconds).");
  const ServeOptions& options = app.options();
  order->options.may_reach = [&options](const SocketAddress& address) { return may_reach(options, address); };
  order->options.max_duration = options.webrtc.max_duration;
  order->options.max_bytes = options.webrtc.max_bytes;
  order->options.max_bits_per_second = options.webrtc.max_bits_per_second;
  order->options.max_ssrcs = options.webrtc.max_ssrcs;
  order->options.silence_timeout = options.webrtc.silence_timeout;
  const auto id = app.live().pull(std::move(order->options), order->label);
  if (!id) return problem(app, id.error());
  Response response = http::json({{"id", *id}, {"state", "connecting"}}, 201);
  response.with("Location", "/api/pull/" + *id);
  return response;
}

Response list_pulls(App& app, const Request&) {
  json pulls = json::array();
  for (const Pull& one : app.live().pulls()) pulls.push_back(view_of(app, one));
  return http::json({{"pulls", pulls}});
}

Response show_pull(App& app, const Request& request) {
  for (const Pull& one : app.live().pulls())
    if (one.id == request.captured[0]) return http::json(view_of(app, one));
  return http::problem(404, "There is no such pull.");
}

Response stop_pull(App& app, const Request& request) {
  if (auto stopped = app.live().stop_pull(request.captured[0]); !stopped) return problem(app, stopped.error());
  return http::empty(204);
}

constexpr Route kPullRoutes[] = {
    {"GET", "/api/pull", Need::view, Work::sessions, list_pulls},
    {"POST", "/api/pull", Need::record, Work::sessions, start_pull, kMaxPullBody},
    {"GET", "/api/pull/{id}", Need::view, Work::sessions, show_pull},
    {"DELETE", "/api/pull/{id}", Need::record, Work::sessions, stop_pull},
};

}  // namespace

std::span<const Route> pull_routes() {
  return kPullRoutes;
}

}  // namespace rtpx::server
