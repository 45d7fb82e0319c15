#include "packets/encrypted_frames.hpp"

#include <algorithm>

#include "e2ee/key_indexes.hpp"
#include "packets/limits.hpp"

namespace rtpx {
namespace {

constexpr unsigned kRelayProof = 3;  // frames

bool is_own(const FrameTrailer& trailer, const RtpPacket& packet) noexcept {
  return trailer.ssrc == packet.ssrc && trailer.timestamp == packet.timestamp;
}

}  // namespace

bool ends_encrypted(const RtpPacket& packet) noexcept {
  const auto trailer = parse_frame_trailer(packet.payload);
  return trailer && is_own(*trailer, packet);
}

void EncryptedFrames::push(std::size_t segment, std::int64_t timestamp, const RtpPacket& packet, bool escaped,
                           bool whole, Bytes start) {
  if (start.empty() && !may_matter(packet, escaped, whole)) return;
  const bool may_end_span = whole && open_;
  const Bytes frame = without_frame_metadata(packet.payload);
  auto trailer = parse_frame_trailer(frame);
  if (escaped && !(trailer && is_own(*trailer, packet))) trailer = parse_escaped_frame_trailer(frame);
  if (trailer && (is_own(*trailer, packet) || agrees(*trailer, timestamp, packet))) {
    note_trailer(segment, timestamp, *trailer);
    return;
  }
  if (!start.empty()) note_run(segment, timestamp, start);
  // Plain, or the middle of a frame. Only a whole plain frame behind the span ends it.
  if (may_end_span && !packet.payload.empty() &&
      (segment != out_.back().segment || timestamp > out_.back().to_timestamp))
    open_ = false;
}

bool EncryptedFrames::agrees(const FrameTrailer& trailer, std::int64_t timestamp, const RtpPacket& packet) {
  const std::uint32_t ahead = trailer.timestamp - packet.timestamp;
  if (relayed_.frames == 0 || relayed_.ssrc != trailer.ssrc || relayed_.ahead != ahead)
    relayed_ = {trailer.ssrc, ahead, 1, timestamp, timestamp};
  else if (timestamp > relayed_.to_timestamp) {
    ++relayed_.frames;
    relayed_.to_timestamp = timestamp;
  }
  return relayed_.frames >= kRelayProof;
}

void EncryptedFrames::note_trailer(std::size_t segment, std::int64_t timestamp, const FrameTrailer& trailer) {
  if (!open_ || out_.back().segment != segment) {
    if (out_.size() == kMaxListed) return;
    out_.push_back({segment, timestamp, timestamp, 0, {}, E2eeFormat::livekit});
    in_run_ = false;
    if (relayed_.frames == kRelayProof && relayed_.to_timestamp == timestamp) {  // those that proved it
      out_.back().from_timestamp = relayed_.from_timestamp;
      out_.back().frames = kRelayProof - 1;
    }
    open_ = true;
    last_word_.reset();
  }
  EncryptedSpan& span = out_.back();
  if (span.frames == 0 || timestamp != last_timestamp_) ++span.frames;
  if (last_word_ && timestamp > last_timestamp_ && trailer.third_word == *last_word_ + 1)
    span.format = E2eeFormat::jitsi;
  last_word_ = trailer.third_word;
  last_timestamp_ = timestamp;
  span.from_timestamp = std::min(span.from_timestamp, timestamp);
  span.to_timestamp = std::max(span.to_timestamp, timestamp);
  note_key_index(span.key_indexes, trailer.key_index);
}

// A header of one format may be one of the other's too, for a while: the longer run is right.
void EncryptedFrames::note_run(std::size_t segment, std::int64_t timestamp, Bytes start) {
  const SFrameRun* best = nullptr;
  for (SFrameRun& run : runs_) {
    const std::uint64_t before = run.frames();
    run.push(segment, timestamp, start);
    if (run.proven() && run.frames() > before && (best == nullptr || run.frames() >= best->frames()))
      best = &run;
  }
  if (best == nullptr) return;
  const bool goes_on =
      in_run_ && out_.back().segment == segment &&
      (best->from_timestamp() <= out_.back().to_timestamp || out_.back().format == best->format()) &&
      best->from_timestamp() >= out_.back().from_timestamp;
  if (!goes_on) {
    if (out_.size() == kMaxListed) return;
    out_.push_back({segment, best->from_timestamp(), 0, 0, {}, best->format()});
    in_run_ = true;
    frames_before_ = 0;
  } else if (best->from_timestamp() > out_.back().to_timestamp) {  // with another key
    frames_before_ = out_.back().frames;
  }
  EncryptedSpan& span = out_.back();
  span.format = best->format();
  span.to_timestamp = best->to_timestamp();
  span.frames = frames_before_ + best->frames();
  note_key_index(span.key_indexes, best->key_id());
}

}  // namespace rtpx
