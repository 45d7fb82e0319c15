#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/parameter_set_watch.hpp"
#include "packets/digit_spans.hpp"
#include "packets/keyframe_hint.hpp"
#include "packets/media_payload.hpp"
#include "packets/per_second.hpp"
#include "packets/quiet_spans.hpp"
#include "packets/rtcp_log.hpp"
#include "packets/sequence_tracker.hpp"
#include "packets/spill_file.hpp"
#include "repair/repairer.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

/// Where a packet lies that the main line does not meet in file order: a late one in the track's file, or one
/// that was given back in the spill file.
struct Patch {
  static constexpr std::uint64_t kSpilled = std::uint64_t{1} << 63;
  std::int64_t sequence = 0;
  std::uint64_t where = 0;
};

enum class SegmentStart : std::uint8_t { start, new_ssrc, sequence_restart, timestamp_jump, clock_rate };
[[nodiscard]] const char* to_string(SegmentStart why) noexcept;

/// A run of packets of one SSRC whose numbers and RTP time belong together.
struct Segment {
  Segment(std::uint32_t rate, std::uint16_t sequence, std::uint32_t timestamp, std::int64_t receive_ms)
      : clock_rate(rate), line(rate, sequence, timestamp, receive_ms), clock(rate) {}

  std::uint32_t ssrc = 0;
  std::uint32_t clock_rate = 0;
  SegmentStart why = SegmentStart::start;
  std::uint64_t start_offset = 0;  ///< record of its first packet in file order
  SequenceTracker line;
  SegmentClock clock;
  std::vector<Patch> patches;  ///< by sequence once the scan is over
  std::uint64_t packets = 0;
  std::string cname;
  /// Given back before the line came there, by sequence.
  struct Early {
    std::uint64_t where = 0;
    std::int64_t timestamp = 0;
    RepairSource source = RepairSource::rtx;
  };
  std::map<std::int64_t, Early> given_early;
  /// What repair filled: the packet itself may still come.
  std::unordered_map<std::int64_t, RepairSource> filled;

  /// Once another segment has begun: when that was, and where this one's line stood.
  struct End {
    std::int64_t receive_ms = 0, line_receive_ms = 0, line_timestamp = 0;
  };
  std::optional<End> ended;
  std::span<const ReportArrival> reports;  ///< sender reports not yet given to the clock
};

/// What the scan found of one layer (rid) of a track. Grows with losses, late packets and seconds.
struct LayerScan {
  std::uint8_t rid_index = 0;
  std::vector<std::unique_ptr<Segment>> segments;  ///< in the order they began
  std::vector<std::uint64_t>
      skipped_records;                 ///< records that belong to no main line though they look so; sorted
  std::uint64_t keyframe_bound = 0;    ///< no more keyframes than this
  bool parameter_sets_change = false;  ///< of H.264 or H.265, after the first picture

  std::uint64_t packets = 0, bytes = 0, repair_packets = 0, unknown_packets = 0, malformed_packets = 0;
  std::uint64_t duplicates = 0, reordered = 0;
  std::uint64_t parallel_packets = 0;  ///< of a source that went on sending beside a newer one
  std::uint64_t by_source[4] = {};     ///< given back, by RepairSource
  std::optional<std::uint8_t> first_media_type;
  std::int64_t first_receive_ms = 0, last_receive_ms = 0;
  std::vector<QuietSpan> quiet;
  std::vector<DigitSpan> digits;
  PerSecond bits_per_second, lost_per_second;

  [[nodiscard]] std::uint64_t missing() const noexcept;  ///< numbers still missing, over all segments
};

/// What the layers of a track share while they are scanned.
struct LayerContext {
  const PayloadTypes* types = nullptr;
  const std::map<std::string, std::uint8_t>* header_extensions = nullptr;
  const RtcpLog* rtcp = nullptr;
  SpillFile* spill = nullptr;
  MediaKind kind = MediaKind::video;
};

/// Finds segments, losses, late packets and repairs of one layer, from its packets in file order.
class LayerScanner {
 public:
  LayerScanner(const LayerContext& context, LayerScan& out);

  /// Errors: io, no_space (of the spill file).
  [[nodiscard]] Result<void> push(const RtpPacket& packet, std::uint64_t offset, std::int64_t receive_ms);
  /// The track has ended: settles what was pending.
  void finish();

 private:
  /// What is kept of a packet while it is judged.
  struct Arrival {
    std::uint64_t offset = 0;
    std::int64_t receive_ms = 0;
    std::uint32_t ssrc = 0, timestamp = 0;
    std::uint16_t sequence = 0;
    std::uint8_t payload_type = 0;
    bool media = false;
    bool keyframe_hint = false;
    std::uint32_t bytes = 0;
    std::uint32_t clock_rate = 0;  ///< 0: not media, fits any line
    std::optional<std::int64_t> capture_ntp_ns;
  };
  /// A packet that fits no line: the first of a new segment once a second one follows it, else a stray.
  struct Candidate {
    Arrival arrival;
    bool numbers_go_on = false;
    int packets_since = 0;
    std::vector<std::uint64_t> line_offsets;  ///< records the old line took since, or dropped as duplicates
    std::vector<Patch> line_advance;          ///< those among them that carried the old line on
  };

  [[nodiscard]] Arrival describe(const RtpPacket& packet, const MediaPayload& media, std::uint64_t offset,
                                 std::int64_t receive_ms) const;
  void judge(const Arrival& arrival);
  bool offer(std::size_t segment, const Arrival& arrival);
  void take_late(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  bool take_tail(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  void take_ahead(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  void note_quiet(const Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  void consider(const Arrival& arrival);
  [[nodiscard]] bool sends_beside_current(const Arrival& arrival);
  [[nodiscard]] bool confirms(const Arrival& arrival) const;
  void open_segment(const Arrival& arrival, SegmentStart why);
  void confirm_candidate();
  void discard_candidate();
  void on_repaired(const Repaired& repaired);
  void use_early(Segment& segment, std::int64_t below);
  void watch_parameter_sets(const MediaPayload& media);
  void count(const Arrival& arrival);
  void count_lost(std::int64_t packets);
  bool take_after_repair(Segment& segment, const Arrival& arrival, std::int64_t sequence);
  void feed_reports(Segment& segment, std::int64_t until_ms);
  [[nodiscard]] Segment& current() { return *out_.segments.back(); }

  LayerContext context_;
  LayerScan& out_;
  std::optional<Repairer> repairer_;
  bool repairs_ = false;
  std::optional<std::uint8_t> capture_time_id_;
  HintFormat hint_by_type_[128] = {};
  std::map<std::uint8_t, ParameterSetWatch> set_watches_;  // by payload type, of H.264 and H.265
  std::map<std::uint32_t, std::int64_t> last_seen_ms_;     // by SSRC without an open segment: its last packet
  std::optional<Candidate> candidate_;
  std::optional<Error> failed_;
  std::int64_t receive_ms_ = 0;  // of the packet being pushed
  QuietSpans quiet_;
  DigitSpans digits_;
};

}  // namespace rtpx
