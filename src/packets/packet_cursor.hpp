#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "packets/track_scan.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {

/// A packet of a layer in its place.
struct OrderedPacket {
  RtpPacket packet;             ///< views that live until the next call of next()
  MediaPayload media;           ///< without RED; packets that are no media have taken a number all the same
  std::size_t segment = 0;      ///< index into LayerScan::segments
  std::int64_t sequence = 0;    ///< unwrapped, strictly increasing within the segment
  std::int64_t timestamp = 0;   ///< unwrapped
  std::int64_t receive_ms = 0;  ///< of packets that were late or given back: of the packet after them
};

/// Where a cursor stands.
struct PacketCursorState {
  explicit PacketCursorState(const RecordRuns& runs) : line(runs) {}
  RecordRuns::Reader line;
  std::uint64_t records = 0;  ///< of the layer that have been gone over
  std::size_t segment = 0;
  std::size_t next_patch = 0;
  std::size_t next_range = 0;                     ///< of the numbers without media
  std::int64_t other = INT64_MIN;                 ///< the last of them that was handed out
  std::int64_t line_sequence = 0, line_time = 0;  ///< of the main line; 0: the segment has not begun
  std::int64_t receive_ms = 0;
  bool holds = false;             ///< a packet of the main line has been read and not handed out
  bool held_opens_next = false;   ///< it belongs to the segment after this one
  bool at_end = false;
  std::uint64_t position = 0;  ///< of the record read last
};

/// Second pass over a layer: its packets as the scan ordered them (LayerScan). Fixed memory.
class PacketCursor {
 public:
  /// All three must outlive the cursor.
  [[nodiscard]] static Result<std::unique_ptr<PacketCursor>> open(const TrackScan& track,
                                                                  const LayerScan& layer,
                                                                  const SpillFile& spill);

  /// The next packet; nullptr at the end, and where the file cannot be read further (unreadable()).
  /// Errors: io of the spill file.
  [[nodiscard]] Result<const OrderedPacket*> next();
  /// Packets that the scan has seen and that could not be read again: file, offset and why; empty: none.
  [[nodiscard]] const std::string& unreadable() const noexcept { return unreadable_; }
  /// A place between two packets of a layer. Bounded, a few hundred bytes.
  class Place;
  /// The place before the packet that next() answered last; nullopt when that one lies elsewhere in the file
  /// (a patch), or takes a number only.
  [[nodiscard]] std::optional<Place> place_before_last() const;
  /// Goes to a place that a cursor of the same layer was at, or of what was known of it earlier: from there on next()
  /// answers what that one answered, and what has come since.
  void go_to(const Place& place);
  /// Bytes of the file that have been gone over.
  [[nodiscard]] std::uint64_t position() const noexcept { return at_.position; }

 private:
  PacketCursor(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
               std::unique_ptr<RecordReader> reader);

  [[nodiscard]] bool read_line();
  /// nullptr when the file has become unreadable there since the scan, or the spill file.
  [[nodiscard]] const OrderedPacket* emit_patch();
  const OrderedPacket* emit_other();
  const OrderedPacket* emit(OrderedPacket& out, std::int64_t sequence, std::int64_t timestamp);
  [[nodiscard]] const Segment& segment() const { return *layer_.segments[at_.segment]; }
  [[nodiscard]] std::int64_t next_patch() const;
  [[nodiscard]] std::int64_t next_other() const;
  /// As the scan saw it: `record` of the layer.
  void set_time(RtpPacket& packet, std::uint64_t record) const;
  void begin_segment(std::size_t index);
  void move_line();
  /// Where the reader has met damage that the scan had not.
  [[nodiscard]] std::optional<std::uint64_t> new_damage();
  /// The scan passed over this offset.
  [[nodiscard]] bool was_damaged(std::uint64_t offset) const;
  void lose(std::uint64_t offset, const Error& why);
  [[nodiscard]] const OrderedPacket* find_next();

  const TrackScan& track_;
  const LayerScan& layer_;
  const SpillFile& spill_;
  const MadeTimes* made_times_ = nullptr;
  std::unique_ptr<RecordReader> reader_;
  const std::vector<DamagedRange>& damage_;  // the reader's
  std::size_t damage_seen_ = 0;
  PacketCursorState at_;
  OrderedPacket held_;           // next of the main line: patches may go before it
  bool last_was_line_ = false;   // what next() answered last
  std::vector<std::byte> held_bytes_, patch_bytes_, spill_buffer_;
  OrderedPacket patch_;
  std::string unreadable_;
  std::optional<Error> failed_;  // for now
};

class PacketCursor::Place {
 public:
  Place() : at_(no_records()) {}  ///< to be read
  /// base/archive.hpp
  template <class Archive>
  void archive(Archive& with) {
    at_.holds = true;
    with(at_.records, at_.segment, at_.line_sequence, at_.line_time, at_.receive_ms, at_.position, reader_.offset,
         reader_.last_time, reader_.ssrcs, reader_.known_ssrcs, reader_.next_ssrc);
  }

 private:
  friend class PacketCursor;
  static const RecordRuns& no_records() {
    static const RecordRuns none;
    return none;
  }
  explicit Place(const PacketCursorState& at) : at_(at) {}
  PacketCursorState at_;
  RecordReader::Place reader_;
};

}  // namespace rtpx
