#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "ingest/whep/reflexive.hpp"
#include "rtpx/result.hpp"

namespace rtpx::whep {

/// One request of WHEP.
struct HttpCall {
  std::string method = "POST";
  std::string url;           ///< http or https, absolute
  std::string token;         ///< Authorization: Bearer; empty: none. Not sent on to another host by a redirect
  std::string content_type;  ///< of the body; empty: there is none
  std::string body;
  std::chrono::milliseconds timeout{30'000};  ///< of all of it, redirects included
};

struct HttpAnswer {
  long status = 0;
  std::string url;  ///< the one that answered, after redirects
  std::vector<std::pair<std::string, std::string>> headers;  ///< of the last answer; names in lower case
  std::string body;

  /// The first one; nullopt: there is none.
  [[nodiscard]] std::optional<std::string_view> header(std::string_view lower_name) const;
  /// Retry-After (RFC 9110 section 10.2.3), seconds or a date.
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const;
};

inline constexpr long kMaxRedirects = 3;                       ///< to http(s), never from https to http
inline constexpr std::size_t kMaxAnswerBytes = 128U << 10;     ///< of a body
inline constexpr std::size_t kMaxHeaderBytes = 32U << 10;      ///< of all heads of an exchange

/// Does it, with libcurl; waits. Any HTTP status is an answer. `may_reach` sees each address before it is connected
/// to, whatever name it came from; with it no proxy is used, since a proxy would reach others.
/// Errors: invalid_argument (the URL), denied (may_reach; a certificate that is not trusted), network, malformed
/// (over a limit above), cancelled.
[[nodiscard]] Result<HttpAnswer> exchange(const HttpCall& call, const MayReach& may_reach,
                                          const std::stop_token& stop);

/// A reference (RFC 3986) as a URL, read from `base`. Errors: invalid_argument, also for other schemes than http(s).
[[nodiscard]] Result<std::string> resolve_url(const std::string& base, const std::string& reference);
/// Whether both have the same scheme, host and port (RFC 6454).
[[nodiscard]] bool same_origin(const std::string& a, const std::string& b);
/// The host of a URL without brackets, lower case; empty where it has none.
[[nodiscard]] std::string host_of(const std::string& url);

}  // namespace rtpx::whep
