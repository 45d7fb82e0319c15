#pragma once

#include <array>
#include <bitset>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "codec/parameter_set_watch.hpp"
#include "codec/slice_marker_watch.hpp"
#include "packets/digit_spans.hpp"
#include "packets/encrypted_frames.hpp"
#include "packets/keyframe_size.hpp"
#include "packets/layer_scan_limits.hpp"
#include "packets/made_times.hpp"
#include "packets/media_payload.hpp"
#include "packets/per_second.hpp"
#include "packets/quiet_spans.hpp"
#include "packets/record_runs.hpp"
#include "packets/rtcp_log.hpp"
#include "packets/sequence_tracker.hpp"
#include "packets/spill_file.hpp"
#include "repair/repairer.hpp"
#include "rtp/keyframe_hint.hpp"
#include "timeline/timeline.hpp"

namespace rtpx {

/// A packet that goes into its segment's line elsewhere than where it lies in the file: a late one, or one
/// that was given back.
struct Patch {
  static constexpr std::uint64_t kSpilled = std::uint64_t{1} << 63;
  std::int64_t sequence = 0;   ///< unwrapped
  std::int64_t timestamp = 0;  ///< unwrapped; the packet's own may be wrong
  std::uint64_t where = 0;     ///< offset of its record, or its place in the spill file and kSpilled
};

enum class SegmentStart : std::uint8_t { start, new_ssrc, sequence_restart, timestamp_jump, clock_rate, resumed };
[[nodiscard]] const char* to_string(SegmentStart why) noexcept;

/// A run of packets of one SSRC whose numbers and RTP time belong together.
struct Segment {
  Segment() : Segment(1, 0, 0, 0, 0) {}  ///< to be read
  /// `reorders`: of a codec with pictures that refer to later ones, which are sent before them (H.264, H.265).
  Segment(std::uint32_t rate, std::uint16_t sequence, std::uint32_t timestamp, std::int64_t receive_ms,
          std::uint32_t content, bool reorders = false)
      : clock_rate(rate),
        line(rate, sequence, timestamp, receive_ms, content, reorders ? SegmentClock::kMostAheadMs : kSetBackMs),
        clock(rate, reorders) {}

  std::uint32_t ssrc = 0;
  std::uint32_t clock_rate = 0;
  SegmentStart why = SegmentStart::start;
  std::uint64_t first_record = 0;  ///< of its line, counted over the layer's records in file order
  SequenceTracker line;
  SegmentClock clock;
  std::vector<Patch> patches;  ///< by sequence once the scan is over
  std::uint64_t packets = 0;
  std::int64_t first_receive_ms = 0;
  bool after_pause = false;  ///< recording was paused before it
  std::string cname;
  /// Given back before the line came there, by sequence.
  struct Early {
    std::uint64_t where = 0;
    std::int64_t timestamp = 0;
    RepairSource source = RepairSource::rtx;
    std::uint32_t content = 0;  ///< hash
  };
  std::map<std::int64_t, Early> given_early;
  /// What repair filled: the packet itself may still come.
  std::unordered_map<std::int64_t, RepairSource> filled;

  /// Once another segment has begun: when that was, and where this one's line stood.
  struct End {
    std::int64_t receive_ms = 0, line_receive_ms = 0, line_timestamp = 0;
  };
  std::optional<End> ended;
  const std::vector<ReportArrival>* reports = nullptr;  ///< of its source; more may come
  std::size_t next_report = 0;                          ///< of those not yet given to the clock
  [[nodiscard]] bool has_report(std::int64_t until_ms) const noexcept {
    return reports != nullptr && next_report < reports->size() && (*reports)[next_report].receive_ms <= until_ms;
  }
};

/// Packets of a payload type that is no media as far as anybody has told.
struct UnknownType {
  std::uint64_t packets = 0;
  std::int64_t first_receive_ms = 0, last_receive_ms = 0;
  std::uint64_t longest_run =
      0;  ///< of them in a row with numbers of a media source, none of its packets between
};

/// What the scan found of one layer (rid) of a track: its packets in order, and what is to be told of them.
/// Grows with losses, late packets and seconds.
///
/// The order is: for each segment, the records of `line` from its first_record on, with its patches and the
/// numbers of packets without media (SequenceTracker::others()) between them by sequence number. All other
/// records (copies, strays, packets that repair) are passed over.
struct LayerScan {
  std::uint8_t rid_index = 0;
  RecordRuns line;                                 ///< over the layer's records that are RTP
  std::vector<std::shared_ptr<Segment>> segments;  ///< in the order they began
  std::uint64_t keyframe_bound = 0;                ///< no more keyframes than this
  PictureSize largest;                   ///< of its keyframes, as far as their headers tell; 0: unknown
  bool parameter_sets_change = false;    ///< of H.264 or H.265, after the first picture
  bool markers_within_pictures = false;  ///< of H.264 or H.265: the marker ends slices

  std::uint64_t packets = 0, bytes = 0, repair_packets = 0, unknown_packets = 0, malformed_packets = 0;
  std::uint64_t duplicates = 0, reordered = 0;
  std::uint64_t parallel_packets = 0;  ///< of a source that went on sending beside a newer one
  std::uint64_t by_source[4] = {};     ///< given back, by RepairSource
  std::optional<std::uint8_t> first_media_type;
  std::map<std::uint8_t, UnknownType> unknown_types;  ///< by payload type
  std::bitset<128> media_types;                       ///< payload types of media that occur
  std::int64_t first_receive_ms = 0, last_receive_ms = 0;
  std::vector<QuietSpan> quiet;
  std::vector<DigitSpan> digits;
  std::vector<EncryptedSpan> encrypted;  ///< by segment and time
  PerSecond bits_per_second, lost_per_second;
  /// What came for repair, by payload type, before any media did; probes without content left out.
  std::map<std::uint8_t, UnknownType> repairs_alone;

  [[nodiscard]] std::uint64_t missing() const noexcept;  ///< numbers still missing, over all segments
};

/// What the layers of a track share while they are scanned.
struct LayerContext {
  const PayloadTypes* types = nullptr;
  const std::map<std::string, std::uint8_t>* header_extensions = nullptr;
  const RtcpLog* rtcp = nullptr;
  SpillFile* spill = nullptr;
  MediaKind kind = MediaKind::video;
  std::span<const Pause> pauses;  ///< of the track
};

/// Finds segments, losses, late packets and repairs of one layer, from its packets in file order.
class LayerScanner {
 public:
  /// `made_times` must outlive the scanner; null: the packets' own.
  LayerScanner(const LayerContext& context, LayerScan& out, const MadeTimes* made_times);

  /// Errors: io, no_space (of the spill file).
  [[nodiscard]] Result<void> push(RtpPacket packet, std::uint64_t offset, std::int64_t receive_ms);
  /// The track has ended: settles what was pending.
  void finish();
  /// What is known by now, for a recording that goes on: without what is still pending. The scanner may go on beside the
  /// answer. Copies what memory grows with: losses, late packets and seconds.
  [[nodiscard]] LayerScan so_far() const;

 private:
  /// What is kept of a packet while it is judged.
  struct Arrival {
    std::uint64_t record = 0;  ///< counted over the layer's records
    std::uint64_t offset = 0;
    std::int64_t receive_ms = 0;
    std::uint32_t ssrc = 0, timestamp = 0;
    std::uint16_t sequence = 0;
    std::uint8_t payload_type = 0;
    bool media = false, marker = false;
    bool number_only = false;  ///< says nothing of the source's time
    bool keyframe_hint = false;
    PictureSize size;  ///< of a keyframe that begins here; 0: unknown
    std::uint32_t bytes = 0;
    std::uint32_t clock_rate = 0;  ///< 0: not media, fits any line
    std::uint32_t content = 0;     ///< hash; 0: not media
    std::optional<std::int64_t> capture_ntp_ns;
    std::int64_t play_ns = 0;  ///< only of the first packets of a segment; 0: not known
  };
  /// Packets that fit no line, or contradict it. They begin a new segment once they agree with each other, or
  /// are the current line's after all when it goes on with them; else they are strays.
  struct Candidate {
    enum class Kind : std::uint8_t {
      foreign,        ///< another source, or number and time that the line cannot reach
      leap,           ///< on the line, but suspiciously far ahead
      other_content,  ///< a number that was here with something else in it
    };
    Kind kind = Kind::foreign;
    std::vector<Arrival> arrivals;
    bool numbers_go_on = false;  ///< within what may be lost
    bool next_number = false;    ///< exactly
    std::int64_t time_before = 0;
    bool frame_ended_before = false;
    int line_packets = 0;  ///< that old lines have taken since
    struct Advance {
      std::uint64_t record = 0;
      Patch patch;
    };
    std::vector<Advance> line_advance;  ///< those among them that carried the current line on
  };
  /// What repair gave back that no line reaches yet, or that is far behind: the source may begin anew.
  struct Waiting {
    std::uint32_t ssrc = 0, timestamp = 0;
    std::uint16_t sequence = 0;
    RepairSource source = RepairSource::rtx;
    std::uint64_t where = 0;
    std::uint32_t content = 0;  ///< hash
    int line_packets = 0;       ///< that the line has taken since
  };

  [[nodiscard]] Arrival describe(const RtpPacket& packet, const MediaPayload& media, std::uint64_t offset,
                                 std::int64_t receive_ms) const;
  void note_unknown(std::uint8_t payload_type);
  void note_repair_alone(const RtpPacket& packet);
  void note_event(const RtpPacket& packet, const MediaPayload& media);
  void judge(const Arrival& arrival);
  void note_number(const Arrival& arrival);
  bool offer(std::size_t segment, const Arrival& arrival);
  bool take_in(std::size_t segment, const Arrival& arrival, const SequenceTracker::Place& place);
  void take_late(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  bool take_tail(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  std::int64_t go_on_by_patch(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place,
                              std::int64_t receive_ms);
  void take_ahead(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  bool take_after_repair(Segment& segment, const Arrival& arrival, std::int64_t sequence);
  [[nodiscard]] bool within_tail(const Segment& segment, const SequenceTracker::Place& place,
                                 std::int64_t receive_ms) const;
  [[nodiscard]] bool older_line_wants(std::uint32_t ssrc, std::uint16_t sequence, std::uint32_t timestamp,
                                      const SequenceTracker::Place& place) const;
  [[nodiscard]] bool long_over(const Segment& segment, const Arrival& arrival) const;
  [[nodiscard]] bool spoken_over(const Arrival& arrival) const;
  [[nodiscard]] bool leaps(const Arrival& arrival, const SequenceTracker::Place& place) const;
  void note_quiet(const Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);

  [[nodiscard]] bool resumes(const Arrival& arrival);
  void resume(const Arrival& arrival);
  [[nodiscard]] static bool sent_in_pause(const Segment& segment, const SequenceTracker::Place& place) {
    return segment.why == SegmentStart::resumed && place.sequence < segment.line.first();
  }

  void consider(const Arrival& arrival);
  [[nodiscard]] bool stays_beyond(const Arrival& arrival);
  void settle_beyond(bool all);
  void take_beyond(Segment& segment, const Arrival& arrival, const SequenceTracker::Place& place);
  void note_lost(std::int64_t numbers, const Arrival& before);
  [[nodiscard]] bool sends_beside_current(const Arrival& arrival);
  [[nodiscard]] Candidate candidate_of(const Arrival& arrival) const;
  [[nodiscard]] bool goes_on(const Arrival& before, const Arrival& arrival) const;
  [[nodiscard]] bool set_back_goes_on(const Arrival& arrival) const;
  [[nodiscard]] bool bridges(const Arrival& before, const Arrival& arrival) const;
  [[nodiscard]] bool convincing() const;
  void confirm_candidate();
  void discard_candidate();
  void open_segment(const Arrival& arrival, SegmentStart why);

  void hold(const Arrival& arrival, const SequenceTracker::Place& place);
  [[nodiscard]] bool belongs_to(const Arrival& anew) const;
  [[nodiscard]] std::size_t spoken_anew() const;
  void settle_held(std::size_t count);

  void on_repaired(const Repaired& repaired);
  [[nodiscard]] Segment* line_of(const Waiting& packet, SequenceTracker::Place& place);
  [[nodiscard]] bool needed(const Waiting& packet);
  bool place_repaired(const Waiting& packet);
  [[nodiscard]] bool was_heard(const Segment& segment, const SequenceTracker::Place& place,
                               const Waiting& packet) const;
  void remember_tail(const Arrival& arrival);
  [[nodiscard]] bool far_behind(const Segment& segment, const SequenceTracker::Place& place) const;
  void settle_waiting(bool all);
  void fill(Segment& segment, const SequenceTracker::Place& place, const Segment::Early& packet);
  void use_early(Segment& segment, std::int64_t below);

  void settle_encrypted(LayerScan& out) const;
  void decide(std::uint64_t record, bool on_line);
  void note_order();
  void write_order(bool all);
  [[nodiscard]] Bytes start_of_frame(HintFormat format, Bytes payload) const;
  void watch(const RtpPacket& packet, const MediaPayload& media);
  void watch_nal_units(const RtpPacket& packet, const MediaPayload& media);
  void count(const Arrival& arrival);
  void feed_reports(Segment& segment, std::int64_t until_ms);
  [[nodiscard]] Segment& current() { return *out_.segments.back(); }
  [[nodiscard]] const Segment& current() const { return *out_.segments.back(); }

  LayerContext context_;
  LayerScan& out_;
  const MadeTimes* made_times_;
  std::optional<Repairer> repairer_;
  bool repairs_ = false;
  std::optional<std::uint8_t> capture_time_id_;
  HintFormat hint_by_type_[128] = {};
  struct NalWatch {
    explicit NalWatch(const Codec& codec) : sets(codec), markers(codec) {}
    ParameterSetWatch sets;
    SliceMarkerWatch markers;
  };
  std::map<std::uint8_t, NalWatch> nal_watches_;        // by payload type, of H.264 and H.265
  std::map<std::uint32_t, std::int64_t> last_seen_ms_;  // by SSRC without an open segment: its last packet
  std::optional<Candidate> candidate_;
  std::map<std::int64_t, Arrival> beyond_;  // by unwrapped number: the line is still to come to them
  std::vector<Arrival> held_;         // far behind the line: late or copies, unless the source speaks anew
  int held_for_ = 0;                  // packets that the line took meanwhile
  std::optional<Arrival> last_copy_;  // of a packet that came twice
  std::uint64_t unknown_run_ = 0;     // since the line's last packet
  std::size_t next_pause_ = 0;
  bool paused_ = false;               // since the line's last packet
  bool frame_ended_ = false;          // the line's last packet had the marker
  std::vector<Waiting> waiting_;
  static constexpr std::size_t kTail = 8;          // packets; RED repeats fewer
  std::array<std::uint32_t, kTail> tail_{};        // the line's last payloads, by timeless_hash()
  std::array<std::uint32_t, kTail> tail_before_{};  // those of the segment before
  std::size_t next_tail_ = 0;
  bool on_line_ = false;             // the record that is being judged, as far as known now
  std::deque<bool> undecided_;       // the same of those before it that may still change
  std::uint64_t records_ = 0;        // so far
  std::uint64_t written_order_ = 0;  // of them, before the undecided ones
  std::optional<Error> failed_;
  std::int64_t receive_ms_ = 0;  // of the packet being pushed
  QuietSpans quiet_;
  DigitSpans digits_;
  EncryptedFrames encrypted_;
};

}  // namespace rtpx
