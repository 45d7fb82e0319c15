#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <vector>

#include "codec/depacketizer.hpp"
#include "codec/hold_frame.hpp"
#include "require.hpp"

namespace rtpx::fuzz {

constexpr std::size_t kMaxUnit = 512;  // small enough for a fuzzer to reach

/// Input: repeated { control, length, payload }. Control bits: 0 a packet was lost before this one, 1 a new
/// timestamp, 2 marker, 3 flush first, 4 { length, dependency descriptor } comes before the payload. Inputs
/// of odd length leave out upper layers, every other one of them all but the lowest. What must hold of all
/// that comes out, whatever goes in:
/// - frames and drops come in order, none overlaps another, none holds a packet of another timestamp;
/// - a frame has bytes, all its packets, and not more bytes than `grows(bytes of its packets)`;
/// - the first frame of video is a keyframe.
template <typename Grows>
void depacketize(const Codec& codec, const std::uint8_t* data, std::size_t size, Grows grows) {
  struct Sent {
    std::int64_t timestamp = 0;
    std::size_t bytes = 0;
  };
  std::map<std::int64_t, Sent> sent;
  std::int64_t sequence = 100, timestamp = 0, done = 0;
  bool first = true;
  const auto hold = make_hold_frame(codec.mime_type);
  constexpr std::int64_t kHeldArea = 1 << 20;  // a held picture takes as long as its macroblocks are many
  const auto in_order = [&](std::int64_t from, std::int64_t to, std::int64_t at) {
    require(from > done && from <= to && to <= sequence);
    require(sent.contains(from) && sent.contains(to));
    require(sent[from].timestamp == at);
    done = to;
  };
  std::unique_ptr<Depacketizer> depacketizer;
  DepacketizerOptions options{.max_unit_bytes = kMaxUnit};
  if (size % 2 == 1) options.max_spatial_layer = options.max_temporal_layer = size % 4 == 1 ? 0 : 1;
  auto made = make_depacketizer(
      codec, options,
      [&](const Frame& frame) {
        in_order(frame.first_sequence, frame.last_sequence, frame.timestamp);
        require(!frame.data.empty());
        std::size_t bytes = 0;
        for (std::int64_t s = frame.first_sequence; s <= frame.last_sequence; ++s) {
          require(sent.contains(s));
          require(sent[s].timestamp == frame.timestamp || sent[s].bytes == 0);
          bytes += sent[s].bytes;
        }
        require(frame.data.size() <= grows(bytes));
        require(!first || frame.kind == FrameKind::key);
        require(!first || !frame.parameters_changed);
        first = false;
        if (!hold) return;
        hold->follow(frame.data);
        const StreamConfig& config = depacketizer->config();
        if (std::int64_t{config.width} * config.height < kHeldArea) (void)hold->frame();
      },
      [&](const Dropped& dropped) {
        in_order(dropped.first_sequence, dropped.last_sequence, dropped.timestamp);
        require(dropped.detail != nullptr);
      });
  require(made.has_value());
  depacketizer = std::move(*made);
  ByteReader in(Bytes(reinterpret_cast<const std::byte*>(data), size));
  while (in.remaining() >= 2) {
    const std::uint8_t control = in.u8();
    if ((control & 8U) != 0) depacketizer->flush();
    sequence += (control & 1U) != 0 ? 2 : 1;
    if ((control & 2U) != 0) timestamp += 3000;
    MediaPacket packet{.sequence = sequence, .timestamp = timestamp, .marker = (control & 4U) != 0};
    if ((control & 16U) != 0)
      packet.dependency_descriptor = in.take(std::min<std::size_t>(in.u8(), in.remaining()));
    packet.payload = in.take(std::min<std::size_t>(in.u8(), in.remaining()));
    sent[sequence] = {timestamp, packet.payload.size()};
    depacketizer->push(packet);
  }
  depacketizer->flush();
}

}  // namespace rtpx::fuzz
