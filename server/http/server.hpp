#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "rtpx/result.hpp"
#include "server/http/gate.hpp"
#include "server/http/message.hpp"
#include "server/http/request_parser.hpp"
#include "server/http/tls_certificate.hpp"
#include "server/http/work_queue.hpp"

namespace rtpx::http {

/// How a request goes on, decided from its head alone.
struct Plan {
  std::function<Response(const Request&)> answer;
  WorkQueue* queue = nullptr;  ///< where `answer` runs; null: on the loop, and then it must not wait
  std::size_t max_body = 0;    ///< of the request; 0: none is expected
  bool trusted = false;        ///< no guest (Gate)
};

struct ServerOptions {
  std::string host;                       ///< name or literal, without brackets
  int port = 0;                           ///< 0: any free one
  TlsCertificate* certificate = nullptr;  ///< null: no TLS
  Gate::Limits limits;
  std::vector<IpNetwork> trusted_proxies;  ///< whose X-Forwarded-For and -Proto are believed
  std::size_t body_bytes = 32U << 20;      ///< of requests that are being read, in all

  std::chrono::milliseconds head_timeout{10'000};  ///< also of the TLS handshake
  std::chrono::milliseconds body_timeout{30'000};
  std::chrono::milliseconds idle_timeout{30'000};  ///< of a connection between requests
  std::chrono::milliseconds stall_timeout{
      30'000};                                     ///< of an answer that is not read; a guest has this in all
  std::chrono::milliseconds stream_life{600'000};  ///< of an event stream; the client comes back by itself
};

/// What the server asks of its owner.
struct ServerHandlers {
  /// On the loop, when a head is read. A Response refuses.
  std::function<std::variant<Plan, Response>(Request& request)> decide;
  /// On the loop, before an answer is sent; `request` may be empty where what came was none.
  std::function<void(const Request& request, Response& response)> finish;
  /// On any thread: an answer threw.
  std::function<void(const Request& request, const std::string& what)> failed;
};

/// An HTTP/1.1 server: one thread for all connections, queues for what waits. Every byte that it keeps for a
/// connection, and the time that one may take, has a bound.
class Server {
 public:
  Server(ServerOptions options, ServerHandlers handlers);
  ~Server();

  /// Binds and serves on threads of its own. Errors: io (the address is taken, or none of ours).
  [[nodiscard]] Result<void> start();
  [[nodiscard]] std::uint16_t port() const;
  /// There is news for event streams. Any thread.
  void publish();
  [[nodiscard]] std::size_t event_streams() const;
  /// No new connections; idle ones and event streams are closed; requests under way have `patience` to
  /// finish.
  void stop(std::chrono::milliseconds patience);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace rtpx::http
