// /api/recordings/{id}/decrypted: for one viewer, who brings the keys.
#include <nlohmann/json.hpp>

#include "server/front/call.hpp"
#include "server/front/content_types.hpp"
#include "server/http/file_response.hpp"

namespace rtpx::server {
namespace {

using http::Request;
using http::Response;
using nlohmann::json;

Response decrypt(App& app, const Request& request) {
  const std::string& id = request.captured[0];
  if (app.options().never_decrypt)
    return http::problem(
        403, "This server decrypts nothing: download the recording and use rtpx convert --e2ee-keys.");
  if (const auto known = app.library().folder(id); !known) return problem(app, known.error());
  if (app.live().is_recording(id)) return http::problem(409, "It is being recorded. Stop it first.");
  if (request.body.empty())
    return http::problem(400, "Send the keys as JSON, as docs/e2ee.md describes them.");
  const auto opened = app.opened().open(id, request.body);
  if (!opened) return problem(app, opened.error());
  const std::string base =
      "/api/recordings/" + http::percent_encoded(id) + "/decrypted/" + opened->ticket + "/";
  json files = json::array();
  for (const OpenedRecordings::File& file : opened->files)
    files.push_back({{"id", file.id},
                     {"name", file.name},
                     {"duration_ms", file.duration_ms},
                     {"bytes", file.bytes},
                     {"url", base + http::percent_encoded(file.name)}});
  return http::json({{"ticket", opened->ticket},
                     {"kept_seconds", std::chrono::seconds(OpenedRecordings::kKept).count()},
                     {"has_losses", opened->has_losses},
                     {"files", files}},
                    201)
      .with("Cache-Control", "no-store");
}

Response file(App& app, const Request& request) {
  const std::string& name = request.captured[2];
  auto opened = app.opened().file(request.captured[0], request.captured[1], name);
  if (!opened) return http::problem(404, "It is not decrypted any more: give the keys again.");
  Response response = http::file_response(request, std::move(opened), content_type(name));
  response.with("Content-Security-Policy", "sandbox").with("Cache-Control", "private, no-store");
  if (request.target.parameter("download"))
    response.with("Content-Disposition", "attachment; filename*=UTF-8''" + http::percent_encoded(name));
  return response;
}

Response forget(App& app, const Request& request) {
  return app.opened().forget(request.captured[0], request.captured[1])
             ? http::empty(204)
             : http::problem(404, "There is no such ticket.");
}

constexpr Route kDecryptionRoutes[] = {
    {"POST", "/api/recordings/{id}/decrypted", Need::view_link, Work::children, decrypt,
     OpenedRecordings::kMostKeyBytes},
    {"GET", "/api/recordings/{id}/decrypted/{ticket}/{name}", Need::view_link, Work::library, file},
    {"DELETE", "/api/recordings/{id}/decrypted/{ticket}", Need::view_link, Work::library, forget},
};

}  // namespace

std::span<const Route> decryption_routes() {
  return kDecryptionRoutes;
}

}  // namespace rtpx::server
