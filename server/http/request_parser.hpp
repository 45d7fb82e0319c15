#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "server/http/chunked_body.hpp"
#include "server/http/message.hpp"

namespace rtpx::http {

inline constexpr std::size_t kMaxHead = 16U << 10;  ///< request line and headers together
inline constexpr std::size_t kMaxHeaders = 100;

/// Why a request is not read any further.
struct Refusal {
  int status = 400;
  std::string detail;
};

/// Reads one request from bytes as they come: the head whole, then, as far as the caller allows, the body.
/// Total, and bounded: it keeps no more than kMaxHead and the body's limit. Boost.Beast parses the head; what
/// it lets through and two readers could take in two ways (RFC 9112 11.2) is refused here.
class RequestParser {
 public:
  enum class State : std::uint8_t { head, body, done, refused };

  /// Takes all of `bytes`. What follows the request is kept for the next one.
  State put(std::string_view bytes);
  [[nodiscard]] State state() const { return state_; }
  /// True when nothing of a request has come.
  [[nodiscard]] bool idle() const { return state_ == State::head && buffer_.empty(); }
  /// Once the head is read (state body or done). The body is there when done.
  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] const Refusal& refusal() const { return refusal_; }

  /// In state body: reads on, up to so many bytes of body; of a chunked one that is what the wire carries.
  /// Call it once, before more bytes are put.
  State read_body(std::size_t max_body);
  /// The length that the head announces; nullopt: chunked.
  [[nodiscard]] std::optional<std::uint64_t> body_length() const;
  /// The sender waits for "100 Continue".
  [[nodiscard]] bool expects_continue() const;
  /// Ready for the next request; what has come of it already is parsed.
  State next();

 private:
  State refuse(int status, std::string detail);
  State parse_head();
  State check_framing();
  State take_body();

  std::string buffer_;
  std::size_t searched_ = 0;  // of the buffer, for the end of the head
  State state_ = State::head;
  Request request_;
  Refusal refusal_;
  std::optional<ChunkedBody> chunked_;
  std::size_t length_ = 0;  // of a body that is not chunked
  std::size_t wire_left_ = 0;
  bool body_allowed_ = false;
};

}  // namespace rtpx::http
