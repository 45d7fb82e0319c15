#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/srtp/srtp.hpp"
#include "rtpx/result.hpp"

struct ssl_ctx_st;
struct ssl_st;

namespace rtpx {

/// A certificate's digest as SDP writes it (RFC 8122 section 5).
struct CertificateFingerprint {
  std::string hash;   ///< "sha-256", lower case
  std::string value;  ///< "AB:CD:…", upper case
};

/// A self-signed ECDSA P-256 certificate made at construction, and what DTLS needs of OpenSSL. Shared by the
/// sessions of one endpoint; create them on one thread at a time.
class DtlsContext {
 public:
  /// Errors: internal, when OpenSSL refuses.
  [[nodiscard]] static Result<std::shared_ptr<DtlsContext>> create();
  ~DtlsContext();
  DtlsContext(const DtlsContext&) = delete;
  DtlsContext& operator=(const DtlsContext&) = delete;
  [[nodiscard]] const CertificateFingerprint& fingerprint() const noexcept { return fingerprint_; }
  [[nodiscard]] ssl_ctx_st* get() const noexcept { return context_; }

 private:
  DtlsContext() = default;
  ssl_ctx_st* context_ = nullptr;
  CertificateFingerprint fingerprint_;
};

/// One DTLS 1.2 association for DTLS-SRTP (RFC 5764). No I/O: datagrams in by receive(), out by the function.
class Dtls {
 public:
  enum class Role : std::uint8_t { server, client };
  enum class State : std::uint8_t {
    handshaking,
    connected,
    closed,             ///< by the peer's close_notify
    failed,             ///< the handshake was refused or broke
    wrong_fingerprint,  ///< the peer's certificate is not among those expected
  };

  /// `expected`: the peer's fingerprints, of which one with a hash that we know must match (sha-256, sha-384,
  /// sha-512). `send` is called inside receive(), start(), on_timer() and close().
  Dtls(std::shared_ptr<DtlsContext> context, Role role, std::vector<CertificateFingerprint> expected,
       std::function<void(Bytes)> send);
  ~Dtls();
  Dtls(const Dtls&) = delete;
  Dtls& operator=(const Dtls&) = delete;

  /// From now on, and until the peer has shown that it receives what is sent, at most three times as many
  /// bytes go out as have come in: an address that is not the peer's own is no target worth having. A server
  /// asks for a cookie (RFC 6347 section 4.2.1) where a ClientHello is too small for the answer to fit.
  void limit_until_answered();
  /// By another way (STUN) these bytes have come from where send() goes, and were sent there.
  void count_others(std::size_t received, std::size_t sent) noexcept {
    received_ += received;
    sent_ += sent;
  }
  /// The peer has shown by another way that it receives what is sent (a STUN response).
  void lift_limit() noexcept { limited_ = false; }

  void start();                  ///< a client says hello
  void receive(Bytes datagram);  ///< one datagram; what is not valid changes nothing once connected
  void on_timer();               ///< retransmits what is due; call when next_timer() has passed
  /// Until the next retransmission; nullopt: nothing is outstanding.
  [[nodiscard]] std::optional<std::chrono::microseconds> next_timer() const;
  void close();  ///< sends close_notify

  [[nodiscard]] State state() const noexcept { return state_; }
  /// What OpenSSL said when the state became failed.
  [[nodiscard]] const std::string& error() const noexcept { return error_; }
  /// Keys by RFC 5764 section 4.2; once connected.
  [[nodiscard]] const SrtpKeys& local_keys() const noexcept { return local_keys_; }
  [[nodiscard]] const SrtpKeys& remote_keys() const noexcept { return remote_keys_; }

 private:
  friend struct DtlsBio;
  void advance();
  void ask_for_cookie_where_needed(Bytes datagram);
  void connected();
  [[nodiscard]] bool peer_matches() const;
  void fail(State state, std::string why);

  std::shared_ptr<DtlsContext> context_;
  Role role_;
  std::vector<CertificateFingerprint> expected_;
  std::function<void(Bytes)> send_;
  Bytes incoming_;  // the datagram that OpenSSL may read now
  bool limited_ = false;
  std::size_t received_ = 0, sent_ = 0;  // bytes, while limited
  std::array<unsigned char, 16> cookie_{};
  ssl_st* ssl_ = nullptr;
  State state_ = State::handshaking;
  std::string error_;
  SrtpKeys local_keys_, remote_keys_;
};

}  // namespace rtpx
