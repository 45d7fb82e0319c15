#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <unordered_map>
#include <vector>

#include "ingest/feedback/nack_generator.hpp"
#include "ingest/feedback/rate.hpp"
#include "ingest/feedback/receiver_statistics.hpp"
#include "rtp/demux.hpp"
#include "rtp/keyframe_hint.hpp"
#include "rtp/rtcp.hpp"

namespace rtpx {

/// What a receiver knows of the media SSRCs of one sender, and what it has to say about them: report blocks,
/// NACKs, keyframe requests. No I/O, no clock. Memory: one entry for each SSRC that the Demux admits.
class StreamFeedback {
 public:
  using Time = ReceiveClock::time_point;

  struct Stream {
    Route route;
    ReceiverStatistics statistics;
    NackGenerator nack;
    RateMeter rate;
    std::uint64_t packets = 0, bytes = 0, repair_packets = 0, nacks = 0, plis = 0, keyframes = 0;
    std::uint64_t nack_datagrams = 0;
    std::uint8_t fir_number = 0;
    bool keyframe_wanted = false, said_bye = false;
    bool first_frame_begins = true;  ///< the beginning of the first frame is there, or is not to be had
    Time last{}, last_keyframe_request{}, last_keyframe{};
    std::optional<std::chrono::nanoseconds> keyframe_distance;
    std::uint32_t keyframe_timestamp = 0;
    // Of a simulcast layer: what it usually is, and whether its silence was noticed.
    std::uint64_t usual_rate = 0;
    bool silence_noticed = false, reported = false;
  };
  using Streams = std::unordered_map<std::uint32_t, Stream>;

  /// `tracks` must stay where they are; `own_ssrc` signs what is written.
  StreamFeedback(const std::vector<NegotiatedTrack>& tracks, std::uint32_t own_ssrc);

  void on_media(const RtpPacket& packet, const Route& route, Time arrival);
  /// RTX or FEC for the SSRC `media`.
  void on_repair(const RtpPacket& packet, const Route& route, std::uint32_t media, Time arrival);
  void on_rtcp(const RtcpSummary& summary, Time arrival);
  void on_round_trip(std::chrono::nanoseconds sample) noexcept { round_trip_.sample(sample); }
  /// The SSRC is gone. Answers what is known of it.
  [[nodiscard]] std::optional<Stream> forget(std::uint32_t ssrc);

  /// requests() may have something to say. Else it has not, until a packet comes or somebody wants a
  /// keyframe.
  [[nodiscard]] bool wants_requests() const noexcept { return wants_requests_; }
  /// Some track has several layers: requests() must be called now and then to see one fall silent.
  [[nodiscard]] bool watches_layers() const noexcept { return layers_; }

  /// Asks for a keyframe of each stream of video, where the description allows it.
  void request_keyframes();

  /// One packet of feedback.
  struct Request {
    std::size_t track = 0;
    rtcp::Buffer packet;
    /// Must be the only packet of its datagram: some senders read no further than the first.
    bool alone = false;
  };
  /// NACKs and keyframe requests that are due, where the description allows them; each fits a datagram.
  [[nodiscard]] std::vector<Request> requests(Time now);
  /// Somebody watches: asks for a keyframe of each picture stream that has had none, and was asked for none,
  /// for so long.
  void want_keyframes(Time now, std::chrono::nanoseconds apart);
  /// On what came since the last reports; at most rtcp::kMaxReportBlocks.
  [[nodiscard]] std::vector<rtcp::ReportBlock> reports(Time now);

  [[nodiscard]] const Streams& streams() const noexcept { return streams_; }
  [[nodiscard]] const RoundTrip& round_trip() const noexcept { return round_trip_; }
  /// True when there is a stream and none goes on.
  [[nodiscard]] bool all_said_bye() const noexcept;

 private:
  struct TypeInfo {
    std::uint32_t clock_rate = 0;
    HintFormat format = HintFormat::none;
    bool red = false;
  };
  struct Hinted {
    HintFormat format = HintFormat::none;
    Bytes payload;
  };
  [[nodiscard]] Hinted hinted(std::size_t track, std::uint8_t payload_type, Bytes payload) const;
  void start(Stream& stream, const RtpPacket& packet, const Hinted& media, Time arrival) const;
  static void look_for_beginning(Stream& stream, std::uint16_t sequence, const Hinted& media, Time arrival);
  static void note_keyframe(Stream& stream, const RtpPacket& packet, const Hinted& media, Time arrival);
  void watch_layers(Time now);
  void request_packets(std::uint32_t ssrc, Stream& stream, Time now, std::vector<Request>& out);
  void request_keyframe(std::uint32_t ssrc, Stream& stream, Time now, std::vector<Request>& out);

  const std::vector<NegotiatedTrack>& tracks_;
  const std::uint32_t own_ssrc_;
  std::vector<std::array<TypeInfo, 128>> types_;  // of each track, by payload type
  bool layers_ = false;                           // some track has several
  bool wants_requests_ = false;
  Streams streams_;
  RoundTrip round_trip_;
};

}  // namespace rtpx
