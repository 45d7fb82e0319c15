#pragma once

#include <cstdint>
#include <memory>
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

/// Second pass over a layer: its packets as the scan ordered them (LayerScan). Fixed memory.
class PacketCursor {
 public:
  /// All three must outlive the cursor.
  [[nodiscard]] static Result<std::unique_ptr<PacketCursor>> open(const TrackScan& track,
                                                                  const LayerScan& layer,
                                                                  const SpillFile& spill);

  /// The next packet; nullptr at the end. A file that cannot be read further ends where the scan ended.
  /// Errors: io of the spill file.
  [[nodiscard]] Result<const OrderedPacket*> next();
  /// Bytes of the file that have been gone over.
  [[nodiscard]] std::uint64_t position() const noexcept { return position_; }

 private:
  PacketCursor(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
               std::unique_ptr<RecordReader> reader);

  [[nodiscard]] bool read_line();
  /// nullptr when the file has become unreadable there since the scan.
  [[nodiscard]] Result<const OrderedPacket*> emit_patch();
  const OrderedPacket* emit_other();
  const OrderedPacket* emit(OrderedPacket& out, std::int64_t sequence, std::int64_t timestamp);
  [[nodiscard]] const Segment& segment() const { return *layer_.segments[segment_]; }
  [[nodiscard]] std::int64_t next_patch() const;
  [[nodiscard]] std::int64_t next_other() const;
  void begin_segment(std::size_t index);
  void move_line();

  const TrackScan& track_;
  const LayerScan& layer_;
  const SpillFile& spill_;
  std::unique_ptr<RecordReader> reader_;
  RecordRuns::Reader line_;
  std::uint64_t records_ = 0;  // of the layer that have been gone over
  std::size_t segment_ = 0;
  std::size_t next_patch_ = 0;
  std::size_t next_range_ = 0;                      // of the numbers without media
  std::int64_t other_ = INT64_MIN;                  // the last of them that was handed out
  std::int64_t line_sequence_ = 0, line_time_ = 0;  // of the main line; 0: the segment has not begun
  std::int64_t receive_ms_ = 0;
  OrderedPacket held_;  // next of the main line: patches may go before it
  bool holds_ = false;
  bool held_opens_next_ = false;  // it belongs to the segment after this one
  bool at_end_ = false;
  std::uint64_t position_ = 0;
  std::vector<std::byte> spill_buffer_;
  OrderedPacket patch_;
};

}  // namespace rtpx
