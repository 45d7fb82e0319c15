#include "server/http/request_parser.hpp"

#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <algorithm>
#include <charconv>

namespace rtpx::http {
namespace {

namespace beast = boost::beast::http;

std::string_view view(boost::beast::string_view text) {
  return {text.data(), text.size()};
}

std::ptrdiff_t count(const Headers& headers, std::string_view name) {
  return std::ranges::count_if(headers, [&](const auto& header) {
    return boost::beast::iequals(header.first, boost::beast::string_view(name.data(), name.size()));
  });
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

RequestParser::State RequestParser::refuse(int status, std::string detail) {
  refusal_ = {status, std::move(detail)};
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
  beast::request_parser<beast::empty_body> parser;
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
  chunked_.reset();
  length_ = 0;
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
  const auto lengths = count(request_.headers, "Content-Length");
  const auto encodings = count(request_.headers, "Transfer-Encoding");
  if (lengths + encodings > 1) return refuse(400, "The length of the body is said twice.");
  if (encodings == 1 &&
      (request_.http_1_0 || !boost::beast::iequals(request_.header("Transfer-Encoding"), "chunked")))
    return refuse(501, "The only transfer coding is chunked.");
  if (lengths == 1) {
    const std::string_view digits = request_.header("Content-Length");
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length_);
    if (error != std::errc() || end != digits.data() + digits.size())
      return refuse(400, "Content-Length is one number.");
  }
  if (count(request_.headers, "Content-Encoding") > 0) return refuse(415, "Bodies are not compressed here.");
  if (count(request_.headers, "Expect") > 0 && !expects_continue())
    return refuse(417, "The only expectation is 100-continue.");
  if (encodings == 1) chunked_.emplace();
  return state_ = chunked_ || length_ > 0 ? State::body : State::done;
}

bool RequestParser::expects_continue() const {
  return !request_.http_1_0 && header_of(request_.headers, "Expect").size() == 12 &&
         boost::beast::iequals(header_of(request_.headers, "Expect"), "100-continue");
}

std::optional<std::uint64_t> RequestParser::body_length() const {
  if (chunked_) return std::nullopt;
  return length_;
}

RequestParser::State RequestParser::read_body(std::size_t max_body) {
  if (state_ != State::body) return state_;
  if (!chunked_ && length_ > max_body)
    return refuse(413, "The body may have " + std::to_string(max_body) + " bytes.");
  wire_left_ = max_body;
  body_allowed_ = true;
  return take_body();
}

RequestParser::State RequestParser::take_body() {
  std::size_t used = 0;
  auto state = ChunkedBody::State::more;
  if (chunked_) {
    state = chunked_->put(buffer_, request_.body, used);
  } else {
    used = std::min(buffer_.size(), length_ - request_.body.size());
    request_.body.append(buffer_, 0, used);
    if (request_.body.size() == length_) state = ChunkedBody::State::done;
  }
  if (used > wire_left_) return refuse(413, "The body is too long.");
  if (state == ChunkedBody::State::malformed) return refuse(400, "The body is not what its head says.");
  wire_left_ -= used;
  buffer_.erase(0, used);
  if (buffer_.empty()) buffer_ = {};
  return state_ = state == ChunkedBody::State::done ? State::done : State::body;
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
