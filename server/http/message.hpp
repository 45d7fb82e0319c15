#pragma once

#include <cstdint>
#include <ctime>
#include <functional>
#include <memory>
#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "server/http/address.hpp"
#include "server/http/target.hpp"

namespace rtpx::http {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The first value of that name, in whatever case; empty: none.
[[nodiscard]] std::string_view header_of(const Headers& headers, std::string_view name);

/// All values of that name, with commas between them (RFC 9110 5.3).
[[nodiscard]] std::string joined(const Headers& headers, std::string_view name);

/// A request whose head has passed every check of RequestParser.
struct Request {
  std::string method;
  Target target;
  Headers headers;
  std::optional<Authority> host;  ///< of the absolute target, else of Host; nullopt in HTTP/1.0 without one
  std::string body;
  bool keep_alive = true;
  bool http_1_0 = false;

  IpAddress peer;       ///< the other end of the connection
  IpAddress remote;     ///< the sender: the peer, or whom a trusted proxy names
  bool secure = false;  ///< TLS reaches the sender: ours, or that of a trusted proxy

  std::vector<std::string> captured;  ///< what stands for {…} in the route's pattern, in order

  [[nodiscard]] std::string_view header(std::string_view name) const { return header_of(headers, name); }
  [[nodiscard]] bool reads() const { return method == "GET" || method == "HEAD"; }
};

/// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(fd_, other.fd_);
    return *this;
  }
  ~Descriptor();
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_ = -1;
};

/// Bytes of a file, sent without passing through memory where there is no TLS.
struct FileBody {
  std::shared_ptr<Descriptor> file;
  std::uint64_t offset = 0, length = 0;
};

/// Text of unknown length, made piece by piece on a worker. Answers false at the end; what it throws is logged and
/// breaks the connection off, so that nobody takes a part for the whole.
using Generator = std::function<bool(std::string& piece)>;

/// Server-sent events: many streams, at different places of one history.
class EventFeed {
 public:
  virtual ~EventFeed() = default;
  /// Whole events that a stream at `cursor` has not had; moves the cursor. Null: nothing yet. The text is
  /// shared by all streams at that place. On the server's loop: must not wait.
  [[nodiscard]] virtual std::shared_ptr<const std::string> next(std::uint64_t& cursor) = 0;
};
struct EventBody {
  std::shared_ptr<EventFeed> feed;
  std::uint64_t cursor = 0;
};

struct Response {
  int status = 200;
  Headers headers;
  std::variant<std::string, std::string_view /* lives for ever */, FileBody, Generator, EventBody> body;

  Response& with(std::string name, std::string value) &;
  Response&& with(std::string name, std::string value) &&;
};

[[nodiscard]] Response empty(int status);
[[nodiscard]] Response text(std::string body, std::string type, int status = 200);
/// Not to be stored by caches.
[[nodiscard]] Response json(const nlohmann::json& value, int status = 200);
/// application/problem+json (RFC 9457): `status`, and a sentence for a person.
[[nodiscard]] Response problem(int status, std::string_view detail);

/// Status line and headers of an HTTP/1.1 response, with the empty line.
[[nodiscard]] std::string head_of(const Response& response, bool keep_alive, bool http_1_0);
/// "Sun, 06 Nov 1994 08:49:37 GMT" (RFC 9110 5.6.7).
[[nodiscard]] std::string http_date(std::time_t time);
/// Statuses without a body and without its length (RFC 9110 6.4.1).
[[nodiscard]] bool is_bodiless(int status);

}  // namespace rtpx::http
