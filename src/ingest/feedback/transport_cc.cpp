#include "ingest/feedback/transport_cc.hpp"

#include <algorithm>

namespace rtpx {
namespace {

using std::chrono::microseconds;

constexpr std::uint8_t kRtpFb = 205, kFormat = 15;
constexpr microseconds kDeltaTick(250), kReferenceUnit(64'000);
constexpr std::size_t kMaxStatuses = 1000, kMaxDeltaBytes = 800;  // of one packet, to stay below an MTU
constexpr std::int64_t kKeepBehind = 1000;  // arrivals kept behind the window, for packets that come late

enum Symbol : std::uint8_t { kNotReceived = 0, kSmall = 1, kLarge = 2 };

std::int64_t to_us(ReceiveClock::time_point at) {
  return std::chrono::floor<microseconds>(at.time_since_epoch()).count();
}

void put16(rtcp::Buffer& out, std::uint32_t value) {
  out.push_back(static_cast<std::byte>(value >> 8));
  out.push_back(static_cast<std::byte>(value));
}

/// Packet status chunks, section 3.1.3 and 3.1.4.
void write_chunks(rtcp::Buffer& out, const std::vector<Symbol>& symbols) {
  for (std::size_t i = 0; i < symbols.size();) {
    const auto rest = symbols.begin() + static_cast<std::ptrdiff_t>(i);
    const auto run = static_cast<std::size_t>(
        std::find_if(rest, symbols.end(), [&](Symbol s) { return s != *rest; }) - rest);
    const std::size_t ahead = std::min<std::size_t>(14, symbols.size() - i);
    const bool one_bit = std::find(rest, rest + static_cast<std::ptrdiff_t>(ahead), kLarge) ==
                         rest + static_cast<std::ptrdiff_t>(ahead);
    if (run > 14 || (!one_bit && run >= 7)) {
      const std::size_t length = std::min<std::size_t>(run, 0x1FFF);
      put16(out, static_cast<std::uint32_t>(*rest << 13 | length));
      i += length;
      continue;
    }
    const std::size_t width = one_bit ? 14 : 7, bits = one_bit ? 1 : 2;
    std::uint32_t chunk = one_bit ? 0x8000 : 0xC000;
    for (std::size_t k = 0; k < width && i < symbols.size(); ++k, ++i)
      chunk |= static_cast<std::uint32_t>(symbols[i]) << (14 - bits - k * bits);
    put16(out, chunk);
  }
}

}  // namespace

void TransportCc::on_packet(std::uint16_t sequence, ReceiveClock::time_point arrival) {
  const std::int64_t number = unwrap_(sequence);
  if (next_ < 0) next_ = number;
  if (number < next_) {
    if (number < next_ - kKeepBehind) return;
    next_ = number;  // late: report again from here
  }
  if (arrivals_.empty() || number > arrivals_.back().number) {
    arrivals_.push_back({number, arrival});
  } else if (const auto after = from(number); after->number != number) {
    arrivals_.insert(after, {number, arrival});
  }
  pending_ = true;
  const std::int64_t highest = arrivals_.back().number;
  if (next_ < highest - kWindow + 1) next_ = highest - kWindow + 1;
  const std::int64_t oldest = std::min(next_, highest) - kKeepBehind;
  while (arrivals_.front().number < oldest) arrivals_.pop_front();
}

/// The first arrival of `number` or a later one.
TransportCc::Arrivals::iterator TransportCc::from(std::int64_t number) {
  return std::ranges::lower_bound(arrivals_, number, {}, &Arrival::number);
}

void TransportCc::write(rtcp::Buffer& out, std::uint32_t sender, std::uint32_t media) {
  if (!pending_) return;
  pending_ = false;
  const std::int64_t end = arrivals_.back().number + 1;
  while (next_ < end) next_ = write_one(out, sender, media, next_, end);
}

/// Writes one packet from `base`; answers the first sequence number that did not fit.
std::int64_t TransportCc::write_one(rtcp::Buffer& out, std::uint32_t sender, std::uint32_t media,
                                    std::int64_t base, std::int64_t end) {
  const auto first = from(base);
  const std::int64_t reference = to_us(first->at) / kReferenceUnit.count();
  std::int64_t clock = reference * kReferenceUnit.count();
  std::vector<Symbol> symbols;
  rtcp::Buffer deltas;
  std::int64_t at = base;
  for (auto next = first; at < end && symbols.size() < kMaxStatuses && deltas.size() < kMaxDeltaBytes; ++at) {
    if (next == arrivals_.end() || next->number != at) {
      symbols.push_back(kNotReceived);
      continue;
    }
    const std::int64_t delta = (to_us(next->at) - clock) / kDeltaTick.count();
    if (delta < -0x8000 || delta > 0x7FFF) break;  // a new packet has a new reference time
    const bool small = delta >= 0 && delta <= 0xFF;
    symbols.push_back(small ? kSmall : kLarge);
    if (!small) deltas.push_back(static_cast<std::byte>(static_cast<std::uint16_t>(delta) >> 8));
    deltas.push_back(static_cast<std::byte>(delta & 0xFF));
    clock += delta * kDeltaTick.count();
    ++next;
  }

  const std::size_t start = out.size();
  out.resize(start + 20);
  write_chunks(out, symbols);
  out.insert(out.end(), deltas.begin(), deltas.end());
  const std::size_t padding = (4 - (out.size() - start) % 4) % 4;
  out.resize(out.size() + padding);
  if (padding > 0) out.back() = static_cast<std::byte>(padding);

  std::byte* const head = out.data() + start;
  head[0] = static_cast<std::byte>(0x80U | (padding > 0 ? 0x20U : 0U) | kFormat);
  head[1] = static_cast<std::byte>(kRtpFb);
  store_be<std::uint16_t>(head + 2, static_cast<std::uint16_t>((out.size() - start) / 4 - 1));
  store_be<std::uint32_t>(head + 4, sender);
  store_be<std::uint32_t>(head + 8, media);
  store_be<std::uint16_t>(head + 12, static_cast<std::uint16_t>(base));
  store_be<std::uint16_t>(head + 14, static_cast<std::uint16_t>(symbols.size()));
  store_be<std::uint32_t>(head + 16, static_cast<std::uint32_t>(reference) << 8 | count_++);
  return at;
}

std::optional<TransportCcReport> read_transport_cc(const rtcp::Block& block) {
  if (block.type != kRtpFb || block.count != kFormat) return std::nullopt;
  TransportCcReport out;
  ByteReader in(block.body);
  in.skip(4);
  out.media = in.u32();
  const std::uint16_t base = in.u16();
  const std::uint16_t total = in.u16();
  const std::uint32_t reference = in.u24();
  out.count = in.u8();
  std::vector<std::uint8_t> symbols;
  while (in.ok() && symbols.size() < total) {
    const std::uint16_t chunk = in.u16();
    if ((chunk & 0x8000U) == 0) {
      symbols.insert(symbols.end(), chunk & 0x1FFFU, static_cast<std::uint8_t>(chunk >> 13 & 3U));
      if ((chunk & 0x1FFFU) == 0) return std::nullopt;
      continue;
    }
    const unsigned bits = (chunk & 0x4000U) != 0 ? 2 : 1;
    for (int shift = 14 - static_cast<int>(bits); shift >= 0; shift -= static_cast<int>(bits))
      symbols.push_back(static_cast<std::uint8_t>(chunk >> shift & ((1U << bits) - 1)));
  }
  if (!in.ok()) return std::nullopt;
  symbols.resize(total);
  std::int64_t clock = static_cast<std::int64_t>(reference) * kReferenceUnit.count();
  for (std::size_t i = 0; i < symbols.size(); ++i) {
    TransportCcReport::Status status{static_cast<std::uint16_t>(base + i), symbols[i] != kNotReceived, 0};
    if (status.received) {
      const std::int64_t delta = symbols[i] == kSmall ? in.u8() : static_cast<std::int16_t>(in.u16());
      clock += delta * kDeltaTick.count();
      status.arrival_us = clock;
    }
    out.statuses.push_back(status);
  }
  if (!in.ok()) return std::nullopt;
  return out;
}

}  // namespace rtpx
