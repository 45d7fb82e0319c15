#pragma once

#include <memory>
#include <string>

#include "server/app.hpp"
#include "server/http/server.hpp"
#include "server/http/tls_certificate.hpp"

namespace rtpx::server {

/// The server's front door: the HTTP server with access control and dispatch, both by the same table of
/// routes.
class Front {
 public:
  explicit Front(App& app);
  ~Front();
  /// Binds and serves on threads of its own. Errors: io (the port is taken), invalid_argument (TLS files).
  [[nodiscard]] Result<void> start();
  [[nodiscard]] const std::string& url() const { return url_; }
  /// Reads the TLS certificate and the tokens again, and logs it; connections under way keep their
  /// certificate.
  void reload();
  /// Requests under way are finished, others are not taken. The App is not used after it.
  void stop();

 private:
  [[nodiscard]] std::variant<http::Plan, http::Response> decide(http::Request& request);
  void finish(const http::Request& request, http::Response& response) const;
  [[nodiscard]] bool is_asked_of_another_node(const http::Request& request) const;
  [[nodiscard]] http::WorkQueue* queue_of(Work work, const http::Request& request);

  App& app_;
  std::unique_ptr<http::TlsCertificate> certificate_;
  http::WorkQueue sessions_{8, 1024}, library_{4, 1024}, play_{3, 256}, waits_{128, 1024}, children_{2, 16},
      cuts_{2, 32};
  std::unique_ptr<http::Server> server_;
  std::string url_;
};

}  // namespace rtpx::server
