#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace rtpx {

/// Why a datagram that came never reached a recorder. What the recorder itself refuses, it counts itself
/// (Recorder::Stats).
enum class Drop : std::uint8_t {
  kernel,             ///< the socket's buffer was full: the machine is too busy
  oversized,          ///< larger than any packet may be; cut by the socket
  unknown_protocol,   ///< empty, or a first byte that is none of STUN, DTLS and RTP (RFC 7983)
  stun_refused,       ///< malformed, unknown user, wrong password, or an address that is another's
  unknown_source,     ///< from an address that belongs to no session
  before_keys,        ///< SRTP before the DTLS handshake has given its keys
  undecryptable,      ///< SRTP that failed authentication
  replayed,           ///< SRTP that came already, or is outside the replay window
  malformed,          ///< neither RTP nor RTCP (after decryption)
  over_bit_rate,      ///< beyond the bit rate that a sender may have
  unknown_stream,     ///< RTP that belongs to no m-line
  too_many_streams,   ///< RTP of one more SSRC than there may be
  unassigned_report,  ///< RTCP about SSRCs of which no RTP ever came
  empty_packet,       ///< RTP without a payload that only opens a way through a NAT (Janus)
  after_end,          ///< came when the session was already over
};
inline constexpr std::size_t kDropReasons = static_cast<std::size_t>(Drop::after_end) + 1;

/// Stable lower-case name, such as "over_bit_rate".
[[nodiscard]] const char* to_string(Drop reason) noexcept;

/// A count for each reason.
class DropCounts {
 public:
  void add(Drop reason, std::uint64_t count = 1) noexcept { counts_[index(reason)] += count; }
  [[nodiscard]] std::uint64_t operator[](Drop reason) const noexcept { return counts_[index(reason)]; }
  [[nodiscard]] std::uint64_t total() const noexcept;
  DropCounts& operator+=(const DropCounts& other) noexcept;
  bool operator==(const DropCounts&) const = default;

 private:
  [[nodiscard]] static std::size_t index(Drop reason) noexcept { return static_cast<std::size_t>(reason); }
  std::array<std::uint64_t, kDropReasons> counts_{};
};

}  // namespace rtpx
