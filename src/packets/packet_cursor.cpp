#include "packets/packet_cursor.hpp"

#include <limits>

namespace rtpx {

Result<std::unique_ptr<PacketCursor>> PacketCursor::open(const TrackScan& track, const LayerScan& layer,
                                                         const SpillFile& spill) {
  auto reader = RecordReader::open(track.files.rtp);
  if (!reader) return std::unexpected(reader.error());
  return std::unique_ptr<PacketCursor>(new PacketCursor(track, layer, spill, std::move(*reader)));
}

PacketCursor::PacketCursor(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
                           std::unique_ptr<RecordReader> reader)
    : track_(track), layer_(layer), spill_(spill), reader_(std::move(reader)) {}

Result<const OrderedPacket*> PacketCursor::next() {
  constexpr std::int64_t kEverything = std::numeric_limits<std::int64_t>::max();
  if (layer_.segments.empty()) return nullptr;
  while (true) {
    if (!holds_ && !at_end_ && !read_main_line()) at_end_ = true;
    const bool segment_ends = at_end_ || held_opens_next_;
    if (patch_below(segment_ends ? kEverything : line_sequence_)) {
      auto patch = emit_patch();
      if (!patch || *patch != nullptr) return patch;
      continue;
    }
    if (held_opens_next_) {
      begin_segment(segment_ + 1);
      held_opens_next_ = false;
      (void)carries_on(held_.packet, position_);
      continue;
    }
    if (!holds_) return nullptr;
    holds_ = false;
    return emit(held_, line_sequence_, line_time_);
  }
}

// Reads on to the next packet of the main line and holds it; false at the end.
bool PacketCursor::read_main_line() {
  while (true) {
    const auto record = reader_->next();
    if (!record || !*record) return false;
    position_ = (*record)->offset;
    if (belongs(**record)) return true;
  }
}

bool PacketCursor::belongs(const Record& record) {
  if (record.header.rid_index != layer_.rid_index || record.offset < layer_.segments.front()->start_offset)
    return false;
  while (next_skipped_records_ < layer_.skipped_records.size() &&
         layer_.skipped_records[next_skipped_records_] < record.offset)
    ++next_skipped_records_;
  if (next_skipped_records_ < layer_.skipped_records.size() &&
      layer_.skipped_records[next_skipped_records_] == record.offset)
    return false;
  const auto packet = parse_rtp(record.packet);
  if (!packet) return false;
  const bool opens_next =
      segment_ + 1 < layer_.segments.size() && record.offset == layer_.segments[segment_ + 1]->start_offset;
  if (!opens_next) {
    if (packet->ssrc != segment().ssrc || only_repairs(track_.types->role(packet->payload_type)))
      return false;
    if (!carries_on(*packet, record.offset)) return false;
  }
  held_.packet = *packet;
  holds_ = true;
  held_opens_next_ = opens_next;
  receive_ms_ = record.header.receive_time_ms;
  return true;
}

// Moves the main line to this packet when it is beyond it.
bool PacketCursor::carries_on(const RtpPacket& packet, std::uint64_t offset) {
  if (offset == segment().start_offset) {
    line_sequence_ = SequenceTracker::initial(packet.sequence_number);
    line_time_ = SequenceTracker::initial(packet.timestamp);
    return true;
  }
  const auto step =
      static_cast<std::int16_t>(packet.sequence_number - static_cast<std::uint16_t>(line_sequence_));
  if (step <= 0) return false;
  line_sequence_ += step;
  line_time_ += static_cast<std::int32_t>(packet.timestamp - static_cast<std::uint32_t>(line_time_));
  return true;
}

bool PacketCursor::patch_below(std::int64_t sequence) const {
  return next_patch_ < segment().patches.size() && segment().patches[next_patch_].sequence < sequence;
}

Result<const OrderedPacket*> PacketCursor::emit_patch() {
  const Patch patch = segment().patches[next_patch_++];
  Bytes bytes;
  if ((patch.where & Patch::kSpilled) != 0) {
    auto spilled = spill_.read(patch.where & ~Patch::kSpilled, spill_buffer_);
    if (!spilled) return std::unexpected(spilled.error());
    bytes = *spilled;
  } else {
    const auto record = reader_->read_at(patch.where);
    if (!record) return nullptr;
    bytes = record->packet;
  }
  const auto packet = parse_rtp(bytes);
  if (!packet) return nullptr;
  const auto time_step =
      static_cast<std::int32_t>(packet->timestamp - static_cast<std::uint32_t>(line_time_));
  patch_.packet = *packet;
  return emit(patch_, patch.sequence, line_time_ + time_step);
}

const OrderedPacket* PacketCursor::emit(OrderedPacket& out, std::int64_t sequence, std::int64_t timestamp) {
  out.media = media_payload(*track_.types, out.packet);
  out.segment = segment_;
  out.sequence = sequence;
  out.timestamp = timestamp;
  out.receive_ms = receive_ms_;
  return &out;
}

void PacketCursor::begin_segment(std::size_t index) {
  segment_ = index;
  next_patch_ = 0;
}

}  // namespace rtpx
