// /api/recordings as a library: find, name and label; and the labels in use.
#include <algorithm>
#include <charconv>
#include <nlohmann/json.hpp>

#include "base/utc_time.hpp"
#include "server/api/views.hpp"
#include "server/front/call.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

constexpr std::size_t kMostShown = 500, kMostQueryBytes = 1'000, kMostLabelsTold = 200;
constexpr std::size_t kMostDescription = 256U << 10;

constexpr std::pair<std::string_view, LibraryQuery::Order> kOrders[] = {
    {"created", LibraryQuery::Order::created},
    {"name", LibraryQuery::Order::name},
    {"bytes", LibraryQuery::Order::bytes},
    {"duration", LibraryQuery::Order::duration}};

std::optional<RecordingState> state_named(std::string_view name) {
  for (int i = 0; i <= static_cast<int>(RecordingState::uploaded); ++i)
    if (name == to_string(static_cast<RecordingState>(i))) return static_cast<RecordingState>(i);
  return std::nullopt;
}

/// `limit`, `after`, `q`, `label` (more than once: all of them), `state` (more than once: one of them), `from`,
/// `until`, `sort`, `order`.
Result<LibraryQuery> query_of(const http::Target& target) {
  LibraryQuery out;
  const auto wrong = [](const std::string& what) { return fail(Errc::invalid_argument, what); };
  bool ordered = false;
  for (const auto& [name, value] : target.query) {
    if (value.size() > kMostQueryBytes) return wrong(name + "= is too long.");
    if (name == "limit") {
      const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.limit);
      if (error != std::errc() || end != value.data() + value.size() || out.limit < 1 || out.limit > kMostShown)
        return wrong("limit= is a number from 1 to " + std::to_string(kMostShown) + ".");
    } else if (name == "after") {
      out.after = value;
    } else if (name == "q") {
      out.words = value;
    } else if (name == "label") {
      out.labels.push_back(value);
    } else if (name == "state") {
      const auto state = state_named(value);
      if (!state)
        return wrong("state= is recording, waiting, converting, ready, failed, cancelled or uploaded.");
      out.states.push_back(*state);
    } else if (name == "from" || name == "until") {
      const auto time = parse_utc(value);
      if (!time) return wrong(name + "= is a time like 2026-11-28T14:46:23Z.");
      (name == "from" ? out.from : out.until) = *time;
    } else if (name == "sort") {
      const auto order = std::ranges::find(kOrders, value, &std::pair<std::string_view, LibraryQuery::Order>::first);
      if (order == std::end(kOrders)) return wrong("sort= is created, name, bytes or duration.");
      out.order = order->second;
      if (!ordered) out.descending = out.order != LibraryQuery::Order::name;
    } else if (name == "order") {
      if (value != "asc" && value != "desc") return wrong("order= is asc or desc.");
      out.descending = value == "desc";
      ordered = true;
    }
  }
  if (out.labels.size() > 20 || out.states.size() > 20) return wrong("That is too much to ask for at once.");
  return out;
}

/// A page of the library. Which recordings are on it the index knows; what is told of them their folders do.
Response list(App& app, const Request& request) {
  const auto query = query_of(request.target);
  if (!query) return problem(app, query.error());
  auto found = app.index().find(*query);
  if (!found) return problem(app, found.error());
  Response out;
  out.with("Content-Type", "application/json").with("Cache-Control", "no-store");
  out.body = http::Generator(
      [&app, page = *std::move(found), at = std::size_t(0), separator = ""](std::string& piece) mutable {
        constexpr std::size_t kPiece = 64U << 10;
        const auto dump = [](const json& value) {
          return value.dump(-1, ' ', false, json::error_handler_t::replace);
        };
        if (at == 0) {
          piece = "{\"disk\":" + dump(view_of_disk(app)) + ",\"total\":" + std::to_string(page.total);
          if (!page.next.empty()) piece += ",\"next\":" + dump(page.next);
          piece += ",\"recordings\":[";
        }
        while (at < page.rows.size() && piece.size() < kPiece) {
          const LibraryRow& row = page.rows[at++];
          const auto entry = app.library().entry(row.id);
          if (!entry || entry->info.name != row.name || entry->bytes != row.bytes || app.state_of(*entry) != row.state)
            app.index().touch(row.id);  // somebody else has changed it
          if (!entry) continue;
          piece += std::exchange(separator, ",") + dump(view_of(app, *entry));
        }
        if (at < page.rows.size()) return true;
        piece += "]}";
        return false;
      });
  return out;
}

Response labels(App& app, const Request&) {
  json out = json::array();
  for (const auto& [label, count] : app.index().labels(kMostLabelsTold))
    out.push_back({{"label", label}, {"recordings", count}});
  return http::json({{"labels", out}});
}

/// What of a description the body alters; what is null in its metadata goes.
Result<void> apply(const json& body, Description& description) {
  const Error error{Errc::invalid_argument,
                    "Send {\"name\": \"…\", \"labels\": [\"…\"], \"metadata\": {\"…\": \"…\"}}, or some of these; "
                    "null takes an entry of the metadata away."};
  if (!body.is_object()) return std::unexpected(error);
  for (const auto& [key, value] : body.items()) {
    if (key == "name" && value.is_string()) {
      description.name = value.get<std::string>();
    } else if (key == "labels" && value.is_array() &&
               std::ranges::all_of(value, [](const json& one) { return one.is_string(); })) {
      description.labels = value.get<std::vector<std::string>>();
    } else if (key == "metadata" && value.is_object()) {
      for (const auto& [name, text] : value.items()) {
        if (!text.is_string() && !text.is_null()) return std::unexpected(error);
        if (text.is_null())
          description.metadata.erase(name);
        else
          description.metadata[name] = text.get<std::string>();
      }
    } else {
      return std::unexpected(error);
    }
  }
  return {};
}

Response describe(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  const json body = json::parse(request.body, nullptr, false);
  Description tried;
  if (auto good = apply(body, tried); !good) return problem(app, good.error());
  const auto changed =
      app.library().describe(id, [&](Description& description) { (void)apply(body, description); });
  if (!changed) return problem(app, changed.error());
  app.events().changed(id);
  const auto entry = app.library().entry(id);
  return entry ? http::json(view_of(app, *entry)) : problem(app, entry.error());
}

constexpr Route kLibraryRoutes[] = {
    {"GET", "/api/recordings", Need::view, Work::library, list},
    {"PATCH", "/api/recordings/{id}", Need::admin, Work::library, describe, kMostDescription},
    {"GET", "/api/labels", Need::view, Work::library, labels},
};

}  // namespace

std::span<const Route> library_routes() {
  return kLibraryRoutes;
}

}  // namespace rtpx::server
