#include "packets/packet_cursor.hpp"

#include <algorithm>
#include <iterator>
#include <limits>

#include "base/remote_file.hpp"

namespace rtpx {
namespace {

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

}  // namespace

Result<std::unique_ptr<PacketCursor>> PacketCursor::open(const TrackScan& track, const LayerScan& layer,
                                                         const SpillFile& spill) {
  auto reader = RecordReader::open(track.files.rtp, RecordReader::Content::rtp, {}, track.files.source);
  if (!reader) return std::unexpected(reader.error());
  return std::unique_ptr<PacketCursor>(new PacketCursor(track, layer, spill, std::move(*reader)));
}

PacketCursor::PacketCursor(const TrackScan& track, const LayerScan& layer, const SpillFile& spill,
                           std::unique_ptr<RecordReader> reader)
    : track_(track), layer_(layer), spill_(spill), reader_(std::move(reader)), damage_(reader_->damage()), at_(layer.line) {
  if (const auto made = track.made_times.find(layer.rid_index); made != track.made_times.end()) made_times_ = &made->second;
}

Result<const OrderedPacket*> PacketCursor::next() {
  if (!failed_)
    if (const OrderedPacket* found = find_next(); !failed_) return found;
  return std::unexpected(*failed_);
}

const OrderedPacket* PacketCursor::find_next() {
  if (layer_.segments.empty()) return nullptr;
  while (true) {
    if (!at_.holds && !at_.at_end && !read_line()) at_.at_end = true;
    const std::int64_t line = at_.at_end || at_.held_opens_next ? kNone : at_.line_sequence;
    last_was_line_ = false;
    if (std::min(next_patch(), next_other()) < line) {
      if (next_other() < next_patch()) return emit_other();
      const OrderedPacket* patch = emit_patch();
      if (patch != nullptr || failed_) return patch;
      continue;
    }
    if (at_.held_opens_next) {
      begin_segment(at_.segment + 1);
      continue;
    }
    if (!at_.holds) return nullptr;
    at_.holds = false;
    last_was_line_ = true;
    return emit(held_, at_.line_sequence, at_.line_time);
  }
}

// Reads on to the next packet of the main line and holds it; false at the end.
bool PacketCursor::read_line() {
  while (true) {
    const auto record = reader_->next();
    if (!record) {
      lose(reader_->place().offset, record.error());
      return false;
    }
    if (damage_seen_ < damage_.size())
      if (const auto lost = new_damage()) {
        lose(*lost, {Errc::io, "the disk does not give it"});
        return false;
      }
    if (!*record) {
      if (at_.line.any_left()) lose(reader_->place().offset, {Errc::io, "it has become shorter"});
      return false;
    }
    at_.position = (*record)->offset;
    if (!track_.damage.empty() && was_damaged((*record)->offset)) continue;
    const bool routed = track_.routes.size() > 0;
    if (!routed && (*record)->header.rid_index != layer_.rid_index) continue;
    const auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    if (routed && track_.routes.rid_of((*record)->header.rid_index, packet->ssrc) != layer_.rid_index)
      continue;
    const std::uint64_t number = at_.records++;
    if (!at_.line.next()) continue;
    held_.packet = *packet;
    (void)track_.rtx_media.restore(held_.packet, *track_.types, held_bytes_);
    if (made_times_ != nullptr) set_time(held_.packet, number);
    at_.holds = true;
    at_.receive_ms = (*record)->header.receive_time_ms;
    at_.held_opens_next =
        at_.segment + 1 < layer_.segments.size() && number == layer_.segments[at_.segment + 1]->first_record;
    if (number == segment().first_record)
      begin_segment(at_.segment);
    else if (!at_.held_opens_next)
      move_line();
    return true;
  }
}

// Records are counted to find their places, so that what the reader passes over now and did not before ends what
// the cursor can tell.
std::optional<std::uint64_t> PacketCursor::new_damage() {
  for (; damage_seen_ < damage_.size(); ++damage_seen_) {
    const DamagedRange& range = damage_[damage_seen_];
    if (!range.tail && range.offset < track_.file_bytes && !was_damaged(range.offset + range.length - 1))
      return range.offset;
  }
  return std::nullopt;
}

bool PacketCursor::was_damaged(std::uint64_t offset) const {
  const auto next = std::ranges::upper_bound(track_.damage, offset, {}, &DamagedRange::offset);
  return next != track_.damage.begin() && std::prev(next)->offset + std::prev(next)->length > offset;
}

// The first is told; of what the scan could not read either, the scan has told.
void PacketCursor::lose(std::uint64_t offset, const Error& why) {
  if (is_passing(why)) failed_ = why;
  if (!unreadable_.empty() || !track_.read_error.empty()) return;
  const RecordReader::FilePlace place = reader_->file_place(offset);
  unreadable_ = place.file.string() + " could be read at offset " + std::to_string(place.offset) +
                " before and cannot now: " + why.message + "; convert it again";
}

void PacketCursor::set_time(RtpPacket& packet, std::uint64_t record) const {
  packet.timestamp = made_times_->at(record).value_or(packet.timestamp);
}

void PacketCursor::begin_segment(std::size_t index) {
  at_.segment = index;
  at_.next_patch = at_.next_range = 0;
  at_.other = std::numeric_limits<std::int64_t>::min();
  at_.held_opens_next = false;
  at_.line_sequence = SequenceTracker::initial(held_.packet.sequence_number);
  at_.line_time = SequenceTracker::initial(held_.packet.timestamp);
}

inline void PacketCursor::move_line() {
  at_.line_sequence +=
      static_cast<std::int16_t>(held_.packet.sequence_number - static_cast<std::uint16_t>(at_.line_sequence));
  at_.line_time += static_cast<std::int32_t>(held_.packet.timestamp - static_cast<std::uint32_t>(at_.line_time));
}

inline std::int64_t PacketCursor::next_patch() const {
  return at_.next_patch < segment().patches.size() ? segment().patches[at_.next_patch].sequence : kNone;
}

inline std::int64_t PacketCursor::next_other() const {
  const auto ranges = segment().line.others().ranges();
  return at_.next_range < ranges.size() ? std::max(ranges[at_.next_range].first, at_.other + 1) : kNone;
}

// A number that a packet without media has used.
const OrderedPacket* PacketCursor::emit_other() {
  at_.other = next_other();
  if (at_.other == segment().line.others().ranges()[at_.next_range].last) ++at_.next_range;
  patch_ = {.segment = at_.segment, .sequence = at_.other, .timestamp = at_.line_time, .receive_ms = at_.receive_ms};
  return &patch_;
}

const OrderedPacket* PacketCursor::emit_patch() {
  const Patch patch = segment().patches[at_.next_patch++];
  Bytes bytes;
  if ((patch.where & Patch::kSpilled) != 0) {
    auto spilled = spill_.read(patch.where & ~Patch::kSpilled, spill_buffer_);
    if (!spilled) {
      failed_ = spilled.error();
      return nullptr;
    }
    bytes = *spilled;
  } else {
    const auto record = reader_->read_at(patch.where);
    if (!record) {
      lose(patch.where, record.error());
      return nullptr;
    }
    bytes = record->packet;
  }
  const auto packet = parse_rtp(bytes);
  if (!packet) {
    if ((patch.where & Patch::kSpilled) == 0) lose(patch.where, {Errc::io, "what is there has changed"});
    return nullptr;
  }
  patch_.packet = *packet;
  (void)track_.rtx_media.restore(patch_.packet, *track_.types, patch_bytes_);
  if (made_times_ != nullptr) patch_.packet.timestamp = static_cast<std::uint32_t>(patch.timestamp);
  return emit(patch_, patch.sequence, patch.timestamp);
}

std::optional<PacketCursor::Place> PacketCursor::place_before_last() const {
  if (!last_was_line_ || at_.holds) return std::nullopt;
  Place place(at_);
  place.at_.holds = true;
  place.reader_ = reader_->place();
  return place;
}

void PacketCursor::go_to(const Place& place) {
  at_ = place.at_;
  at_.segment = std::min(at_.segment, layer_.segments.size() - 1);
  // What has come late since, of a recording that goes on, lies before the place or behind it.
  at_.line = RecordRuns::Reader(layer_.line, at_.records);
  const auto ranges = segment().line.others().ranges();
  at_.next_patch = static_cast<std::size_t>(
      std::ranges::lower_bound(segment().patches, at_.line_sequence, {}, &Patch::sequence) - segment().patches.begin());
  at_.next_range = static_cast<std::size_t>(
      std::ranges::lower_bound(ranges, at_.line_sequence, {}, &NumberRanges::Range::last) - ranges.begin());
  at_.other = at_.line_sequence - 1;
  last_was_line_ = false;
  failed_.reset();
  reader_->go_to(place.reader_);
  damage_seen_ = std::min(damage_seen_, damage_.size());
  const auto record = reader_->read_at(at_.position);
  const auto packet = record ? parse_rtp(record->packet) : std::nullopt;
  at_.holds = packet.has_value();
  if (!packet) return lose(at_.position, record ? Error{Errc::io, "what is there has changed"} : record.error());
  held_.packet = *packet;
  if (track_.rtx_media.restore(held_.packet, *track_.types, held_bytes_)) return;
  held_bytes_.assign(record->packet.begin(), record->packet.end());
  held_.packet = *parse_rtp(held_bytes_);
  if (made_times_ != nullptr) held_.packet.timestamp = static_cast<std::uint32_t>(at_.line_time);
}

const OrderedPacket* PacketCursor::emit(OrderedPacket& out, std::int64_t sequence, std::int64_t timestamp) {
  out.media = media_payload(*track_.types, out.packet);
  out.segment = at_.segment;
  out.sequence = sequence;
  out.timestamp = timestamp;
  out.receive_ms = at_.receive_ms;
  return &out;
}

}  // namespace rtpx
