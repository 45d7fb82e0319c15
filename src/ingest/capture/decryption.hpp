#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "ingest/capture/capture.hpp"
#include "ingest/capture/key_log.hpp"
#include "ingest/sdp/sdp.hpp"
#include "ingest/srtp/srtp.hpp"

namespace rtpx::capture {

struct DecryptionCounts {
  std::uint64_t opened = 0;    ///< packets that a key opened
  std::uint64_t replayed = 0;  ///< copies of such
  std::uint64_t refused = 0;   ///< packets that no key opens
};

/// Takes SRTP off the datagrams of a capture, in their order: with the keys of a=crypto lines (RFC 4568), and
/// with those of the DTLS handshakes in the capture whose secrets a key log holds. Which key a source uses is
/// found by trying: the authentication tag decides. Where there is no key, everything passes as it is.
class Decryption {
 public:
  /// Errors: unsupported, malformed (an a=crypto line that cannot be used; no message holds a key).
  [[nodiscard]] static Result<Decryption> create(const sdp::Session* sdp, KeyLog log);

  /// More of a key log, out of the capture itself.
  void add_secrets(std::string_view log) { log_.add(log); }

  /// The datagram's RTP or RTCP in clear, valid until the next call; nullopt where no key opens it, or it is
  /// a copy of one that was opened. What is neither RTP nor RTCP comes back as it is.
  [[nodiscard]] std::optional<Bytes> open(const Datagram& datagram);

  [[nodiscard]] bool has_keys() const noexcept { return !signalled_.empty() || !log_.empty(); }
  [[nodiscard]] const DecryptionCounts& counts() const noexcept { return counts_; }

 private:
  using Flow = std::pair<Endpoint, Endpoint>;  // the lower one first
  struct Handshake {
    DtlsSession session;
    Endpoint client;
    std::vector<Srtp> from_client, from_server;
  };
  void observe(const Datagram& datagram);
  [[nodiscard]] Handshake* handshake_of(const Datagram& datagram);
  [[nodiscard]] std::optional<Bytes> try_all(std::vector<Srtp>& keys, const Datagram& datagram,
                                             std::uint32_t ssrc);

  KeyLog log_;
  std::vector<Srtp> signalled_;
  std::map<Flow, Handshake> handshakes_;
  std::map<std::tuple<std::uint32_t, Endpoint, const void*>, std::size_t>
      known_;  // which of the keys opens a source
  std::vector<std::byte> buffer_;
  DecryptionCounts counts_;
};

/// Signs in a capture that its packets are encrypted, for where no key is given.
class EncryptionSigns {
 public:
  void add(const Datagram& datagram);

  /// Whether what passes between these two hosts is SRTP. `protocol`: of the m= line, empty where there is
  /// none. RTCP decides where there is some: in clear its packets fill the datagram exactly (RFC 3550
  /// section 6.1), and SRTCP ends in an index and a tag.
  [[nodiscard]] bool encrypted(const Endpoint& source, const Endpoint& destination,
                               std::string_view protocol) const;

 private:
  using Hosts = std::pair<std::array<std::byte, 16>, std::array<std::byte, 16>>;
  struct Seen {
    bool dtls = false;
    std::uint64_t clear = 0, sealed = 0;
  };
  [[nodiscard]] static Hosts hosts(const Endpoint& one, const Endpoint& other);
  std::map<Hosts, Seen> seen_;
};

}  // namespace rtpx::capture
