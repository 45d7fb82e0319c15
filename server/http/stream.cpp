#include "server/http/stream.hpp"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace rtpx::http {
namespace {

constexpr std::size_t kRecord = 16U << 10;  // SSL_write takes no more at a time
constexpr std::size_t kSlice = 1U << 20;    // of a file, for one call of sendfile

IoResult failed_call(IoResult::State waits_for) {
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {waits_for};
  return {IoResult::State::closed};
}

int choose_http(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* in,
                unsigned int in_size, void*) {
  static constexpr unsigned char kHttp[] = "\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, size, kHttp, sizeof kHttp - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

}  // namespace

Stream::Stream(int descriptor, SSL_CTX* tls)
    : descriptor_(descriptor), ssl_(tls == nullptr ? nullptr : SSL_new(tls), SSL_free) {
  if (!ssl_) return;
  SSL_set_fd(ssl_.get(), descriptor);
  SSL_set_accept_state(ssl_.get());
}

IoResult Stream::result(int returned, std::size_t bytes) {
  if (returned > 0) return {IoResult::State::done, bytes};
  const int error = SSL_get_error(ssl_.get(), returned);
  ERR_clear_error();
  if (error == SSL_ERROR_WANT_READ) return {IoResult::State::want_read};
  if (error == SSL_ERROR_WANT_WRITE) return {IoResult::State::want_write};
  return {IoResult::State::closed};
}

IoResult Stream::handshake() {
  if (!ssl_) return {};
  return result(SSL_do_handshake(ssl_.get()), 0);
}

IoResult Stream::read(std::span<char> to) {
  if (ssl_) {
    std::size_t got = 0;
    const int returned = SSL_read_ex(ssl_.get(), to.data(), to.size(), &got);
    return result(returned, got);
  }
  const ssize_t got = ::recv(descriptor_, to.data(), to.size(), 0);
  if (got > 0) return {IoResult::State::done, static_cast<std::size_t>(got)};
  return got == 0 ? IoResult{IoResult::State::closed} : failed_call(IoResult::State::want_read);
}

IoResult Stream::write(std::string_view bytes, bool more) {
  if (ssl_) {
    std::size_t put = 0;
    const int returned = SSL_write_ex(ssl_.get(), bytes.data(), std::min(bytes.size(), kRecord), &put);
    return result(returned, put);
  }
  const ssize_t put = ::send(descriptor_, bytes.data(), bytes.size(), MSG_NOSIGNAL | (more ? MSG_MORE : 0));
  if (put >= 0) return {IoResult::State::done, static_cast<std::size_t>(put)};
  return failed_call(IoResult::State::want_write);
}

IoResult Stream::send_file(int file, std::uint64_t offset, std::uint64_t length) {
  if (ssl_) {
    char record[kRecord];
    const ssize_t got =
        ::pread(file, record, std::min<std::uint64_t>(length, kRecord), static_cast<off_t>(offset));
    if (got <= 0)
      return {IoResult::State::closed};  // shorter than it was: the length that was said cannot be kept
    return write({record, static_cast<std::size_t>(got)});
  }
  auto at = static_cast<off_t>(offset);
  const ssize_t put = ::sendfile(descriptor_, file, &at, std::min<std::uint64_t>(length, kSlice));
  if (put > 0) return {IoResult::State::done, static_cast<std::size_t>(put)};
  return put == 0 ? IoResult{IoResult::State::closed} : failed_call(IoResult::State::want_write);
}

void Stream::limit_unsent(int bytes) const {
  (void)::setsockopt(descriptor_, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &bytes, sizeof bytes);
}

void Stream::end() {
  if (ssl_ && SSL_is_init_finished(ssl_.get())) (void)SSL_shutdown(ssl_.get());
  ERR_clear_error();
  (void)::shutdown(descriptor_, SHUT_WR);
}

std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> make_tls_context() {
  std::unique_ptr<SSL_CTX, decltype(&SSL_CTX_free)> context(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!context) return context;
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION);
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);  // tickets remain
  SSL_CTX_set_alpn_select_cb(context.get(), choose_http, nullptr);
  return context;
}

}  // namespace rtpx::http
