#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "rtp/codec_roles.hpp"
#include "rtp/packet.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Payload types of one track, from the manifest's codecs (docs/manifest-format.md).
class PayloadTypes {
 public:
  explicit PayloadTypes(const std::vector<Codec>& codecs);
  [[nodiscard]] PayloadRole role(std::uint8_t payload_type) const noexcept {
    return roles_[payload_type & 0x7F];
  }
  [[nodiscard]] const Codec* codec(std::uint8_t payload_type) const noexcept;
  /// RTX: the payload type it repairs (apt, RFC 4588 section 8.1; without an apt the only media type).
  /// nullopt for others.
  [[nodiscard]] std::optional<std::uint8_t> repaired_type(std::uint8_t payload_type) const noexcept;
  /// True when some payload type has this role.
  [[nodiscard]] bool has(PayloadRole role) const noexcept;

 private:
  std::vector<Codec> codecs_;
  PayloadRole roles_[128] = {};
  std::int16_t index_[128] = {};
};

enum class RepairSource : std::uint8_t { rtx, red, ulpfec, flexfec };

/// A packet given back, as the sender first sent it: a whole RTP packet of the media SSRC and payload type,
/// RED taken off. Payload, time and number are the original's, and so is the marker except of RED's redundant
/// blocks, which carry none. Header extensions may differ from the original's or be missing.
struct Repaired {
  RtpPacket packet;  ///< views into memory that lives until the callback returns
  RepairSource source = RepairSource::rtx;
};

/// Recovers lost packets of one track and rid from RTX (RFC 4588), RED (RFC 2198), ULPFEC (RFC 5109) and
/// FlexFEC (draft-03 and RFC 8627). Fed every packet of the track in arrival order; gives packets back
/// whatever their lateness, but FEC only within its window, the last 2,048 packets. It may give back packets
/// that were not lost: the caller knows which numbers it has. About 4 MiB at most, next to nothing without
/// FEC.
class Repairer {
 public:
  using OnRepaired = std::function<void(const Repaired&)>;
  /// `changing_extensions`: ids of header extensions that change on the way (abs-send-time, transport-cc,
  /// toffset, video-timing), zeroed before the XOR; taken from the manifest's header_extensions.
  Repairer(const PayloadTypes& types, const std::map<std::string, std::uint8_t>& header_extensions,
           OnRepaired on_repaired);
  ~Repairer();

  /// Media packets feed FEC groups (only once FEC was seen or negotiated). Of RED, the primary block is given
  /// by primary_of_red(); redundant ones come out repaired.
  void push(const RtpPacket& packet);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

/// The primary block of a RED packet (RFC 2198): its payload type and payload. nullopt when malformed. Where
/// its payload type is ulpfec the packet holds no media, but its sequence number is used: it is not lost.
struct RedPrimary {
  std::uint8_t payload_type = 0;
  Bytes payload;
};
[[nodiscard]] std::optional<RedPrimary> primary_of_red(Bytes red_payload) noexcept;

}  // namespace rtpx
