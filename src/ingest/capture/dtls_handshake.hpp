#pragma once

#include "base/bytes.hpp"
#include "ingest/capture/key_log.hpp"

namespace rtpx::capture {

/// Whether a datagram is of DTLS, by its first byte (RFC 7983).
[[nodiscard]] bool looks_like_dtls(Bytes datagram) noexcept;

/// What hellos of a datagram say; the rest of a handshake is passed over. Total.
enum class Hello : std::uint8_t { none, client, server };
/// Reads the hellos that a datagram holds into `session` (a client's begins a new one), and answers whose the
/// last was. Of a hello in several fragments the first is enough: randoms and, as a rule, use_srtp are in it.
[[nodiscard]] Hello read_hellos(Bytes datagram, DtlsSession& session);

}  // namespace rtpx::capture
