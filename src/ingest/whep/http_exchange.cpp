#include "ingest/whep/http_exchange.hpp"

#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>

#include "base/ascii.hpp"
#include "base/curl_functions.hpp"
#include "base/free_with.hpp"

namespace rtpx::whep {
namespace {

using Easy = std::unique_ptr<CURL, FreeWith<curl_easy_cleanup>>;
using HeaderList = std::unique_ptr<curl_slist, FreeWith<curl_slist_free_all>>;
using Url = std::unique_ptr<CURLU, FreeWith<curl_url_cleanup>>;

constexpr long kConnectTimeoutMs = 10'000;

void initialize_curl() {
  static const CURLcode done = curl_global_init(CURL_GLOBAL_DEFAULT);
  (void)done;
}

/// What libcurl's callbacks fill.
struct Exchange {
  HttpAnswer answer;
  const MayReach* may_reach = nullptr;
  const std::stop_token* stop = nullptr;
  std::size_t header_bytes = 0;
  bool too_large = false;
  std::string refused;  // the address that may not be reached

  std::size_t on_body(std::string_view bytes) {
    too_large = answer.body.size() + bytes.size() > kMaxAnswerBytes;
    if (too_large) return 0;
    answer.body += bytes;
    return bytes.size();
  }

  std::size_t on_header(std::string_view line) {
    header_bytes += line.size();
    too_large = header_bytes > kMaxHeaderBytes;
    if (too_large) return 0;
    if (line.starts_with("HTTP/")) {  // a redirect or an interim answer came before
      answer.headers.clear();
      answer.body.clear();
    }
    const std::size_t colon = line.find(':');
    if (colon == line.npos) return line.size();
    std::string_view value = line.substr(colon + 1);
    constexpr std::string_view kSpace = " \t\r\n";
    value.remove_prefix(std::min(value.find_first_not_of(kSpace), value.size()));
    value = value.substr(0, value.find_last_not_of(kSpace) + 1);
    answer.headers.emplace_back(lower(line.substr(0, colon)), value);
    return line.size();
  }

  /// libcurl has resolved the name; what is connected to is what is judged.
  curl_socket_t open(const curl_sockaddr& to) {
    sockaddr_storage storage{};
    std::memcpy(&storage, &to.addr, std::min<std::size_t>(to.addrlen, sizeof storage));
    const SocketAddress address = SocketAddress::from(storage);
    if (*may_reach && !(*may_reach)(address)) {
      refused = address.ip();
      return CURL_SOCKET_BAD;
    }
    return ::socket(to.family, to.socktype | SOCK_CLOEXEC, to.protocol);
  }
};

std::size_t whep_on_body(char* from, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->on_body({from, size * count});
}
std::size_t whep_on_header(char* from, std::size_t size, std::size_t count, void* exchange) {
  return static_cast<Exchange*>(exchange)->on_header({from, size * count});
}
int whep_on_progress(void* exchange, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
  return static_cast<Exchange*>(exchange)->stop->stop_requested() ? 1 : 0;
}
curl_socket_t whep_on_open(void* exchange, curlsocktype, curl_sockaddr* to) {
  return static_cast<Exchange*>(exchange)->open(*to);
}

bool is_https(std::string_view url) {
  return url.size() >= 6 && equals_ignoring_case(url.substr(0, 6), "https:");
}

std::string part_of(CURLU* url, CURLUPart part, unsigned flags = 0) {
  char* text = nullptr;
  if (curl_url_get(url, part, &text, flags) != CURLUE_OK) return {};
  const std::unique_ptr<char, FreeWith<curl_free>> owned(text);
  return text;
}

Url parse_url(const std::string& text) {
  initialize_curl();
  Url url(curl_url());
  if (!url || curl_url_set(url.get(), CURLUPART_URL, text.c_str(), 0) != CURLUE_OK) return nullptr;
  return url;
}

Error transfer_error(CURLcode code, const Exchange& exchange, const char* detail) {
  if (exchange.stop->stop_requested()) return {Errc::cancelled, "The request was cancelled."};
  if (exchange.too_large)
    return {Errc::malformed, "The WHEP server's answer is larger than one may be (" +
                                 std::to_string(kMaxAnswerBytes) + " bytes)."};
  if (!exchange.refused.empty())
    return {Errc::denied, "The WHEP server's address " + exchange.refused + " may not be reached."};
  const std::string why = *detail != '\0' ? detail : curl_easy_strerror(code);
  switch (code) {
    case CURLE_URL_MALFORMAT:
    case CURLE_UNSUPPORTED_PROTOCOL:
      return {Errc::invalid_argument, "The WHEP server's URL or redirect cannot be used: " + why + "."};
    case CURLE_PEER_FAILED_VERIFICATION:
    case CURLE_SSL_CACERT_BADFILE:
      return {Errc::denied, "The WHEP server's certificate is not trusted: " + why + "."};
    case CURLE_TOO_MANY_REDIRECTS:
      return {Errc::malformed, "The WHEP server redirects more than " + std::to_string(kMaxRedirects) + " times."};
    default:
      return {Errc::network, "The WHEP server does not answer: " + why + "."};
  }
}

}  // namespace

std::optional<std::string_view> HttpAnswer::header(std::string_view lower_name) const {
  for (const auto& [name, value] : headers)
    if (name == lower_name) return value;
  return std::nullopt;
}

std::optional<std::chrono::seconds> HttpAnswer::retry_after() const {
  const auto text = header("retry-after");
  if (!text) return std::nullopt;
  std::int64_t seconds = 0;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), seconds);
  if (error == std::errc() && end == text->data() + text->size() && seconds >= 0)
    return std::chrono::seconds(seconds);
  const std::time_t date = curl_getdate(std::string(*text).c_str(), nullptr);
  if (date < 0) return std::nullopt;
  return std::chrono::seconds(std::max<std::time_t>(date - std::time(nullptr), 0));
}

Result<HttpAnswer> exchange(const HttpCall& call, const MayReach& may_reach, const std::stop_token& stop) {
  initialize_curl();
  const Easy easy(curl_easy_init());
  if (!easy) return fail(Errc::internal, "libcurl cannot be set up.");
  Exchange state{.may_reach = &may_reach, .stop = &stop};
  char detail[CURL_ERROR_SIZE] = {};
  CURL* const curl = easy.get();
  const auto set = [&](CURLoption option, auto value) { (void)curl_easy_setopt(curl, option, value); };
  set(CURLOPT_ERRORBUFFER, detail);
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_URL, call.url.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_REDIR_PROTOCOLS_STR, is_https(call.url) ? "https" : "http,https");
  set(CURLOPT_FOLLOWLOCATION, 1L);
  set(CURLOPT_POSTREDIR, static_cast<long>(CURL_REDIR_POST_ALL));
  set(CURLOPT_MAXREDIRS, kMaxRedirects);
  set(CURLOPT_CONNECTTIMEOUT_MS, kConnectTimeoutMs);
  set(CURLOPT_TIMEOUT_MS, static_cast<long>(call.timeout.count()));
  set(CURLOPT_USERAGENT, "rtpx");
  set(CURLOPT_NOPROGRESS, 0L);
  set(CURLOPT_XFERINFOFUNCTION, &whep_on_progress);
  set(CURLOPT_XFERINFODATA, &state);
  set(CURLOPT_WRITEFUNCTION, &whep_on_body);
  set(CURLOPT_WRITEDATA, &state);
  set(CURLOPT_HEADERFUNCTION, &whep_on_header);
  set(CURLOPT_HEADERDATA, &state);
  set(CURLOPT_OPENSOCKETFUNCTION, &whep_on_open);
  set(CURLOPT_OPENSOCKETDATA, &state);
  if (may_reach) set(CURLOPT_PROXY, "");
  if (!call.token.empty()) {
    set(CURLOPT_HTTPAUTH, static_cast<long>(CURLAUTH_BEARER));
    set(CURLOPT_XOAUTH2_BEARER, call.token.c_str());
  }
  HeaderList headers;
  const auto add_header = [&](const std::string& line) {
    headers.reset(curl_slist_append(headers.release(), line.c_str()));
  };
  add_header("Expect:");
  if (!call.content_type.empty()) {
    add_header("Content-Type: " + call.content_type);
    add_header("Accept: application/sdp");
    set(CURLOPT_POSTFIELDSIZE, static_cast<long>(call.body.size()));
    set(CURLOPT_POSTFIELDS, call.body.c_str());
  }
  set(CURLOPT_HTTPHEADER, headers.get());
  if (call.method != "POST") set(CURLOPT_CUSTOMREQUEST, call.method.c_str());

  const CURLcode code = curl_easy_perform(curl);
  if (code != CURLE_OK) return std::unexpected(transfer_error(code, state, detail));
  (void)curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &state.answer.status);
  const char* effective = nullptr;
  (void)curl_easy_getinfo(curl, CURLINFO_EFFECTIVE_URL, &effective);
  state.answer.url = effective != nullptr ? effective : call.url;
  return std::move(state.answer);
}

Result<std::string> resolve_url(const std::string& base, const std::string& reference) {
  const Url url = parse_url(base);
  if (url && curl_url_set(url.get(), CURLUPART_URL, reference.c_str(), 0) == CURLUE_OK) {
    const std::string scheme = part_of(url.get(), CURLUPART_SCHEME);
    if (scheme == "http" || scheme == "https") return part_of(url.get(), CURLUPART_URL);
  }
  return fail(Errc::invalid_argument, "That is no http or https URL.");
}

bool same_origin(const std::string& a, const std::string& b) {
  const Url one = parse_url(a), other = parse_url(b);
  if (!one || !other) return false;
  const auto same = [&](CURLUPart part, unsigned flags) {
    return lower(part_of(one.get(), part, flags)) == lower(part_of(other.get(), part, flags));
  };
  return same(CURLUPART_SCHEME, 0) && same(CURLUPART_HOST, 0) && same(CURLUPART_PORT, CURLU_DEFAULT_PORT);
}

std::string host_of(const std::string& url) {
  const Url parsed = parse_url(url);
  std::string host = parsed ? lower(part_of(parsed.get(), CURLUPART_HOST)) : "";
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace rtpx::whep
