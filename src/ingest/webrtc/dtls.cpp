#include "ingest/webrtc/dtls.hpp"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/time.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "base/free_with.hpp"

namespace rtpx {
namespace {

constexpr int kMtu = 1200;
constexpr std::size_t kAmplification = 3;
/// Our first flight takes about 700 bytes: browsers' ClientHellos (1,400 bytes) draw it at once.
constexpr std::size_t kEnoughHello = 400;
constexpr long kCertificateSeconds = 10L * 365 * 24 * 3600;
constexpr unsigned kFirstTimeoutUs = 200'000, kLongestTimeoutUs = 3'200'000;
/// Best first: AES-GCM is safest, and cheapest to receive (docs/benchmarks.md).
constexpr const char* kProfiles = "SRTP_AEAD_AES_128_GCM:SRTP_AEAD_AES_256_GCM:SRTP_AES128_CM_SHA1_80";
constexpr const char* kCiphers =
    "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-ECDSA-AES256-GCM-SHA384:"
    "ECDHE-ECDSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA";

using PrivateKey = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, FreeWith<X509_free>>;

std::string openssl_error() {
  const unsigned long code = ERR_peek_last_error();
  if (code == 0) return "the connection broke";
  const char* const reason = ERR_reason_error_string(code);
  return reason != nullptr ? reason : "error " + std::to_string(code);
}

Certificate make_certificate(EVP_PKEY* key) {
  Certificate certificate(X509_new());
  std::array<unsigned char, 8> serial{};
  if (!certificate || RAND_bytes(serial.data(), serial.size()) != 1) return nullptr;
  std::uint64_t number = 0;
  std::memcpy(&number, serial.data(), sizeof number);
  X509_set_version(certificate.get(), 2);
  ASN1_INTEGER_set_uint64(X509_get_serialNumber(certificate.get()), number >> 1 | 1U);
  X509_gmtime_adj(X509_getm_notBefore(certificate.get()), -24L * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate.get()), kCertificateSeconds);
  X509_set_pubkey(certificate.get(), key);
  X509_NAME* const name = X509_get_subject_name(certificate.get());
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("rtpx"), -1, -1,
                             0);
  X509_set_issuer_name(certificate.get(), name);
  if (X509_sign(certificate.get(), key, EVP_sha256()) == 0) return nullptr;
  return certificate;
}

std::string hex_digest(X509* certificate, const EVP_MD* hash) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned size = 0;
  if (X509_digest(certificate, hash, digest.data(), &size) != 1) return {};
  static constexpr char kHex[] = "0123456789ABCDEF";
  std::string out;
  for (unsigned i = 0; i < size; ++i) {
    if (i > 0) out += ':';
    out += kHex[digest[i] >> 4];
    out += kHex[digest[i] & 15];
  }
  return out;
}

const EVP_MD* hash_named(std::string_view name) {
  if (name == "sha-256") return EVP_sha256();
  if (name == "sha-384") return EVP_sha384();
  if (name == "sha-512") return EVP_sha512();
  return nullptr;
}

// The certificate is self-signed: it is checked against the offer's fingerprint, after the handshake.
int accept_any_certificate(int, X509_STORE_CTX*) {
  return 1;
}

unsigned next_timeout(SSL*, unsigned last_us) {
  return last_us == 0 ? kFirstTimeoutUs : std::min(last_us * 2, kLongestTimeoutUs);
}

}  // namespace

/// The BIO through which OpenSSL reads the datagram given to receive() and sends by the function.
struct DtlsBio {
  static int write(BIO* bio, const char* data, int size) {
    auto* const self = static_cast<Dtls*>(BIO_get_data(bio));
    const auto bytes = static_cast<std::size_t>(size);
    if (self->limited_) {
      if (self->sent_ + bytes > kAmplification * self->received_) return size;  // the timer sends it again
      self->sent_ += bytes;
    }
    self->send_(as_bytes({data, static_cast<std::size_t>(size)}));
    return size;
  }
  static int read(BIO* bio, char* out, int room) {
    auto* const self = static_cast<Dtls*>(BIO_get_data(bio));
    BIO_clear_retry_flags(bio);
    if (self->incoming_.empty()) {
      BIO_set_retry_read(bio);
      return -1;
    }
    const std::size_t size = std::min(self->incoming_.size(), static_cast<std::size_t>(room));
    std::memcpy(out, self->incoming_.data(), size);
    self->incoming_ = {};  // a datagram is read at once or cut
    return static_cast<int>(size);
  }
  static long control(BIO* bio, int command, long, void*) {
    const auto* const self = static_cast<Dtls*>(BIO_get_data(bio));
    switch (command) {
      case BIO_CTRL_FLUSH:
        return 1;
      case BIO_CTRL_DGRAM_QUERY_MTU:
      case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
        return kMtu;
      case BIO_CTRL_PENDING:
        return static_cast<long>(self->incoming_.size());
      default:
        return 0;
    }
  }
  static Dtls* of(SSL* ssl) { return static_cast<Dtls*>(BIO_get_data(SSL_get_rbio(ssl))); }
  static int write_cookie(SSL* ssl, unsigned char* cookie, unsigned* size) {
    const auto& own = of(ssl)->cookie_;
    std::ranges::copy(own, cookie);
    *size = own.size();
    return 1;
  }
  static int check_cookie(SSL* ssl, const unsigned char* cookie, unsigned size) {
    Dtls& self = *of(ssl);
    if (size != self.cookie_.size() || CRYPTO_memcmp(cookie, self.cookie_.data(), size) != 0) return 0;
    self.limited_ = false;
    return 1;
  }
  static BIO* make(Dtls* self) {
    static BIO_METHOD* const method = [] {
      BIO_METHOD* const out = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "rtpx datagrams");
      BIO_meth_set_write(out, &DtlsBio::write);
      BIO_meth_set_read(out, &DtlsBio::read);
      BIO_meth_set_ctrl(out, &DtlsBio::control);
      return out;
    }();
    BIO* const bio = BIO_new(method);
    BIO_set_data(bio, self);
    BIO_set_init(bio, 1);
    return bio;
  }
};

Result<std::shared_ptr<DtlsContext>> DtlsContext::create() {
  const auto refused = [] {
    return fail(Errc::internal, "OpenSSL refuses to set up DTLS: " + openssl_error() + ".");
  };
  ERR_clear_error();
  std::shared_ptr<DtlsContext> out(new DtlsContext);
  out->context_ = SSL_CTX_new(DTLS_method());
  const PrivateKey key(EVP_EC_gen("P-256"));
  if (out->context_ == nullptr || !key) return refused();
  const Certificate certificate = make_certificate(key.get());
  SSL_CTX* const ctx = out->context_;
  if (!certificate || SSL_CTX_use_certificate(ctx, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(ctx, key.get()) != 1 ||
      SSL_CTX_set_min_proto_version(ctx, DTLS1_2_VERSION) != 1 ||
      SSL_CTX_set_max_proto_version(ctx, DTLS1_2_VERSION) != 1 ||
      SSL_CTX_set_cipher_list(ctx, kCiphers) != 1 || SSL_CTX_set_tlsext_use_srtp(ctx, kProfiles) != 0)
    return refused();
  SSL_CTX_set_options(ctx, SSL_OP_NO_QUERY_MTU | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, &accept_any_certificate);
  SSL_CTX_set_read_ahead(ctx, 1);
  SSL_CTX_set_cookie_generate_cb(ctx, &DtlsBio::write_cookie);
  SSL_CTX_set_cookie_verify_cb(ctx, &DtlsBio::check_cookie);
  out->fingerprint_ = {"sha-256", hex_digest(certificate.get(), EVP_sha256())};
  return out;
}

DtlsContext::~DtlsContext() {
  SSL_CTX_free(context_);
}

Dtls::Dtls(std::shared_ptr<DtlsContext> context, Role role, std::vector<CertificateFingerprint> expected,
           std::function<void(Bytes)> send)
    : context_(std::move(context)), role_(role), expected_(std::move(expected)), send_(std::move(send)) {
  ssl_ = SSL_new(context_->get());
  if (ssl_ == nullptr) {
    fail(State::failed, "out of memory");
    return;
  }
  BIO* const bio = DtlsBio::make(this);
  SSL_set_bio(ssl_, bio, bio);
  SSL_set_mtu(ssl_, kMtu);
  DTLS_set_timer_cb(ssl_, &next_timeout);
  if (role_ == Role::server)
    SSL_set_accept_state(ssl_);
  else
    SSL_set_connect_state(ssl_);
}

Dtls::~Dtls() {
  SSL_free(ssl_);
}

void Dtls::limit_until_answered() {
  if (state_ != State::handshaking) return;
  limited_ = true;
  received_ = sent_ = 0;
  if (RAND_bytes(cookie_.data(), static_cast<int>(cookie_.size())) != 1)
    fail(State::failed, "no random bytes");
}

/// The length of a ClientHello stands in its first fragment (RFC 6347 section 4.2.2).
void Dtls::ask_for_cookie_where_needed(Bytes datagram) {
  constexpr std::size_t kRecordHead = 13;
  ByteReader in(datagram);
  const std::uint8_t content = in.u8();
  in.skip(kRecordHead - 1);
  const std::uint8_t message = in.u8();
  const std::uint32_t size = in.u24();
  if (!in.ok() || content != SSL3_RT_HANDSHAKE || message != SSL3_MT_CLIENT_HELLO) return;
  if (size < kEnoughHello)
    SSL_set_options(ssl_, SSL_OP_COOKIE_EXCHANGE);
  else
    SSL_clear_options(ssl_, SSL_OP_COOKIE_EXCHANGE);
}

void Dtls::start() {
  advance();
}

void Dtls::receive(Bytes datagram) {
  if (state_ != State::handshaking && state_ != State::connected) return;
  if (limited_) {
    received_ += datagram.size();
    if (role_ == Role::server && SSL_in_before(ssl_) == 1) ask_for_cookie_where_needed(datagram);
  }
  incoming_ = datagram;
  advance();
  incoming_ = {};
}

void Dtls::on_timer() {
  if (state_ != State::handshaking) return;
  ERR_clear_error();
  if (DTLSv1_handle_timeout(ssl_) < 0) fail(State::failed, "the publisher does not answer");
}

std::optional<std::chrono::microseconds> Dtls::next_timer() const {
  timeval left{};
  if (state_ != State::handshaking || DTLSv1_get_timeout(ssl_, &left) != 1) return std::nullopt;
  return std::chrono::seconds(left.tv_sec) + std::chrono::microseconds(left.tv_usec);
}

void Dtls::close() {
  if (state_ == State::connected) {
    ERR_clear_error();
    (void)SSL_shutdown(ssl_);
    state_ = State::closed;
  }
}

void Dtls::advance() {
  ERR_clear_error();
  if (state_ == State::handshaking) {
    const int done = SSL_do_handshake(ssl_);
    if (done == 1) {
      connected();
    } else if (const int why = SSL_get_error(ssl_, done);
               why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE) {
      fail(State::failed, openssl_error());
    }
  }
  if (state_ != State::connected) return;
  // Application data (data channels) is not ours; reading makes OpenSSL see alerts and repeated flights.
  std::array<char, 2048> ignored{};
  int got = 0;
  while ((got = SSL_read(ssl_, ignored.data(), ignored.size())) > 0) {
  }
  if (SSL_get_error(ssl_, got) == SSL_ERROR_ZERO_RETURN ||
      (SSL_get_shutdown(ssl_) & SSL_RECEIVED_SHUTDOWN) != 0)
    state_ = State::closed;
}

void Dtls::connected() {
  if (!peer_matches()) {
    (void)SSL_shutdown(ssl_);
    fail(State::wrong_fingerprint, "the certificate is not the one of the offer");
    return;
  }
  const SRTP_PROTECTION_PROFILE* const chosen = SSL_get_selected_srtp_profile(ssl_);
  if (chosen == nullptr) {
    fail(State::failed, "no SRTP profile in common");
    return;
  }
  const SrtpProfile profile = chosen->id == SRTP_AEAD_AES_128_GCM   ? SrtpProfile::aead_aes_128_gcm
                              : chosen->id == SRTP_AEAD_AES_256_GCM ? SrtpProfile::aead_aes_256_gcm
                                                                    : SrtpProfile::aes128_cm_sha1_80;
  // RFC 5764 section 4.2: client key, server key, client salt, server salt.
  const std::size_t key = srtp_key_size(profile), salt = srtp_salt_size(profile);
  std::vector<std::byte> material(2 * (key + salt));
  static constexpr std::string_view kLabel = "EXTRACTOR-dtls_srtp";
  if (SSL_export_keying_material(ssl_, reinterpret_cast<unsigned char*>(material.data()), material.size(),
                                 kLabel.data(), kLabel.size(), nullptr, 0, 0) != 1) {
    fail(State::failed, openssl_error());
    return;
  }
  const auto part = [&](bool server) {
    const auto at = [&](std::size_t offset) {
      return material.begin() + static_cast<std::ptrdiff_t>(offset);
    };
    SrtpKeys out{profile, {}, {}};
    out.key_and_salt.assign(at(server ? key : 0), at(server ? 2 * key : key));
    const std::size_t salts = 2 * key + (server ? salt : 0);
    out.key_and_salt.insert(out.key_and_salt.end(), at(salts), at(salts + salt));
    return out;
  };
  local_keys_ = part(role_ == Role::server);
  remote_keys_ = part(role_ == Role::client);
  OPENSSL_cleanse(material.data(), material.size());
  state_ = State::connected;
  limited_ = false;
}

bool Dtls::peer_matches() const {
  const Certificate certificate(SSL_get1_peer_certificate(ssl_));
  if (!certificate) return false;
  return std::ranges::any_of(expected_, [&](const CertificateFingerprint& one) {
    const EVP_MD* const hash = hash_named(one.hash);
    return hash != nullptr && hex_digest(certificate.get(), hash) == one.value;
  });
}

void Dtls::fail(State state, std::string why) {
  state_ = state;
  error_ = std::move(why);
}

}  // namespace rtpx
