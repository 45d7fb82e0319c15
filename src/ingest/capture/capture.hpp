#pragma once

#include <array>
#include <chrono>
#include <compare>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

/// Files in which other programs kept RTP packets.
namespace rtpx::capture {

enum class Format : std::uint8_t { pcap, pcapng, rtpdump, mjr, rfc4571 };
[[nodiscard]] const char* to_string(Format format) noexcept;

/// One end of a UDP flow. All zero where the capture does not know addresses.
struct Endpoint {
  std::uint8_t version = 0;  ///< 4, 6, or 0 when unknown
  std::array<std::byte, 16> address{};
  std::uint16_t port = 0;
  auto operator<=>(const Endpoint&) const = default;
};
/// "192.0.2.1" or "2001:db8::1"; empty when unknown.
[[nodiscard]] std::string address_text(const Endpoint& endpoint);

/// A UDP payload of the capture: RTP, RTCP, or something else altogether.
struct Datagram {
  std::optional<std::chrono::nanoseconds>
      time;  ///< see Reader::wall_clock(); nullopt: the format keeps no times
  Endpoint source, destination;
  Bytes payload;  ///< valid until the reader moves on
};

/// What the reader had to leave out.
struct Counts {
  std::uint64_t records = 0;                   ///< packets of the file, whatever they hold
  std::uint64_t datagrams = 0;                 ///< given out
  std::uint64_t not_udp = 0;                   ///< other protocols and link types
  std::map<std::string, std::uint64_t> other;  ///< which, in words: the first 32 kinds of them
  std::uint64_t cut = 0;                       ///< packets of which the capture kept only the front
  std::uint64_t lost_fragments = 0;            ///< IP fragments whose other parts are missing
  std::string damage;  ///< a sentence when the file ends early or makes no sense from some offset on
};

/// Link types 147 to 162 (USER0 to USER15), which everyone uses as he likes, to the one that they are in a
/// capture.
using LinkTypes = std::map<std::uint32_t, std::uint32_t>;
/// "USER0=ETHERNET", or numbers: "147=1". Errors: invalid_argument.
[[nodiscard]] Result<std::pair<std::uint32_t, std::uint32_t>> parse_link_type(std::string_view text);

/// What an mjr file's header says of its only track.
struct TrackHint {
  MediaKind kind = MediaKind::video;
  std::string codec;  ///< Janus's name: "vp8", "opus", "pcmu"
  std::string fmtp;   ///< without payload type
  std::optional<std::uint8_t> red_payload_type;
  std::map<std::string, std::uint8_t> header_extensions;
  bool encrypted = false;  ///< end-to-end: the payload cannot be read
};

/// Reads a capture from front to back in fixed memory. Total: whatever the bytes are, next() ends.
class Reader {
 public:
  /// Recognises the format by the file's first bytes. `user`: what its private link types are. Errors:
  /// not_found, io, unsupported (no capture).
  [[nodiscard]] static Result<std::unique_ptr<Reader>> open(const std::filesystem::path& file,
                                                            const LinkTypes& user = {});
  /// As open(), over memory that outlives the reader.
  [[nodiscard]] static Result<std::unique_ptr<Reader>> over(Bytes memory);
  virtual ~Reader() = default;

  /// The next datagram; nullopt at the end. Errors: io.
  [[nodiscard]] virtual Result<std::optional<Datagram>> next() = 0;
  [[nodiscard]] virtual Format format() const noexcept = 0;
  /// True when datagram times count from the Unix epoch, false when from the start of the capture.
  [[nodiscard]] virtual bool wall_clock() const noexcept { return true; }
  [[nodiscard]] virtual const TrackHint* hint() const noexcept { return nullptr; }
  /// The key log that the capture brings along so far (pcapng's Decryption Secrets Blocks).
  [[nodiscard]] virtual std::string_view key_log() const noexcept { return {}; }
  [[nodiscard]] const Counts& counts() const noexcept { return counts_; }

 protected:
  Counts counts_;
};

}  // namespace rtpx::capture
