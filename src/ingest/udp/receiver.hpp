#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "ingest/drops.hpp"
#include "ingest/packet_sink.hpp"
#include "ingest/streams/stream_stats.hpp"
#include "rtpx/result.hpp"
#include "rtpx/track.hpp"

namespace rtpx {

/// Why plain RTP reception ended.
enum class UdpEnd : std::uint8_t {
  stopped,       ///< the stop token
  bye,           ///< RTCP BYE for all streams
  idle,          ///< nothing for Options::idle_timeout after the first packet
  never,         ///< no packet within Options::start_timeout
  max_duration,  ///< Options::max_duration
  max_bytes,     ///< Options::max_bytes
};
/// Stable lower-case name, such as "idle".
[[nodiscard]] const char* to_string(UdpEnd reason) noexcept;

/// Receives RTP and RTCP over UDP as a session description announces it: what FFmpeg (-f rtp), GStreamer
/// (udpsink), Janus (rtp_forward) and mediasoup (PlainTransport) send; SRTP with keys in the description
/// (SDES, RFC 4568) too. Several m-lines may share a port; RTCP comes on the same one (a=rtcp-mux), on that
/// of a=rtcp, or on the next. Answers with reports, and with NACK and keyframe requests where the
/// description announces them (a=rtcp-fb); not to groups, and to senders of SRTP where Options::srtp_feedback
/// says so.
class UdpReceiver {
 public:
  struct Options {
    /// Address to listen on; empty: that of the c= line where it is this machine's or a group's, else all.
    std::string listen;
    std::chrono::milliseconds idle_timeout{10'000};  ///< 0: never
    std::chrono::milliseconds start_timeout{0};      ///< to the first packet; 0: never
    bool end_on_bye = true;
    std::chrono::seconds max_duration{0};   ///< from the first packet; 0: no limit
    std::uint64_t max_bytes = 0;            ///< of RTP and RTCP; 0: no limit
    std::uint64_t max_bits_per_second = 0;  ///< what exceeds it by half is dropped and counted; 0: no limit
    /// Reports to senders of SRTP are protected with a key of our own, which they must be told: Port::crypto.
    bool srtp_feedback = false;
    std::size_t receive_buffer = 8U << 20;  ///< SO_RCVBUF of each socket; the kernel may grant less
  };

  /// Reads the description and binds its ports; port 0 takes any free one (see ports()).
  /// Errors: malformed, unsupported (no audio or video in a codec that is known; DTLS; an unknown SRTP
  /// suite), invalid_argument (`listen`), already_exists (a port in use), denied, io.
  [[nodiscard]] static Result<std::unique_ptr<UdpReceiver>> open(std::string_view sdp,
                                                                 const Options& options);
  UdpReceiver(const UdpReceiver&) = delete;
  UdpReceiver& operator=(const UdpReceiver&) = delete;
  ~UdpReceiver();

  /// One for each m-line that is recorded.
  [[nodiscard]] const std::vector<MediaStreamTrack>& tracks() const noexcept;
  struct Port {
    std::string address;
    std::uint16_t rtp = 0, rtcp = 0;
    std::string crypto;  ///< value of the a=crypto line of an answer, with our key; empty: no SRTP goes back
  };
  /// Of each track.
  [[nodiscard]] std::vector<Port> ports() const;

  /// Receives into `sink` on the calling thread until one of UdpEnd, and lets go of the ports. Call once.
  [[nodiscard]] UdpEnd run(PacketSink& sink, std::stop_token stop);

  /// With the next feedback a keyframe of each picture is asked for. Any thread, also during run().
  void request_keyframes() noexcept;

  struct Stats {
    std::uint64_t packets = 0, bytes = 0, rtcp_packets = 0;
    DropCounts dropped;  ///< what came and was not recorded
    std::vector<TrackStats> tracks;
    std::optional<double> rtt_ms;
  };
  /// Any thread, also during run().
  [[nodiscard]] Stats stats() const;

 private:
  class Impl;
  explicit UdpReceiver(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace rtpx
