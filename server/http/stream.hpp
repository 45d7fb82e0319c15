#pragma once

#include <openssl/ssl.h>

#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

namespace rtpx::http {

/// How far a call of Stream came.
struct IoResult {
  enum class State : std::uint8_t { done, want_read, want_write, closed } state = State::done;
  std::size_t bytes = 0;
};

/// A connected socket that does not wait, with or without TLS. OpenSSL works on the descriptor itself: no
/// copies beside its own, and none of its buffers while a connection is idle.
class Stream {
 public:
  /// `descriptor` stays its owner's; `tls` null: plain.
  Stream(int descriptor, SSL_CTX* tls);

  [[nodiscard]] IoResult handshake();
  [[nodiscard]] IoResult read(std::span<char> to);
  /// Writes a part. `more`: hold it back, other bytes follow at once.
  [[nodiscard]] IoResult write(std::string_view bytes, bool more = false);
  /// Writes a part of `length` bytes of a file.
  [[nodiscard]] IoResult send_file(int file, std::uint64_t offset, std::uint64_t length);
  /// How much the kernel takes of what cannot be sent yet: memory that an answer which nobody reads holds.
  void limit_unsent(int bytes) const;
  /// Says that nothing follows. What the other end still sends can be read.
  void end();

 private:
  [[nodiscard]] IoResult result(int returned, std::size_t bytes);

  int descriptor_;
  std::unique_ptr<SSL, decltype(&SSL_free)> ssl_;
};

/// A context for Stream: TLS 1.2 and later, HTTP/1.1, little memory. Null when OpenSSL has none.
[[nodiscard]] std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> make_tls_context();

}  // namespace rtpx::http
