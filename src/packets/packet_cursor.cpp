#include "packets/packet_cursor.hpp"

#include <algorithm>
#include <limits>

namespace rtpx {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

}  // namespace

Result<std::unique_ptr<PacketCursor>> PacketCursor::open(const TrackScan& track, const LayerScan& layer,
                                                         const SpillFile& spill) {
  auto reader = RecordReader::open(track.files.rtp);
  if (!reader) return std::unexpected(reader.error());
  return std::unique_ptr<PacketCursor>(new PacketCursor(track, layer, spill, std::move(*reader)));
}

PacketCursor::PacketCursor(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
                           std::unique_ptr<RecordReader> reader)
    : track_(track), layer_(layer), spill_(spill), reader_(std::move(reader)), line_(layer.line) {}

Result<const OrderedPacket*> PacketCursor::next() {
  if (layer_.segments.empty()) return nullptr;
  while (true) {
    if (!holds_ && !at_end_ && !read_line()) at_end_ = true;
    const std::int64_t line = at_end_ || held_opens_next_ ? kNone : line_sequence_;
    if (std::min(next_patch(), next_other()) < line) {
      if (next_other() < next_patch()) return emit_other();
      auto patch = emit_patch();
      if (!patch || *patch != nullptr) return patch;
      continue;
    }
    if (held_opens_next_) {
      begin_segment(segment_ + 1);
      continue;
    }
    if (!holds_) return nullptr;
    holds_ = false;
    return emit(held_, line_sequence_, line_time_);
  }
}

// Reads on to the next packet of the main line and holds it; false at the end.
bool PacketCursor::read_line() {
  while (true) {
    const auto record = reader_->next();
    if (!record || !*record) return false;
    position_ = (*record)->offset;
    const bool routed = track_.routes.size() > 0;
    if (!routed && (*record)->header.rid_index != layer_.rid_index) continue;
    const auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    if (routed && track_.routes.rid_of((*record)->header.rid_index, packet->ssrc) != layer_.rid_index)
      continue;
    const std::uint64_t number = records_++;
    if (!line_.next()) continue;
    held_.packet = *packet;
    holds_ = true;
    receive_ms_ = (*record)->header.receive_time_ms;
    held_opens_next_ =
        segment_ + 1 < layer_.segments.size() && number == layer_.segments[segment_ + 1]->first_record;
    if (number == segment().first_record)
      begin_segment(segment_);
    else if (!held_opens_next_)
      move_line();
    return true;
  }
}

void PacketCursor::begin_segment(std::size_t index) {
  segment_ = index;
  next_patch_ = next_range_ = 0;
  other_ = std::numeric_limits<std::int64_t>::min();
  held_opens_next_ = false;
  line_sequence_ = SequenceTracker::initial(held_.packet.sequence_number);
  line_time_ = SequenceTracker::initial(held_.packet.timestamp);
}

void PacketCursor::move_line() {
  line_sequence_ +=
      static_cast<std::int16_t>(held_.packet.sequence_number - static_cast<std::uint16_t>(line_sequence_));
  line_time_ += static_cast<std::int32_t>(held_.packet.timestamp - static_cast<std::uint32_t>(line_time_));
}

std::int64_t PacketCursor::next_patch() const {
  return next_patch_ < segment().patches.size() ? segment().patches[next_patch_].sequence : kNone;
}

std::int64_t PacketCursor::next_other() const {
  const auto ranges = segment().line.others().ranges();
  return next_range_ < ranges.size() ? std::max(ranges[next_range_].first, other_ + 1) : kNone;
}

// A number that a packet without media has used.
const OrderedPacket* PacketCursor::emit_other() {
  other_ = next_other();
  if (other_ == segment().line.others().ranges()[next_range_].last) ++next_range_;
  patch_ = {.segment = segment_, .sequence = other_, .timestamp = line_time_, .receive_ms = receive_ms_};
  return &patch_;
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
  patch_.packet = *packet;
  return emit(patch_, patch.sequence, patch.timestamp);
}

const OrderedPacket* PacketCursor::emit(OrderedPacket& out, std::int64_t sequence, std::int64_t timestamp) {
  out.media = media_payload(*track_.types, out.packet);
  out.segment = segment_;
  out.sequence = sequence;
  out.timestamp = timestamp;
  out.receive_ms = receive_ms_;
  return &out;
}

}  // namespace rtpx
