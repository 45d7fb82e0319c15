#include "access.hpp"

#include <openssl/crypto.h>

#include <algorithm>

namespace rtpx::server {
namespace {

constexpr std::size_t kMaxBuckets = 10'000;

std::string without_port(std::string host) {
  if (host.starts_with('[')) return host.substr(0, host.find(']') + 1);
  return host.substr(0, host.find(':'));
}

std::string cookie_value(const std::string& cookies, const std::string& name) {
  for (std::size_t from = 0; from < cookies.size();) {
    while (from < cookies.size() && (cookies[from] == ' ' || cookies[from] == ';')) ++from;
    const std::size_t end = std::min(cookies.find(';', from), cookies.size());
    const std::string pair = cookies.substr(from, end - from);
    if (pair.starts_with(name + "=")) return pair.substr(name.size() + 1);
    from = end + 1;
  }
  return {};
}

}  // namespace

bool Access::is_public(const std::string& method, const std::string& path) {
  if (method == "OPTIONS") return true;
  if (path == "/api/login") return true;
  if (method != "GET" && method != "HEAD") return false;
  return path == "/healthz" || path == "/readyz" || path == "/openapi.json" || path == "/api/config" ||
         !(path.starts_with("/api/") || path == "/metrics" || path.starts_with("/whip"));
}

bool Access::token_matches(const std::string& token) const {
  return token.size() == options_.token.size() &&
         CRYPTO_memcmp(token.data(), options_.token.data(), token.size()) == 0;
}

bool Access::has_token(const RequestFacts& request) const {
  constexpr std::string_view kBearer = "Bearer ";
  if (request.authorization.size() > kBearer.size() && request.authorization.starts_with(kBearer))
    return token_matches(request.authorization.substr(kBearer.size()));
  return token_matches(cookie_value(request.cookie, kTokenCookie));
}

bool Access::host_is_ours(const std::string& host) const {
  // Behind a token a foreign name gains nothing; without one, only our own names are served.
  if (!options_.token.empty() || options_.insecure) return true;
  if (host.empty() || is_loopback(without_port(host))) return true;
  return std::ranges::any_of(options_.allowed_origins,
                             [&](const std::string& origin) { return origin.ends_with("://" + host); });
}

bool Access::origin_is_ours(const RequestFacts& request) const {
  if (request.origin.empty()) return true;  // no browser, or the page's own plain GET
  if (request.origin == (request.tls ? "https://" : "http://") + request.host) return true;
  if (request.origin == "https://" + request.host) return true;  // behind a proxy that ends TLS
  return std::ranges::find(options_.allowed_origins, request.origin) != options_.allowed_origins.end();
}

std::optional<Refusal> Access::check(const RequestFacts& request) const {
  if (!host_is_ours(request.host))
    return Refusal{403, "This server answers to its own names only, not to \"" + request.host +
                            "\". Give --token, or --origin for that name."};
  const bool changes = request.method != "GET" && request.method != "HEAD" && request.method != "OPTIONS";
  if (changes && !origin_is_ours(request))
    return Refusal{403, "Pages of " + request.origin + " may not do this here. Allow them with --origin."};
  if (options_.token.empty() || is_public(request.method, request.path) || has_token(request))
    return std::nullopt;
  return Refusal{401, "A token is needed: Authorization: Bearer TOKEN."};
}

std::string Access::allowed_origin(const RequestFacts& request) const {
  return !request.origin.empty() && origin_is_ours(request) ? request.origin : std::string();
}

bool Access::take_session(const std::string& remote_address) {
  const auto now = std::chrono::steady_clock::now();
  const double burst = options_.whip_burst;
  const std::lock_guard lock(mutex_);
  if (buckets_.size() > kMaxBuckets) {
    std::erase_if(buckets_,
                  [&](const auto& bucket) { return now - bucket.second.at > std::chrono::seconds(60); });
    if (buckets_.size() > kMaxBuckets) buckets_.clear();
  }
  auto [at, fresh] = buckets_.try_emplace(remote_address, Bucket{burst, now});
  Bucket& bucket = at->second;
  const double seconds = std::chrono::duration<double>(now - bucket.at).count();
  bucket.left = std::min(burst, bucket.left + seconds * options_.whip_rate);
  bucket.at = now;
  if (bucket.left < 1) return false;
  bucket.left -= 1;
  return true;
}

}  // namespace rtpx::server
