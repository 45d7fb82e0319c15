#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <mutex>
#include <string>

#include "rtpx/result.hpp"

namespace rtpx::http {

/// The certificate and key that TLS connections are answered with, from two PEM files that can be read again
/// while connections begin: each of them gets a pair that fits. Thread-safe.
class TlsCertificate {
 public:
  TlsCertificate(std::string cert_file, std::string key_file)
      : cert_file_(std::move(cert_file)), key_file_(std::move(key_file)) {}

  /// Reads both files. Errors: invalid_argument (missing, no PEM, the key is another one's); what was read
  /// before stays in use then.
  [[nodiscard]] Result<void> read();

  /// Makes `context` answer with what was read last. `this` must outlive its connections.
  void serve(SSL_CTX& context);

 private:
  using Pair = std::shared_ptr<SSL_CTX>;  // holds the certificate, its chain and the key
  static int choose(SSL* connection, void* self);

  const std::string cert_file_, key_file_;
  std::mutex mutex_;
  Pair current_;
};

}  // namespace rtpx::http
