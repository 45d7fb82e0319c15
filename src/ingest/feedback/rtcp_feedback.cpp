#include "ingest/feedback/rtcp_feedback.hpp"

#include <algorithm>

namespace rtpx::rtcp {
namespace {

enum Type : std::uint8_t { kRr = 201, kSdes = 202, kBye = 203, kRtpFb = 205, kPsFb = 206, kXr = 207 };

template <typename T>
void put(Buffer& out, T value) {
  const std::size_t at = out.size();
  out.resize(at + sizeof value);
  store_be<T>(out.data() + at, value);
}

/// Starts a packet; the length follows in end().
std::size_t begin(Buffer& out, std::uint8_t count, std::uint8_t type, std::uint32_t sender) {
  const std::size_t at = out.size();
  put<std::uint8_t>(out, static_cast<std::uint8_t>(0x80U | count));
  put<std::uint8_t>(out, type);
  put<std::uint16_t>(out, 0);
  put<std::uint32_t>(out, sender);
  return at;
}
void end(Buffer& out, std::size_t at) {
  out.resize(at + (out.size() - at + 3) / 4 * 4);
  store_be<std::uint16_t>(out.data() + at + 2, static_cast<std::uint16_t>((out.size() - at) / 4 - 1));
}

}  // namespace

void write_receiver_report(Buffer& out, std::uint32_t sender, std::span<const ReportBlock> blocks) {
  blocks = blocks.first(std::min(blocks.size(), kMaxReportBlocks));
  const std::size_t at = begin(out, static_cast<std::uint8_t>(blocks.size()), kRr, sender);
  for (const ReportBlock& block : blocks) {
    put(out, block.ssrc);
    const std::int32_t lost = std::clamp(block.cumulative_lost, -0x800000, 0x7FFFFF);
    put(out, static_cast<std::uint32_t>(block.fraction_lost) << 24 |
                 (static_cast<std::uint32_t>(lost) & 0xFFFFFFU));
    put(out, block.highest_sequence);
    put(out, block.jitter);
    put(out, block.last_sr);
    put(out, block.delay_since_last_sr);
  }
  end(out, at);
}

void write_cname(Buffer& out, std::uint32_t sender, std::string_view cname) {
  cname = cname.substr(0, 255);
  const std::size_t at = begin(out, 1, kSdes, sender);
  put<std::uint8_t>(out, 1);
  put<std::uint8_t>(out, static_cast<std::uint8_t>(cname.size()));
  const Bytes text = as_bytes(cname);
  out.insert(out.end(), text.begin(), text.end());
  put<std::uint8_t>(out, 0);  // end of the chunk's items, padded to a word by end()
  end(out, at);
}

void write_nack(Buffer& out, std::uint32_t sender, std::uint32_t media,
                std::span<const std::uint16_t> sequences) {
  if (sequences.empty()) return;
  const std::size_t at = begin(out, 1, kRtpFb, sender);
  put(out, media);
  for (std::size_t i = 0; i < sequences.size();) {
    const std::uint16_t first = sequences[i++];
    std::uint16_t bits = 0;
    for (; i < sequences.size(); ++i) {
      const auto ahead = static_cast<std::uint16_t>(sequences[i] - first);
      if (ahead == 0 || ahead > 16) break;
      bits = static_cast<std::uint16_t>(bits | 1U << (ahead - 1));
    }
    put(out, first);
    put(out, bits);
  }
  end(out, at);
}

void write_pli(Buffer& out, std::uint32_t sender, std::uint32_t media) {
  const std::size_t at = begin(out, 1, kPsFb, sender);
  put(out, media);
  end(out, at);
}

void write_fir(Buffer& out, std::uint32_t sender, std::uint32_t media, std::uint8_t number) {
  const std::size_t at = begin(out, 4, kPsFb, sender);
  put<std::uint32_t>(out, 0);  // section 4.3.1.2: not used, 0
  put(out, media);
  put<std::uint32_t>(out, static_cast<std::uint32_t>(number) << 24);
  end(out, at);
}

void write_remb(Buffer& out, std::uint32_t sender, std::uint64_t bits_per_second,
                std::span<const std::uint32_t> media) {
  const std::size_t at = begin(out, 15, kPsFb, sender);
  put<std::uint32_t>(out, 0);
  put<std::uint32_t>(out, 0x52454D42);  // "REMB"
  std::uint32_t exponent = 0;
  while (bits_per_second >> exponent > 0x3FFFF) ++exponent;
  media = media.first(std::min<std::size_t>(media.size(), 255));
  put(out, static_cast<std::uint32_t>(media.size() << 24 | exponent << 18 | bits_per_second >> exponent));
  for (const std::uint32_t ssrc : media) put(out, ssrc);
  end(out, at);
}

void write_reference_time(Buffer& out, std::uint32_t sender, std::uint64_t ntp) {
  const std::size_t at = begin(out, 0, kXr, sender);
  put<std::uint32_t>(out, 4U << 24 | 2U);
  put(out, ntp);
  end(out, at);
}

void write_bye(Buffer& out, std::uint32_t sender) {
  end(out, begin(out, 1, kBye, sender));
}

std::vector<Block> split(Bytes compound) {
  std::vector<Block> out;
  while (compound.size() >= 4) {
    const auto first = static_cast<std::uint8_t>(compound[0]);
    const std::size_t size = 4U * (load_be<std::uint16_t>(compound.data() + 2) + 1U);
    if (first >> 6 != 2 || size > compound.size()) break;
    Bytes body = compound.subspan(4, size - 4);
    if ((first & 0x20U) != 0 && !body.empty()) {
      const auto padding = static_cast<std::size_t>(body.back());
      if (padding > body.size()) break;
      body = body.first(body.size() - padding);
    }
    out.push_back({static_cast<std::uint8_t>(first & 0x1FU), static_cast<std::uint8_t>(compound[1]), body});
    compound = compound.subspan(size);
  }
  return out;
}

std::vector<std::uint32_t> senders(Bytes compound) {
  std::vector<std::uint32_t> out;
  for (const Block& block : split(compound)) {
    if (block.body.size() < 4) continue;
    const auto ssrc = load_be<std::uint32_t>(block.body.data());
    if (std::ranges::find(out, ssrc) == out.end()) out.push_back(ssrc);
  }
  return out;
}

std::optional<NackRequest> read_nack(const Block& block) {
  if (block.type != kRtpFb || block.count != 1 || block.body.size() < 8) return std::nullopt;
  NackRequest out;
  ByteReader in(block.body);
  in.skip(4);
  out.media = in.u32();
  while (in.remaining() >= 4) {
    const std::uint16_t first = in.u16();
    const std::uint16_t bits = in.u16();
    out.sequences.push_back(first);
    for (unsigned i = 0; i < 16; ++i)
      if ((bits >> i & 1U) != 0) out.sequences.push_back(static_cast<std::uint16_t>(first + i + 1));
  }
  return out;
}

std::optional<std::uint32_t> read_pli(const Block& block) {
  if (block.type != kPsFb || block.count != 1 || block.body.size() < 8) return std::nullopt;
  return load_be<std::uint32_t>(block.body.data() + 4);
}

std::optional<std::chrono::microseconds> read_round_trip(const Block& block, std::uint32_t own_ssrc,
                                                         std::uint32_t now_middle) {
  if (block.type != kXr) return std::nullopt;
  ByteReader in(block.body);
  in.skip(4);
  while (in.remaining() >= 4) {
    const std::uint8_t type = in.u8();
    in.skip(1);
    ByteReader report(in.take(4U * in.u16()));
    while (type == 5 && report.remaining() >= 12) {
      const std::uint32_t ssrc = report.u32(), last = report.u32(), delay = report.u32();
      const std::uint32_t round_trip = now_middle - delay - last;
      if (ssrc == own_ssrc && last != 0 && round_trip < 60U << 16)
        return std::chrono::microseconds(static_cast<std::uint64_t>(round_trip) * 1'000'000 >> 16);
    }
  }
  return std::nullopt;
}

std::uint64_t to_ntp(std::chrono::nanoseconds since_start) noexcept {
  const auto ns = static_cast<std::uint64_t>(since_start.count());
  const std::uint64_t seconds = ns / 1'000'000'000;
  return seconds << 32 | ((ns % 1'000'000'000) << 32) / 1'000'000'000;
}

}  // namespace rtpx::rtcp
