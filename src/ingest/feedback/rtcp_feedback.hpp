#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "base/bytes.hpp"

/// The RTCP that a receiver sends, and what it reads of the answers. Writers append whole packets to `out`,
/// so that one buffer becomes a compound packet.
namespace rtpx::rtcp {

using Buffer = std::vector<std::byte>;

/// RFC 3550 section 6.4.1.
struct ReportBlock {
  std::uint32_t ssrc = 0;
  std::uint8_t fraction_lost = 0;         ///< of 256
  std::int32_t cumulative_lost = 0;       ///< clamped to 24 bits
  std::uint32_t highest_sequence = 0;     ///< extended
  std::uint32_t jitter = 0;               ///< timestamp units
  std::uint32_t last_sr = 0;              ///< middle 32 bits of its NTP time; 0: none yet
  std::uint32_t delay_since_last_sr = 0;  ///< 1/65536 s
};

/// Most blocks of one RR (5 bits).
inline constexpr std::size_t kMaxReportBlocks = 31;

void write_receiver_report(Buffer& out, std::uint32_t sender, std::span<const ReportBlock> blocks);
/// SDES with a CNAME, RFC 3550 section 6.5.
void write_cname(Buffer& out, std::uint32_t sender, std::string_view cname);
/// Generic NACK, RFC 4585 section 6.2.1. `sequences` ascending (modulo 2^16); nothing is written for none.
void write_nack(Buffer& out, std::uint32_t sender, std::uint32_t media,
                std::span<const std::uint16_t> sequences);
/// RFC 4585 section 6.3.1.
void write_pli(Buffer& out, std::uint32_t sender, std::uint32_t media);
/// RFC 5104 section 4.3.1; `number` grows with each new request.
void write_fir(Buffer& out, std::uint32_t sender, std::uint32_t media, std::uint8_t number);
/// draft-alvestrand-rmcat-remb-03.
void write_remb(Buffer& out, std::uint32_t sender, std::uint64_t bits_per_second,
                std::span<const std::uint32_t> media);
/// XR receiver reference time, RFC 3611 section 4.4. `ntp` is 32.32 fixed point.
void write_reference_time(Buffer& out, std::uint32_t sender, std::uint64_t ntp);
/// RFC 3550 section 6.6.
void write_bye(Buffer& out, std::uint32_t sender);

/// One packet of a compound; `body` is what follows the first 4 bytes, without padding.
struct Block {
  std::uint8_t count = 0;  ///< or FMT: the low 5 bits of the first byte
  std::uint8_t type = 0;   ///< 200 SR, 201 RR, 202 SDES, 203 BYE, 205 RTPFB, 206 PSFB, 207 XR
  Bytes body;
};
/// The packets of a compound up to the first malformed one. Total.
[[nodiscard]] std::vector<Block> split(Bytes compound);

/// The SSRC that sent each packet of the compound (its first word), in order, without repetition.
[[nodiscard]] std::vector<std::uint32_t> senders(Bytes compound);

/// Sequence numbers asked for by a generic NACK; empty for other packets. Total.
struct NackRequest {
  std::uint32_t media = 0;
  std::vector<std::uint16_t> sequences;
};
[[nodiscard]] std::optional<NackRequest> read_nack(const Block& block);
/// The media SSRC of a PLI, nullopt for other packets.
[[nodiscard]] std::optional<std::uint32_t> read_pli(const Block& block);
/// Round-trip time from the DLRR block that answers our reference times (RFC 3611 section 4.5), given the
/// middle 32 bits of the NTP time when it arrived.
[[nodiscard]] std::optional<std::chrono::microseconds> read_round_trip(const Block& block,
                                                                       std::uint32_t own_ssrc,
                                                                       std::uint32_t now_middle);

/// 32.32 NTP time of any clock that counts from any start: only differences are used by the peer.
[[nodiscard]] std::uint64_t to_ntp(std::chrono::nanoseconds since_start) noexcept;

}  // namespace rtpx::rtcp
