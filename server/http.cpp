#include "http.hpp"

#include <sys/socket.h>

#include <nlohmann/json.hpp>

#include "log.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kMaxBody = 256U << 10;
constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kThreads = 128;  // each event stream and each idle connection holds one

/// Splits at slashes; httplib has percent-decoded the path already. Empty components vanish.
std::vector<std::string> split(const std::string& path) {
  std::vector<std::string> out;
  for (std::size_t from = 1; from < path.size();) {
    const std::size_t end = std::min(path.find('/', from), path.size());
    if (end > from) out.push_back(path.substr(from, end - from));
    from = end + 1;
  }
  return out;
}

RequestFacts facts_of(const httplib::Request& request, bool tls) {
  return {request.method,
          request.path,
          request.get_header_value("Host"),
          request.get_header_value("Origin"),
          request.get_header_value("Authorization"),
          request.get_header_value("Cookie"),
          request.remote_addr,
          tls};
}

void add_cors(httplib::Response& response, const std::string& origin) {
  if (origin.empty()) return;
  response.set_header("Access-Control-Allow-Origin", origin);
  response.set_header("Vary", "Origin");
  response.set_header("Access-Control-Expose-Headers", "Location, ETag, Link");
  response.set_header("Access-Control-Allow-Methods", "GET, POST, PATCH, DELETE, OPTIONS");
  response.set_header("Access-Control-Allow-Headers", "Authorization, Content-Type, If-Match");
  response.set_header("Access-Control-Max-Age", "600");
}

}  // namespace

void answer_problem(httplib::Response& response, int status, const std::string& message) {
  response.status = status;
  const nlohmann::json problem = {{"status", status}, {"detail", message}};
  response.set_content(problem.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                       "application/problem+json");
}

void answer_json(httplib::Response& response, const nlohmann::json& value, int status) {
  response.status = status;
  response.set_header("Cache-Control", "no-store");
  response.set_content(value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace),
                       "application/json");
}

int status_of(const Error& error) {
  switch (error.code) {
    case Errc::not_found:
    case Errc::tracks_not_found:
      return 404;
    case Errc::malformed:
    case Errc::truncated:
    case Errc::invalid_argument:
      return 400;
    case Errc::unsupported:
      return 422;
    case Errc::already_exists:
      return 409;
    case Errc::denied:
    case Errc::too_many_files:
      return 503;
    case Errc::no_space:
      return 507;
    default:
      return 500;
  }
}

HttpServer::HttpServer(App& app) : app_(app) {}
HttpServer::~HttpServer() {
  stop();
}

Result<void> HttpServer::start() {
  const ServeOptions& options = app_.options();
  const bool tls = !options.tls_cert.empty();
  if (tls) {
    certificate_ = std::make_unique<TlsCertificate>(options.tls_cert, options.tls_key);
    if (auto read = certificate_->read(); !read) return read;
    server_ = std::make_unique<httplib::SSLServer>([this](SSL_CTX& context) {
      certificate_->serve(context);
      return SSL_CTX_set_min_proto_version(&context, TLS1_2_VERSION) == 1;
    });
  } else {
    server_ = std::make_unique<httplib::Server>();
  }

  server_->new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
  server_->set_tcp_nodelay(true);
  server_->set_socket_options([](int socket) {
    const int yes = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  });
  server_->set_payload_max_length(kMaxBody);
  server_->set_read_timeout(5, 0);
  server_->set_write_timeout(10, 0);
  server_->set_keep_alive_timeout(2);
  server_->set_keep_alive_max_count(1000);
  server_->set_pre_routing_handler([this](const httplib::Request& request, httplib::Response& response) {
    // Before the body is read, and before a path meets httplib's own matching.
    if (request.path.size() <= kMaxPath) return httplib::Server::HandlerResponse::Unhandled;
    answer_problem(response, 414, "The path is too long.");
    return httplib::Server::HandlerResponse::Handled;
  });
  const auto handle = [this](const httplib::Request& request, httplib::Response& response) {
    dispatch(request, response);
  };
  server_->Get(".*", handle)
      .Post(".*", handle)
      .Patch(".*", handle)
      .Delete(".*", handle)
      .Put(".*", handle)
      .Options(".*", handle);
  server_->set_exception_handler(
      [](const httplib::Request& request, httplib::Response& response, std::exception_ptr thrown) {
        try {
          std::rethrow_exception(thrown);
        } catch (const std::exception& e) {
          log(LogLevel::error, request.method + " " + request.path + ": " + e.what());
        } catch (...) {
        }
        answer_problem(response, 500, "Something went wrong inside; the log says more.");
      });
  server_->set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty() && response.status >= 400)
      answer_problem(response, response.status, "The request was refused.");
  });

  std::string host = options.host;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  int port = options.port;
  const bool bound =
      port == 0 ? (port = server_->bind_to_any_port(host)) > 0 : server_->bind_to_port(host, port);
  if (!bound)
    return fail(Errc::io, "Cannot listen on " + options.host + ":" + std::to_string(port) +
                              ": is another server there?");
  url_ = (tls ? "https://" : "http://") + (host.find(':') != host.npos ? "[" + host + "]" : host) + ":" +
         std::to_string(port) + "/";
  thread_ = std::thread([this] { server_->listen_after_bind(); });
  return {};
}

Result<bool> HttpServer::reload_tls() {
  if (!certificate_) return false;
  if (auto read = certificate_->read(); !read) return std::unexpected(read.error());
  return true;
}

void HttpServer::stop() {
  if (server_) server_->stop();
  if (thread_.joinable()) thread_.join();
}

void HttpServer::dispatch(const httplib::Request& request, httplib::Response& response) {
  const bool tls = !app_.options().tls_cert.empty();
  Call call{request, response, split(request.path), facts_of(request, tls)};
  response.set_header("X-Content-Type-Options", "nosniff");
  response.set_header("Referrer-Policy", "no-referrer");
  add_cors(response, app_.access().allowed_origin(call.facts));
  if (const auto refusal = app_.access().check(call.facts)) {
    if (refusal->status == 401) response.set_header("WWW-Authenticate", "Bearer");
    return answer_problem(response, refusal->status, refusal->message);
  }
  if (request.method == "OPTIONS") {
    response.status = 204;
    if (!call.path.empty() && call.path[0] == "whip") response.set_header("Accept-Post", "application/sdp");
    return;
  }
  for (const auto area :
       {answer_whip, answer_events, answer_ingest, answer_recordings, answer_service, answer_page})
    if (area(app_, call)) return;
  answer_problem(response, 404, "There is nothing at " + request.path + ".");
}

}  // namespace rtpx::server
