// Any packets, sender reports and capture times give finite maps that never go back, inside a segment and
// from one segment of a track to the next. Input: records of one control byte and the fields that it asks
// for.
#include <algorithm>
#include <cmath>
#include <deque>
#include <string>

#include "base/bytes.hpp"
#include "require.hpp"
#include "timeline/samples.hpp"
#include "timeline/timeline.hpp"

using namespace rtpx;

namespace {

struct Segment {
  SegmentClock clock{48000};
  std::uint32_t rate = 48000;
  bool audio = false;
  std::string cname, track;
  std::int64_t rtp = 0, receive = 0, sequence = 0;
};

/// A step of a counter: small ones likely, any possible.
std::int64_t step(ByteReader& in, std::uint8_t size) {
  if (size == 0) return static_cast<std::int8_t>(in.u8());
  if (size == 1) return static_cast<std::int16_t>(in.u16());
  if (size == 2) return static_cast<std::int32_t>(in.u32());
  return static_cast<std::int64_t>(in.u64());
}

std::int64_t plus(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? b : sum;
}

void read(ByteReader& in, std::deque<Segment>& segments) {
  while (in.remaining() >= 3) {
    const std::uint8_t control = in.u8();
    if (segments.empty() || (control & 7) == 7) {
      if (segments.size() >= 16) return;
      static constexpr std::uint32_t kRates[4] = {48000, 90000, 8000, 0};
      const std::uint8_t kind = in.u8();
      Segment& s = segments.emplace_back();
      s.rate = kRates[kind & 3];
      s.clock = SegmentClock(s.rate);
      s.audio = (kind & 4) != 0;
      s.cname = (kind & 8) != 0 ? "a" : (kind & 16) != 0 ? "b" : "";
      s.track = (kind & 32) != 0 ? "one" : "two";
      continue;
    }
    Segment& s = segments.back();
    const std::int64_t ticks = step(in, control >> 4 & 3);
    const std::int64_t other = step(in, control >> 6 & 3);
    switch (control & 7) {
      case 2:  // a telephone event before it
        s.clock.add_event(plus(s.rtp, ticks), other);
        [[fallthrough]];
      case 0:
      case 1:  // a packet, on from the last one
        s.rtp = plus(s.rtp, ticks);
        s.receive = plus(s.receive, other);
        s.clock.add_packet(s.rtp, s.receive, ++s.sequence, (control & 7) == 1 ? 20'000'000 : 0);
        break;
      case 3:  // a minute of good packets
        for (int i = 0; i < 60; ++i) {
          s.rtp = plus(s.rtp, s.rate);
          s.receive = plus(s.receive, 1000);
          s.clock.add_packet(s.rtp, s.receive, ++s.sequence);
        }
        break;
      case 4:
        s.clock.add_sender_report(
            plus(s.rtp, ticks),
            plus(3'900'000'000'000'000'000 + s.receive % 1'000'000'000 * 1'000'000, other), s.receive);
        break;
      case 5:
        s.clock.add_capture_time(plus(s.rtp, ticks), other);
        break;
      default:
        s.clock.add_sender_report(ticks, other, s.receive);
    }
  }
}

void check(const Segment& s, const SegmentMap& map) {
  require(!map.pieces.empty());
  require(std::isfinite(map.residual_ms) && std::isfinite(map.drift_ppm));
  for (std::size_t i = 0; i < map.pieces.size(); ++i) {
    const auto& piece = map.pieces[i];
    require(std::isfinite(piece.ns_per_tick) && piece.ns_per_tick > 0);
    if (i == 0) continue;
    require(piece.rtp_time > map.pieces[i - 1].rtp_time);
    require(map.time_ns(piece.rtp_time) >= map.time_ns(piece.rtp_time - 1));
  }
  const auto& samples = s.clock.samples();
  if (samples.empty()) return;
  require(samples.earliest.size() <= 4096 && samples.reports.size() <= 2048 &&
          samples.breaks.size() <= 1024 + 65);
  require(map.time_ns(samples.first_rtp_time) >= 0);
}

/// In the order in which they came, segments of a track begin after the one before has ended.
void check_track(const std::deque<Segment>& segments, const Timeline& timeline, const std::string& track) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < segments.size(); ++i)
    if (segments[i].track == track && !segments[i].clock.samples().empty()) order.push_back(i);
  std::ranges::sort(
      order, {}, [&](std::size_t i) { return std::pair(segments[i].clock.samples().first_receive_ms, i); });
  for (std::size_t i = 1; i < order.size(); ++i) {
    const auto& before = segments[order[i - 1]].clock.samples();
    const auto& after = segments[order[i]].clock.samples();
    const std::int64_t end = timeline.maps[order[i - 1]].time_ns(before.last_rtp_time);
    if (end > std::int64_t{1} << 60) return;  // a century of garbage: saturated
    require(timeline.maps[order[i]].time_ns(after.first_rtp_time) >= end);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::deque<Segment> segments;
  ByteReader in(Bytes(reinterpret_cast<const std::byte*>(data), size));
  read(in, segments);
  std::vector<SegmentInput> inputs;
  for (const Segment& s : segments) inputs.push_back({&s.clock, s.rate, s.audio, s.cname, "stream", s.track});
  const Timeline timeline = place_segments(inputs);
  require(timeline.maps.size() == inputs.size() && std::isfinite(timeline.zero_receive_ms));
  for (std::size_t i = 0; i < segments.size(); ++i) check(segments[i], timeline.maps[i]);
  for (const char* track : {"one", "two"}) check_track(segments, timeline, track);
  return 0;
}
