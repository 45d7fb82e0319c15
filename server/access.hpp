#pragma once

#include <chrono>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "options.hpp"

namespace rtpx::server {

/// What of a request decides whether it is let in.
struct RequestFacts {
  std::string method, path, host, origin, authorization, cookie, remote_address;
  bool tls = false;
};

/// A refusal: HTTP status and a sentence.
struct Refusal {
  int status = 403;
  std::string message;
};

/// Who may do what: token, Host and Origin (a foreign web page must not reach a server on 127.0.0.1, neither
/// through the browser nor through a name that it makes point here), and the rate of new sessions.
/// Thread-safe.
class Access {
 public:
  explicit Access(const ServeOptions& options) : options_(options) {}

  /// nullopt: come in.
  [[nodiscard]] std::optional<Refusal> check(const RequestFacts& request) const;
  /// True when one more session may be opened from there now.
  [[nodiscard]] bool take_session(const std::string& remote_address);
  /// The value of Access-Control-Allow-Origin for this request; empty: none.
  [[nodiscard]] std::string allowed_origin(const RequestFacts& request) const;
  [[nodiscard]] bool token_matches(const std::string& token) const;

  /// What needs no token: health, the page's own files, and its description.
  [[nodiscard]] static bool is_public(const std::string& method, const std::string& path);

 private:
  [[nodiscard]] bool host_is_ours(const std::string& host) const;
  [[nodiscard]] bool origin_is_ours(const RequestFacts& request) const;
  [[nodiscard]] bool has_token(const RequestFacts& request) const;

  struct Bucket {
    double left = 0;
    std::chrono::steady_clock::time_point at;
  };
  const ServeOptions& options_;
  std::mutex mutex_;
  std::map<std::string, Bucket> buckets_;
};

inline constexpr const char* kTokenCookie = "rtpx_token";

}  // namespace rtpx::server
