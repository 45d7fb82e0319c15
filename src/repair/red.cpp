#include "repair/red.hpp"

#include <algorithm>
#include <iterator>

#include "repair/repairer.hpp"

namespace rtpx {

// RFC 2198 section 3: headers F|PT|offset(14)|length(10) while F is set, then F=0|PT; then the blocks' data.
bool parse_red(Bytes red_payload, std::vector<RedBlock>& blocks) {
  blocks.clear();
  ByteReader headers(red_payload);
  std::size_t redundant_bytes = 0;
  std::vector<RedBlock>& out = blocks;
  while (true) {
    const std::uint8_t head = headers.u8();
    if (!headers.ok()) return out.clear(), false;
    if ((head & 0x80) == 0) {
      out.push_back({.payload_type = head});
      break;
    }
    const std::uint32_t rest = headers.u24();
    const std::size_t length = rest & 0x3FF;
    redundant_bytes += length;
    if (!headers.ok() || redundant_bytes > headers.remaining()) return out.clear(), false;
    out.push_back(
        {.payload_type = static_cast<std::uint8_t>(head & 0x7F),
         .timestamp_offset = static_cast<std::uint16_t>(rest >> 10),
         .payload = red_payload.first(length)});  // the length is kept here until the data is reached
  }
  ByteReader data(headers.rest());
  for (std::size_t i = 0; i + 1 < out.size(); ++i) out[i].payload = data.take(out[i].payload.size());
  if (!data.ok()) return out.clear(), false;
  out.back().payload = data.rest();
  return true;
}

std::optional<RedPrimary> primary_of_red(Bytes red_payload) noexcept {
  ByteReader in(red_payload);
  std::size_t redundant_bytes = 0;
  while (true) {
    const std::uint8_t head = in.u8();
    if ((head & 0x80) == 0) {
      in.skip(redundant_bytes);
      if (!in.ok()) return std::nullopt;
      return RedPrimary{head, in.rest()};
    }
    redundant_bytes += in.u24() & 0x3FF;
    if (!in.ok()) return std::nullopt;
  }
}

void RedSequence::add(std::uint16_t sequence_number, std::uint32_t timestamp) {
  constexpr std::size_t kKept = 512;
  constexpr std::int64_t kRestart = 3000;
  const std::int64_t before = known_.empty() ? 0 : known_.back().number;
  const Known packet{numbers_(sequence_number), times_(timestamp)};
  if (!known_.empty() && std::abs(packet.number - before) > kRestart) known_.clear();
  auto at = std::ranges::lower_bound(known_, packet.number, {}, &Known::number);
  if (at != known_.end() && at->number == packet.number) {
    at->time = packet.time;
    return;
  }
  at = known_.insert(at, packet);
  learn_frame(static_cast<std::size_t>(at - known_.begin()));
  if (known_.size() > kKept) known_.pop_front();
}

void RedSequence::learn_frame(std::size_t at) {
  if (at == 0) return;
  const Known &before = known_[at - 1], &packet = known_[at];
  const std::int64_t ticks = packet.time - before.time;
  if (packet.number == before.number + 1 && ticks > 0 && (frame_ == 0 || ticks < 2 * frame_)) frame_ = ticks;
}

std::optional<std::uint16_t> RedSequence::find(std::uint16_t primary_number, std::uint32_t primary_timestamp,
                                               const RedBlock& block, unsigned from_end) const {
  const std::int64_t number = numbers_.peek(primary_number);
  const std::int64_t time = times_.peek(primary_timestamp) - block.timestamp_offset;
  // What is known around that time: numbers between `after` and `before` are free for it.
  std::int64_t after = number - (1 << 14);
  std::int64_t before = number;
  const auto earlier = std::ranges::lower_bound(known_, number, {}, &Known::number);
  for (auto at = std::make_reverse_iterator(earlier); at != known_.rend(); ++at) {  // mostly a near one
    if (at->time == time) return static_cast<std::uint16_t>(at->number);
    if (at->time < time)
      after = std::max(after, at->number);
    else
      before = std::min(before, at->number);
  }
  const auto fits = [&](std::int64_t candidate) { return candidate > after && candidate < before; };
  if (before - after == 2) return static_cast<std::uint16_t>(after + 1);
  if (frame_ == 0) return std::nullopt;  // too early to tell
  if (block.timestamp_offset % frame_ == 0) {
    const std::int64_t by_time = number - block.timestamp_offset / frame_;
    if (fits(by_time)) return static_cast<std::uint16_t>(by_time);
  }
  if (fits(number - from_end)) return static_cast<std::uint16_t>(number - from_end);
  return std::nullopt;
}

}  // namespace rtpx
