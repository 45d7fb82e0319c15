#include "packets/rtx_media.hpp"

#include "repair/rebuild.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kMostRtxSources = 64;
constexpr std::size_t kMostTimesSeen = 4096;
constexpr std::int64_t kSeenEachMs = 500;
constexpr std::size_t kNumberBytes = 2;  // before what is repeated, RFC 4588 section 4

bool repeats_something(const RtpPacket& packet, const PayloadTypes& types) {
  return types.repaired_type(packet.payload_type) && packet.payload.size() > kNumberBytes;
}

}  // namespace

bool RtxMedia::restore_any(RtpPacket& packet, const PayloadTypes& types, std::vector<std::byte>& buffer) const {
  const auto media = media_of_.find(packet.ssrc);
  if (media == media_of_.end() || !repeats_something(packet, types)) return false;
  const auto number = load_be<std::uint16_t>(packet.payload.data());
  packet = rebuild(packet, {*types.repaired_type(packet.payload_type), number, packet.timestamp, media->second},
                   packet.payload.subspan(kNumberBytes), buffer);
  return true;
}

void RtxWatch::push(const RtpPacket& packet, const PayloadTypes& types, std::int64_t receive_ms) {
  if (!repeats_something(packet, types)) return;
  if (sources_.size() >= kMostRtxSources && !sources_.contains(packet.ssrc)) return;
  Source& source = sources_[packet.ssrc];
  ++source.packets;
  if (const Codec* codec = types.codec(*types.repaired_type(packet.payload_type)); codec != nullptr)
    source.clock_rate = codec->clock_rate;
  if (source.seen.size() < kMostTimesSeen &&
      (source.seen.empty() || receive_ms - source.seen.back().receive_ms >= kSeenEachMs))
    source.seen.push_back({receive_ms, packet.timestamp});
}

std::uint64_t RtxWatch::packets() const noexcept {
  std::uint64_t sum = 0;
  for (const auto& [ssrc, source] : sources_) sum += source.packets;
  return sum;
}

void RtxWatch::settle(const RtcpLog& rtcp, RtxMedia& out) const {
  for (const auto& [ssrc, source] : sources_)
    out.add(ssrc, rtcp.source_like(source.seen, source.clock_rate).value_or(ssrc));
}

}  // namespace rtpx
