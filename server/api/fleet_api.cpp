// /api/fleet: the state of all nodes, workers and jobs, whatever node is asked; results of every recording.
#include <algorithm>
#include <nlohmann/json.hpp>
#include <stdexcept>

#include "fleet/job_json.hpp"
#include "server/api/fleet_views.hpp"
#include "server/front/call.hpp"
#include "server/front/content_types.hpp"

namespace rtpx::server {
namespace {

using fleet::JobKind;
using fleet::JobState;
using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::size_t kMaxOrder = 16U << 10;
constexpr std::uint64_t kPieceOfFile = 1U << 20;

Response no_fleet() {
  return http::problem(404, "This server is in no fleet: it was started without --nats.");
}
Response no_such_recording() {
  return http::problem(404, "The fleet has no job of a recording of that name.");
}

Response fleet_status(App& app, const Request&) {
  if (app.fleet() == nullptr) return no_fleet();
  return http::json(view_of(*app.fleet()));
}

/// The views of all that is asked for, made one by one.
class RecordingViews {
 public:
  explicit RecordingViews(const FleetNode& fleet, const std::optional<std::string>& key)
      : under_way_(fleet.under_way()), recordings_(fleet.recordings()) {
    if (!key) return;
    std::erase_if(under_way_, [&](const FleetNode::UnderWay& one) { return one.about.key != *key; });
    std::erase_if(recordings_, [&](const FleetNode::Recording& one) {
      return one.conversion() == nullptr || one.conversion()->key != *key;
    });
  }
  [[nodiscard]] std::size_t size() const { return under_way_.size() + recordings_.size(); }
  [[nodiscard]] json operator[](std::size_t at) const {
    return at < under_way_.size() ? view_of(under_way_[at]) : view_of(recordings_[at - under_way_.size()]);
  }

 private:
  std::vector<FleetNode::UnderWay> under_way_;
  std::vector<FleetNode::Recording> recordings_;
};

Response fleet_recordings(App& app, const Request& request) {
  if (app.fleet() == nullptr) return no_fleet();
  Response out;
  out.with("Content-Type", "application/json").with("Cache-Control", "no-store");
  out.body = http::Generator([all = RecordingViews(*app.fleet(), request.target.parameter("key")),
                              at = std::size_t(0)](std::string& piece) mutable {
    constexpr std::size_t kPiece = 64U << 10;
    if (at == 0) piece = "{\"recordings\":[";
    while (at < all.size() && piece.size() < kPiece) {
      piece += (at == 0 ? "" : ",") + all[at].dump(-1, ' ', false, json::error_handler_t::replace);
      ++at;
    }
    if (at < all.size()) return true;
    piece += "]}";
    return false;
  });
  return out;
}

/// With the files of what is done: these are read from the store.
Response fleet_recording(App& app, const Request& request) {
  if (app.fleet() == nullptr) return no_fleet();
  const auto recording = app.fleet()->recording(request.captured[0], request.captured[1]);
  if (!recording) {
    const auto under_way = app.fleet()->under_way(request.captured[0], request.captured[1]);
    return under_way ? http::json(view_of(*under_way)) : no_such_recording();
  }
  json out = view_of(*recording);
  for (const fleet::RecordingName& part : app.fleet()->parts_beside(recording->node, recording->id))
    out["parts"].push_back(view_of_part(part));
  for (json& one : out["jobs"]) {
    const auto kind = fleet::job_kind(one["kind"].get<std::string>());
    const auto record = app.fleet()->job(recording->node, recording->id, *kind);
    if (*kind == JobKind::slice || !record || record->state != JobState::done) continue;
    const auto result = app.fleet()->store().result(record->job, record->result.name, {});
    if (!result) {
      one["error"] = result.error().message;
      continue;
    }
    add_files(one, *result);
  }
  return http::json(out);
}

/// A file of a current result, from the store through this node.
Response fleet_file(App& app, const Request& request) {
  if (app.fleet() == nullptr) return no_fleet();
  const auto kind = fleet::job_kind(request.captured[2]);
  if (!kind) return no_such_recording();
  const auto record = app.fleet()->job(request.captured[0], request.captured[1], *kind);
  if (!record || record->state != JobState::done) return no_such_recording();
  const auto result = app.fleet()->store().result(record->job, record->result.name, {});
  if (!result) return problem(app, result.error());
  const std::string& name = request.captured[3];
  const auto file = std::ranges::find(result->files, name, &fleet::ResultFile::name);
  if (file == result->files.end()) return http::problem(404, "There is no such file.");
  Response out;
  out.with("Content-Type", content_type(name)).with("Content-Security-Policy", "sandbox");
  if (request.target.parameter("download"))
    out.with("Content-Disposition", "attachment; filename*=UTF-8''" + http::percent_encoded(name));
  out.body =
      http::Generator([&store = app.fleet()->store(), job = record->job, result_name = record->result.name,
                       name, bytes = file->bytes, at = std::uint64_t(0)](std::string& piece) mutable {
        const std::uint64_t length = std::min(kPieceOfFile, bytes - at);
        if (length == 0) return false;
        const auto read = store.read(job, result_name, name, at, length,
                                     [&](std::string_view text) { return piece += text, true; }, {});
        if (!read) throw std::runtime_error(read.error().message);
        at += length;
        return at < bytes;
      });
  return out;
}

/// The recordings that are in a film beside one, as a job has them: those that are one with it, unless the order says
/// which, or none. nullopt: no such order.
std::optional<json> parts_of(const FleetNode& fleet, const Request& request, const json& order) {
  const json asked = order.value("parts", json(true));
  if (asked.is_array()) return std::optional<json>(std::in_place, asked);  // else ambiguous with g++ 16
  if (!asked.is_boolean()) return std::nullopt;
  json out = json::array();
  if (asked == true)
    for (const fleet::RecordingName& part : fleet.parts_beside(request.captured[0], request.captured[1]))
      out.push_back({{"node", part.node}, {"recording", part.recording}});
  return std::optional<json>(std::in_place, std::move(out));
}

/// Orders a job of any recording that the fleet knows, of this node or another.
Response fleet_order(App& app, const Request& request) {
  if (app.fleet() == nullptr) return no_fleet();
  json body = request.body.empty() ? json::object() : json::parse(request.body, nullptr, false);
  const auto kind = fleet::job_kind(request.captured[2]);
  if (!body.is_object() || !kind || *kind == JobKind::slice)
    return http::problem(
        400, "Send an object; the path ends in convert, compose, package, thumbnails, report or verify.");
  if (!app.fleet()->recording(request.captured[0], request.captured[1]))
    return app.fleet()->under_way(request.captured[0], request.captured[1])
               ? http::problem(409, "The recording is not stored yet: order it when it is.")
               : no_such_recording();
  fleet::Job defaults{.kind = *kind, .node = request.captured[0], .recording = request.captured[1]};
  if (*kind == JobKind::thumbnails) defaults.times_ms = {0};
  json whole = fleet::to_json(defaults);
  for (const char* field : {"class", "sprites", "width", "height", "layout", "title", "slices", "times_ms"})
    if (body.contains(field)) whole[field] = body[field];
  if (*kind == JobKind::compose) {
    auto parts = parts_of(*app.fleet(), request, body);
    if (!parts) return http::problem(400, "\"parts\" is true, false or an array of objects with node and recording.");
    whole["parts"] = *std::move(parts);
  }
  const auto job = fleet::job_from_json(whole);
  if (!job) return http::problem(400, "A job cannot have these settings.");
  json out = {{"ordered", fleet::key_of(*job)}};
  for (const fleet::RecordingName& part : job->parts) {
    if (!app.fleet()->recording(part.node, part.recording)) return no_such_recording();
    out["parts"].push_back(view_of_part(part));
  }
  app.fleet()->order(*job, true);
  return http::json(out, 202);
}

constexpr Route kFleetRoutes[] = {
    {"GET", "/api/fleet", Need::view, Work::library, fleet_status},
    {"GET", "/api/fleet/recordings", Need::view, Work::library, fleet_recordings},
    {"GET", "/api/fleet/recordings/{node}/{id}", Need::view, Work::children, fleet_recording},
    {"POST", "/api/fleet/recordings/{node}/{id}/{kind}", Need::admin, Work::library, fleet_order, kMaxOrder},
    {"GET", "/api/fleet/recordings/{node}/{id}/{kind}/{name}", Need::view, Work::children, fleet_file},
};

}  // namespace

std::span<const Route> fleet_routes() {
  return kFleetRoutes;
}

}  // namespace rtpx::server
