#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace rtpx {

/// Monotonic clock of receive times. It goes on while the machine is suspended (CLOCK_BOOTTIME), so that a
/// recording's times stay true across suspend; steps of the wall clock never move it.
struct ReceiveClock {
  using duration = std::chrono::nanoseconds;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<ReceiveClock>;
  static constexpr bool is_steady = true;
  [[nodiscard]] static time_point now() noexcept;
};

/// One negotiated codec, as RTCRtpCodecParameters has it (https://www.w3.org/TR/webrtc/#rtcrtpcodecparameters).
/// RTX, RED, ULPFEC, FlexFEC, CN and telephone-event are codecs here too.
struct Codec {
  std::uint8_t payload_type = 0;           ///< 0..127
  std::string mime_type;                   ///< "video/VP8", "audio/opus", "video/rtx"
  std::uint32_t clock_rate = 0;            ///< Hz
  std::optional<std::uint16_t> channels;   ///< audio only
  std::optional<std::string> sdp_fmtp_line;  ///< with the payload type in front, as upstream keeps it: "97 apt=96"
  std::vector<std::string> rtcp_fbs;       ///< with the payload type in front: "96 nack pli"
  bool operator==(const Codec&) const = default;
};

enum class MediaKind : std::uint8_t { audio, video };

/// A track to record: what a media server knows of it when it is negotiated.
struct MediaStreamTrack {
  std::string id;                    ///< unique within a recorder; any bytes, it becomes a safe file name
  MediaKind kind = MediaKind::video;
  std::vector<std::string> streams;  ///< ids of its media streams; the first groups tracks into one output
  std::vector<std::string> rids;     ///< simulcast rids (RFC 8852), at most 254; empty without simulcast
  std::vector<Codec> codecs;         ///< all negotiated codecs, the preferred media codec first; may be empty
  std::map<std::string, std::uint8_t> header_extensions;  ///< extension URI to its id (RFC 8285)
};

}  // namespace rtpx
