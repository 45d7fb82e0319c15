#pragma once

#include <httplib.h>

#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <string>
#include <vector>

#include "app.hpp"
#include "tls_certificate.hpp"

namespace rtpx::server {

/// A request with its path split at slashes and percent-decoded: {"api", "recordings", "20261122-100000"}.
struct Call {
  const httplib::Request& request;
  httplib::Response& response;
  std::vector<std::string> path;
  RequestFacts facts;
};

/// application/problem+json (RFC 9457): `status`, and a sentence for a person.
void answer_problem(httplib::Response& response, int status, const std::string& message);
/// The HTTP status that fits an error of the library.
[[nodiscard]] int status_of(const Error& error);
inline void answer_error(httplib::Response& response, const Error& error) {
  answer_problem(response, status_of(error), error.message);
}

void answer_json(httplib::Response& response, const nlohmann::json& value, int status = 200);

/// What POST /whip and POST /api/ingest have in common: application/sdp, the rate of new sessions, readiness.
/// False: it was answered.
bool may_open_session(App& app, Call& call, const std::string& what);
/// `?name=`, of a length that a manifest can bear.
[[nodiscard]] std::string session_name(const httplib::Request& request);
/// A description that was not taken: logged, and when to come again.
void answer_refused(Call& call, const Error& error);

// Each area answers what it knows and says whether it did.
bool answer_whip(App& app, Call& call);
bool answer_ingest(App& app, Call& call);
bool answer_recordings(App& app, Call& call);
bool answer_page(App& app, Call& call);
bool answer_service(App& app, Call& call);  ///< health, metrics, configuration, login
bool answer_events(App& app, Call& call);

/// The HTTP server: limits, access control and dispatch around the areas above.
class HttpServer {
 public:
  explicit HttpServer(App& app);
  ~HttpServer();
  /// Binds and serves on threads of its own. Errors: io (the port is taken), invalid_argument (TLS files).
  [[nodiscard]] Result<void> start();
  [[nodiscard]] const std::string& url() const { return url_; }
  /// Reads the TLS certificate and key again; connections under way keep theirs. False: there is no TLS.
  /// Errors: those of TlsCertificate::read.
  [[nodiscard]] Result<bool> reload_tls();
  void stop();

 private:
  void dispatch(const httplib::Request& request, httplib::Response& response);

  App& app_;
  std::unique_ptr<TlsCertificate> certificate_;
  std::unique_ptr<httplib::Server> server_;
  std::string url_;
  std::thread thread_;
};

}  // namespace rtpx::server
