#include "server/front/access.hpp"

#include <algorithm>

namespace rtpx::server {
namespace {

using http::Authority;
using http::IpAddress;
using http::Request;
using http::Response;
using namespace std::chrono_literals;

constexpr const char* kSessionCookie = "rtpx_session";
constexpr std::chrono::seconds kSessionLife = std::chrono::days(7);
constexpr const char* kKeyFile = ".rtpx-key";

// A person mistypes a few times; a program with an old token asks often and is to learn that it is old.
constexpr double kLoginsASecond = 0.1, kLoginsAtOnce = 10;
constexpr double kWrongTokensASecond = 10, kWrongTokensAtOnce = 1000;

std::string_view bearer_of(const Request& request) {
  constexpr std::string_view kBearer = "Bearer ";
  const std::string_view value = request.header("Authorization");
  return value.starts_with(kBearer) ? value.substr(kBearer.size()) : std::string_view();
}

std::string_view cookie_of(const Request& request, std::string_view name) {
  std::string_view cookies = request.header("Cookie");
  while (!cookies.empty()) {
    const auto end = std::min(cookies.find(';'), cookies.size());
    std::string_view pair = cookies.substr(0, end);
    while (pair.starts_with(' ')) pair.remove_prefix(1);
    if (pair.starts_with(name) && pair.substr(name.size()).starts_with('='))
      return pair.substr(name.size() + 1);
    cookies.remove_prefix(std::min(end + 1, cookies.size()));
  }
  return {};
}

bool allows(const Scopes& scopes, Need need) {
  switch (need) {
    case Need::nothing:
      return true;
    case Need::record:
      return scopes.record;
    case Need::view:
    case Need::view_link:
    case Need::view_node:
      return scopes.view;
    case Need::admin:
      return scopes.admin;
  }
  return false;
}

/// The host of "https://host:port".
std::optional<Authority> host_of_origin(const std::string& origin) {
  const auto slashes = origin.find("://");
  if (slashes == origin.npos) return std::nullopt;
  return Authority::parse(std::string_view(origin).substr(slashes + 3));
}

bool is_proxy(const ServeOptions& options, const IpAddress& address) {
  return std::ranges::any_of(options.trusted_proxies,
                             [&](const auto& proxies) { return proxies.contains(address); });
}

}  // namespace

Access::Access(const ServeOptions& options)
    : options_(options),
      sessions_(options.whip_rate, options.whip_burst),
      logins_(kLoginsASecond, kLoginsAtOnce),
      wrong_tokens_(kWrongTokensASecond, kWrongTokensAtOnce) {}

Result<void> Access::load() {
  return credentials_.load(
      {options_.token, options_.token_file, options_.tokens_file, options_.base_dir / kKeyFile});
}

void Access::see_through_proxy(Request& request) const {
  if (!is_proxy(options_, request.peer)) return;
  request.secure = request.secure || request.header("X-Forwarded-Proto") == "https";
  // Each proxy appends whom it saw, perhaps as a header of its own: the last that is no proxy of ours is the
  // sender.
  const std::string all = http::joined(request.headers, "X-Forwarded-For");
  std::string_view list = all;
  while (!list.empty()) {
    const auto comma = list.rfind(',');
    std::string_view one = comma == list.npos ? list : list.substr(comma + 1);
    while (one.starts_with(' ')) one.remove_prefix(1);
    while (one.ends_with(' ')) one.remove_suffix(1);
    const auto address = IpAddress::parse(one);
    if (!address) return;
    request.remote = *address;
    if (!is_proxy(options_, *address) || comma == list.npos) return;
    list = list.substr(0, comma);
  }
}

bool Access::host_is_ours(const Request& request) const {
  // Behind a token a foreign name gains nothing; without one, only our own names are served.
  if (credentials_.required() || options_.insecure || !request.host) return true;
  const Authority& host = *request.host;
  if (host.ip) return host.ip->is_loopback();
  if (host.host == "localhost") return true;
  const auto names_it = [&](const std::optional<Authority>& ours) { return ours && ours->host == host.host; };
  return names_it(Authority::parse(options_.host)) ||
         std::ranges::any_of(options_.allowed_origins,
                             [&](const std::string& origin) { return names_it(host_of_origin(origin)); });
}

bool Access::origin_is_ours(const Request& request) const {
  const std::string_view origin = request.header("Origin");
  if (origin.empty()) return true;  // no browser, or the page's own plain GET
  const std::string host(request.header("Host"));
  if (origin == (request.secure ? "https://" : "http://") + host) return true;
  if (origin == "https://" + host) return true;  // behind a proxy that ends TLS
  return std::ranges::find(options_.allowed_origins, origin) != options_.allowed_origins.end();
}

std::optional<Response> Access::check_names(const Request& request) const {
  if (!host_is_ours(request))
    return http::problem(403, "This server answers to its own names only, not to \"" + request.host->host +
                                  "\". Give --token, or --origin for that name.");
  if (!request.reads() && request.method != "OPTIONS" && !origin_is_ours(request))
    return http::problem(403, "Pages of " + http::printable(request.header("Origin")) +
                                  " may not do this here. Allow them with --origin.");
  return std::nullopt;
}

Scopes Access::scopes_of(const Request& request) const {
  if (!credentials_.required()) return Scopes::all();
  if (const auto token = bearer_of(request); !token.empty())
    return credentials_.scopes_of_token(token).value_or(Scopes{});
  return credentials_.scopes_of_session(cookie_of(request, kSessionCookie)).value_or(Scopes{});
}

std::optional<Response> Access::check(const Request& request, Need need, const std::string& recording) {
  if (need == Need::nothing || !credentials_.required()) return std::nullopt;
  if (need == Need::view_link) {
    const auto link = request.target.parameter("link");
    if (link && credentials_.link_is_good(recording, *link)) return std::nullopt;
  }
  if (need == Need::view_node && is_node_ && is_node_(request)) return std::nullopt;
  const bool guesses = !bearer_of(request).empty();
  if (guesses && !wrong_tokens_.would_pass(request.remote))
    return http::problem(429, "Too many wrong tokens came from this address.").with("Retry-After", "10");
  const Scopes scopes = scopes_of(request);
  if (allows(scopes, need)) return std::nullopt;
  if (scopes.record || scopes.view || scopes.admin)
    return http::problem(403, "This token does not allow that.");
  if (guesses) (void)wrong_tokens_.take(request.remote);
  return http::problem(401, "A token is needed: Authorization: Bearer TOKEN.")
      .with("WWW-Authenticate", "Bearer");
}

Response Access::login(const Request& request, const std::string& token) {
  if (!logins_.take(request.remote))
    return http::problem(429, "Too many tries. Wait ten seconds.").with("Retry-After", "10");
  const auto session = credentials_.open_session(token, kSessionLife);
  if (!session) return http::problem(401, "The token is not the right one.");
  return http::empty(204).with("Set-Cookie", std::string(kSessionCookie) + "=" + *session +
                                                 "; Path=/; Max-Age=" + std::to_string(kSessionLife.count()) +
                                                 "; HttpOnly; SameSite=Strict" +
                                                 (request.secure ? "; Secure" : ""));
}

Response Access::logout() {
  return http::empty(204).with(
      "Set-Cookie", std::string(kSessionCookie) + "=; Path=/; Max-Age=0; HttpOnly; SameSite=Strict");
}

std::string Access::allowed_origin(const Request& request) const {
  const std::string_view origin = request.header("Origin");
  return !origin.empty() && origin_is_ours(request) ? std::string(origin) : std::string();
}

}  // namespace rtpx::server
