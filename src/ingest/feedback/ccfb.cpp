#include "ingest/feedback/ccfb.hpp"

#include <algorithm>

namespace rtpx {
namespace {

constexpr std::uint8_t kFeedbackType = 205, kFeedbackFormat = 11;
constexpr std::int64_t kMaxReports = 400;  // in one packet, to stay below an MTU
constexpr std::int64_t kLate = 500;        // numbers behind that are reported again when they come
constexpr std::uint16_t kArrived = 0x8000, kLongAgo = 0x1FFE;

void append16(rtcp::Buffer& out, std::uint32_t value) {
  out.push_back(static_cast<std::byte>(value >> 8));
  out.push_back(static_cast<std::byte>(value));
}
void put32(rtcp::Buffer& out, std::uint32_t value) {
  append16(out, value >> 16);
  append16(out, value);
}

/// Section 3.1: R, ECN (not known here), and the arrival time offset.
std::uint16_t metric(CongestionFeedback::Time arrival, CongestionFeedback::Time now) {
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(now - arrival).count();
  const std::int64_t offset = std::max<std::int64_t>(us, 0) * 1024 / 1'000'000;
  return static_cast<std::uint16_t>(kArrived | std::min<std::int64_t>(offset, kLongAgo));
}

}  // namespace

void CongestionFeedback::on_packet(std::uint32_t ssrc, std::uint16_t sequence, Time arrival) {
  Stream& stream = streams_[ssrc];
  const std::int64_t number = stream.unwrap(sequence);
  if (stream.next < 0) stream.next = number;
  if (number < stream.next - kLate) return;
  stream.next = std::min(stream.next, number);
  stream.arrivals.try_emplace(number, arrival);
  while (stream.arrivals.size() > kMaxArrivals) {
    stream.arrivals.erase(stream.arrivals.begin());
    stream.next = stream.arrivals.begin()->first;
  }
  pending_ = true;
}

std::vector<rtcp::Buffer> CongestionFeedback::write(std::uint32_t sender, Time now) {
  std::vector<rtcp::Buffer> out;
  pending_ = false;
  const auto timestamp = static_cast<std::uint32_t>(rtcp::to_ntp(now.time_since_epoch()) >> 16);
  for (auto& [ssrc, stream] : streams_) {
    if (stream.arrivals.empty()) continue;
    const std::int64_t end = stream.arrivals.rbegin()->first + 1;
    stream.next = std::max(stream.next, end - static_cast<std::int64_t>(kMaxArrivals));  // after a jump
    while (stream.next < end) {
      const std::int64_t count = std::min(end - stream.next, kMaxReports);
      rtcp::Buffer& packet = out.emplace_back();
      append16(packet, 0x8000U | kFeedbackFormat << 8 | kFeedbackType);
      append16(packet, 0);
      put32(packet, sender);
      put32(packet, ssrc);
      append16(packet, static_cast<std::uint16_t>(stream.next));
      append16(packet, static_cast<std::uint32_t>(count));
      for (std::int64_t i = 0; i < count; ++i) {
        const auto at = stream.arrivals.find(stream.next + i);
        append16(packet, at == stream.arrivals.end() ? 0U : metric(at->second, now));
      }
      if (count % 2 != 0) append16(packet, 0);
      put32(packet, timestamp);
      store_be<std::uint16_t>(packet.data() + 2, static_cast<std::uint16_t>(packet.size() / 4 - 1));
      stream.next += count;
    }
    stream.arrivals.clear();
  }
  return out;
}

std::vector<CongestionReport> read_ccfb(const rtcp::Block& block) {
  std::vector<CongestionReport> out;
  if (block.type != kFeedbackType || block.count != kFeedbackFormat) return out;
  ByteReader in(block.body);
  in.skip(4);
  while (in.remaining() >= 12) {
    CongestionReport report{in.u32(), in.u16(), {}};
    const std::uint16_t count = in.u16();
    if (in.remaining() < 2U * count + 4U) return out;
    for (std::uint16_t i = 0; i < count; ++i) {
      const std::uint16_t value = in.u16();
      report.packets.push_back((value & kArrived) != 0 ? std::optional<std::uint16_t>(value & 0x1FFFU)
                                                       : std::nullopt);
    }
    if (count % 2 != 0) in.skip(2);
    out.push_back(std::move(report));
  }
  return out;
}

}  // namespace rtpx
