#pragma once

#include <array>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"
#include "ingest/srtp/srtp.hpp"

namespace rtpx::capture {

using ClientRandom = std::array<std::byte, 32>;

/// The secrets of TLS and DTLS sessions, as browsers and libraries write them for SSLKEYLOGFILE (NSS's
/// format): "CLIENT_RANDOM <random> <master secret>" and "EXPORTER_SECRET <random> <secret>" in hex, a line
/// each. Secret.
class KeyLog {
 public:
  static constexpr std::size_t kMaxBytes = 16U << 20;
  static constexpr std::size_t kMaxSessions = 65536;

  /// Takes the lines of a log; other lines and other labels are passed over. Total.
  void add(std::string_view text);
  [[nodiscard]] bool empty() const noexcept { return master_.empty() && exporter_.empty(); }

  [[nodiscard]] const std::vector<std::byte>* master_secret(const ClientRandom& random) const;
  [[nodiscard]] const std::vector<std::byte>* exporter_secret(const ClientRandom& random) const;

 private:
  std::map<ClientRandom, std::vector<std::byte>> master_, exporter_;
};

/// Of a DTLS handshake: what the keys of its SRTP are made of.
struct DtlsSession {
  ClientRandom client_random{}, server_random{};
  bool has_server = false;
  bool version_13 = false;
  std::uint16_t cipher_suite = 0;
  std::optional<SrtpProfile> profile;  ///< of use_srtp, where the server says it in clear (DTLS 1.2)
};

/// The keys that client and server send with (RFC 5764 section 4.2: exporter "EXTRACTOR-dtls_srtp"; RFC 5705
/// for DTLS 1.2, RFC 8446 section 7.5 with RFC 9147's labels for 1.3). nullopt: the log has no secret of this
/// session.
struct DtlsSrtpKeys {
  SrtpKeys client, server;
};
[[nodiscard]] std::optional<DtlsSrtpKeys> srtp_keys(const DtlsSession& session, SrtpProfile profile,
                                                    const KeyLog& log);

}  // namespace rtpx::capture
