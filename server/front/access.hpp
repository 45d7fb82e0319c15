#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/front/credentials.hpp"
#include "server/front/rate_limit.hpp"
#include "server/front/routes.hpp"
#include "server/http/message.hpp"
#include "server/options.hpp"

namespace rtpx::server {

/// Who may do what: tokens, sessions and links; Host and Origin (a foreign web page must not reach a server
/// on 127.0.0.1, neither through the browser nor through a name that it makes point here); and the rates of
/// new sessions and of guesses. Thread-safe.
class Access {
 public:
  explicit Access(const ServeOptions& options);

  /// Reads tokens and key, again at SIGHUP. Errors: those of Credentials::load.
  [[nodiscard]] Result<void> load();

  /// Takes sender and scheme from the headers of a proxy that is trusted.
  void see_through_proxy(http::Request& request) const;
  /// Host and Origin. nullopt: come in.
  [[nodiscard]] std::optional<http::Response> check_names(const http::Request& request) const;
  /// Whether a request is another node's, which may see recordings. Before other threads use this.
  void know_nodes_by(std::function<bool(const http::Request&)> is_node) { is_node_ = std::move(is_node); }
  /// `recording`: which one a link must be for. nullopt: come in.
  [[nodiscard]] std::optional<http::Response> check(const http::Request& request, Need need,
                                                    const std::string& recording = {});
  /// What the sender may do; all where no token is asked for.
  [[nodiscard]] Scopes scopes_of(const http::Request& request) const;
  /// Exchanges a token for a session, given as a cookie.
  [[nodiscard]] http::Response login(const http::Request& request, const std::string& token);
  [[nodiscard]] static http::Response logout();

  /// True when one more session may be opened from there now.
  [[nodiscard]] bool take_session(const http::IpAddress& address) { return sessions_.take(address); }
  /// The value of Access-Control-Allow-Origin for this request; empty: none.
  [[nodiscard]] std::string allowed_origin(const http::Request& request) const;
  [[nodiscard]] const Credentials& credentials() const { return credentials_; }

 private:
  [[nodiscard]] bool host_is_ours(const http::Request& request) const;
  [[nodiscard]] bool origin_is_ours(const http::Request& request) const;

  const ServeOptions& options_;
  Credentials credentials_;
  std::function<bool(const http::Request&)> is_node_;
  RateLimit sessions_, logins_, wrong_tokens_;
};

}  // namespace rtpx::server
