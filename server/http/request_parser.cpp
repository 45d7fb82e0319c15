#include "http/request_parser.hpp"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>

#include <algorithm>

namespace rtpx::http {
namespace {

namespace beast = boost::beast::http;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

/// RFC 9112 3.2.2: "http://host/path" means the path at that host.
struct SplitTarget {
  std::string_view authority, origin_form;
  bool absolute = false;
};
SplitTarget split(std::string_view target) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (!target.starts_with(scheme)) continue;
    const std::string_view rest = target.substr(scheme.size());
    const auto path = std::min(rest.find_first_of("/?"), rest.size());
    const std::string_view origin_form = rest.substr(path);
    return {rest.substr(0, path), origin_form.empty() ? "/" : origin_form, true};
  }
  return {{}, target, false};
}

}  // namespace

struct RequestParser::Beast {
  beast::request_parser<beast::string_body> parser;
};

RequestParser::RequestParser() = default;
RequestParser::~RequestParser() = default;

RequestParser::State RequestParser::refuse(int status, std::string detail) {
  refusal_ = {status, std::move(detail)};
  beast_.reset();
  buffer_ = {};
  return state_ = State::refused;
}

RequestParser::State RequestParser::put(std::string_view bytes) {
  if (state_ == State::refused) return state_;
  if (buffer_.empty() && state_ == State::head) {  // RFC 9112 2.2: empty lines before a request are skipped
    while (bytes.starts_with("\r\n")) bytes.remove_prefix(2);
  }
  buffer_ += bytes;
  if (state_ == State::head) return parse_head();
  if (state_ == State::body && body_allowed_) return take_body();
  return state_;
}

RequestParser::State RequestParser::parse_head() {
  const std::size_t end = buffer_.find("\r\n\r\n", searched_);
  const std::size_t length = end == buffer_.npos ? buffer_.size() : end + 4;
  if (length > kMaxHead) {
    const bool long_line = buffer_.substr(0, kMaxHead).find("\r\n") == buffer_.npos;
    return refuse(long_line ? 414 : 431,
                  "Request line and headers may have " + std::to_string(kMaxHead) + " bytes.");
  }
  if (end == buffer_.npos) {
    searched_ = buffer_.size() < 3 ? 0 : buffer_.size() - 3;
    return state_;
  }
  const std::string_view head(buffer_.data(), length);
  if (head.find("\r\n ") != head.npos || head.find("\r\n\t") != head.npos)
    return refuse(400, "A header is continued on another line.");
  beast_ = std::make_unique<Beast>();
  auto& parser = beast_->parser;
  parser.header_limit(kMaxHead + 1);
  parser.eager(false);
  boost::beast::error_code error;
  const std::size_t used = parser.put(boost::asio::buffer(head.data(), head.size()), error);
  if (error == beast::error::bad_version) return refuse(505, "This server speaks HTTP/1.1.");
  if (error || !parser.is_header_done() || used != head.size())
    return refuse(400, "The request is not HTTP/1.1.");
  buffer_.erase(0, length);
  searched_ = 0;
  if (buffer_.empty()) buffer_ = {};

  const auto& message = parser.get();
  request_ = {};
  request_.method = view(message.method_string());
  request_.http_1_0 = message.version() == 10;
  request_.keep_alive = parser.keep_alive();
  std::size_t count = 0;
  for (const auto& field : message) {
    if (++count > kMaxHeaders)
      return refuse(431, "A request may have " + std::to_string(kMaxHeaders) + " headers.");
    request_.headers.emplace_back(view(field.name_string()), view(field.value()));
  }
  const SplitTarget target = split(view(message.target()));
  const auto hosts = message.count(beast::field::host);
  if (hosts > 1 || (hosts == 0 && !request_.http_1_0)) return refuse(400, "A request has one Host header.");
  const std::string_view host = target.absolute ? target.authority : request_.header("Host");
  if (target.absolute || hosts == 1) {
    request_.host = Authority::parse(host);
    if (!request_.host) return refuse(400, "The host is no name or address.");
  }
  if (request_.method == "OPTIONS" && target.origin_form == "*") return check_framing();
  auto parsed = Target::parse(target.origin_form);
  if (!parsed) return refuse(404, "There is nothing at " + printable(target.origin_form) + ".");
  request_.target = *std::move(parsed);
  return check_framing();
}

/// How long the body is must be said in one way only.
RequestParser::State RequestParser::check_framing() {
  const auto& message = beast_->parser.get();
  const auto lengths = message.count(beast::field::content_length);
  const auto encodings = message.count(beast::field::transfer_encoding);
  if (lengths > 1 || encodings > 1 || (lengths == 1 && encodings == 1))
    return refuse(400, "The length of the body is said twice.");
  if (encodings == 1 &&
      (request_.http_1_0 || !boost::beast::iequals(message[beast::field::transfer_encoding], "chunked")))
    return refuse(501, "The only transfer coding is chunked.");
  const std::string_view digits = view(message[beast::field::content_length]);
  if (digits.find_first_not_of("0123456789") != digits.npos)
    return refuse(400, "Content-Length is one number.");
  if (message.count(beast::field::content_encoding) > 0)
    return refuse(415, "Bodies are not compressed here.");
  if (message.count(beast::field::expect) > 0 && !expects_continue())
    return refuse(417, "The only expectation is 100-continue.");
  const bool none = encodings == 0 && beast_->parser.content_length().value_or(0) == 0;
  if (none) beast_.reset();
  return state_ = none ? State::done : State::body;
}

bool RequestParser::expects_continue() const {
  return !request_.http_1_0 && header_of(request_.headers, "Expect").size() == 12 &&
         boost::beast::iequals(header_of(request_.headers, "Expect"), "100-continue");
}

std::optional<std::uint64_t> RequestParser::body_length() const {
  if (!beast_) return 0;
  if (const auto length = beast_->parser.content_length()) return *length;
  return std::nullopt;
}

RequestParser::State RequestParser::read_body(std::size_t max_body) {
  if (state_ != State::body) return state_;
  if (const auto length = body_length(); length && *length > max_body)
    return refuse(413, "The body may have " + std::to_string(max_body) + " bytes.");
  beast_->parser.body_limit(max_body);
  wire_left_ = max_body;
  body_allowed_ = true;
  return take_body();
}

RequestParser::State RequestParser::take_body() {
  auto& parser = beast_->parser;
  std::size_t used = 0;
  boost::beast::error_code error;
  while (!parser.is_done() && used < buffer_.size()) {
    const std::size_t got =
        parser.put(boost::asio::buffer(buffer_.data() + used, buffer_.size() - used), error);
    used += got;
    if (error || got == 0) break;
  }
  if (used > wire_left_ || error == beast::error::body_limit) return refuse(413, "The body is too long.");
  if (error && error != beast::error::need_more) return refuse(400, "The body is not what its head says.");
  wire_left_ -= used;
  buffer_.erase(0, used);
  if (!parser.is_done()) {
    if (buffer_.size() > kMaxHead) return refuse(413, "A chunk's own line is too long.");
    return state_;
  }
  request_.body = std::move(parser.get().body());
  beast_.reset();
  if (buffer_.empty()) buffer_ = {};
  return state_ = State::done;
}

RequestParser::State RequestParser::next() {
  request_ = {};
  body_allowed_ = false;
  state_ = State::head;
  std::string waiting;
  waiting.swap(buffer_);
  return put(waiting);
}

}  // namespace rtpx::http
