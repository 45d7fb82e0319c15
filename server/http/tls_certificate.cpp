#include "server/http/tls_certificate.hpp"

#include <openssl/err.h>

#include <cstring>
#include <fstream>

namespace rtpx::http {
namespace {

/// Why OpenSSL did not take a file: of what it says the first, which tells of the file itself.
std::string last_error(const std::string& file) {
  const unsigned long code = ERR_get_error();
  ERR_clear_error();
  const int system = ERR_SYSTEM_ERROR(code) ? ERR_GET_REASON(code) : 0;
  if (system != 0) return std::strerror(system);
  if (std::ifstream in(file); !in || in.peek() == std::ifstream::traits_type::eof()) return in ? "it is empty" : "it cannot be read";
  const char* reason = ERR_reason_error_string(code);
  return reason == nullptr ? "it holds nothing of the kind in PEM" : reason;
}

}  // namespace

Result<void> TlsCertificate::read() {
  const Pair pair(SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  if (!pair || SSL_CTX_use_certificate_chain_file(pair.get(), cert_file_.c_str()) != 1)
    return fail(Errc::invalid_argument,
                "Cannot use " + cert_file_ + " as TLS certificate: " + last_error(cert_file_) + ".");
  if (SSL_CTX_use_PrivateKey_file(pair.get(), key_file_.c_str(), SSL_FILETYPE_PEM) != 1)
    return fail(Errc::invalid_argument,
                "Cannot use " + key_file_ + " as the key of " + cert_file_ + ": " + last_error(key_file_) + ".");
  const std::lock_guard lock(mutex_);
  current_ = pair;
  return {};
}

void TlsCertificate::serve(SSL_CTX& context) {
  SSL_CTX_set_cert_cb(&context, &TlsCertificate::choose, this);
}

int TlsCertificate::choose(SSL* connection, void* self) {
  auto& certificate = *static_cast<TlsCertificate*>(self);
  Pair pair;
  {
    const std::lock_guard lock(certificate.mutex_);
    pair = certificate.current_;
  }
  if (!pair) return 0;
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(pair.get(), &chain);
  return SSL_use_cert_and_key(connection, SSL_CTX_get0_certificate(pair.get()),
                              SSL_CTX_get0_privatekey(pair.get()), chain, 1);
}

}  // namespace rtpx::http
