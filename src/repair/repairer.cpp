#include "repair/repairer.hpp"

#include <algorithm>
#include <unordered_map>

#include "repair/red.hpp"
#include "repair/rtx.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kSequences = 64;

/// A packet with the header of `like` cut to its fixed part, and other content.
RtpPacket rebuild(const RtpPacket& like, std::uint8_t payload_type, bool marker, std::uint16_t number,
                  std::uint32_t timestamp, Bytes payload, std::vector<std::byte>& buffer) {
  buffer.assign(12 + payload.size(), std::byte{0});
  buffer[0] = std::byte{0x80};
  buffer[1] = static_cast<std::byte>((marker ? 0x80 : 0) | payload_type);
  store_be(buffer.data() + 2, number);
  store_be(buffer.data() + 4, timestamp);
  store_be(buffer.data() + 8, like.ssrc);
  std::ranges::copy(payload, buffer.begin() + 12);
  return *parse_rtp(buffer);
}

}  // namespace

struct Repairer::State {
  PayloadTypes types;
  OnRepaired on_repaired;
  RtxUnpacker rtx;
  std::unordered_map<std::uint32_t, RedSequence> red;  // by SSRC
  std::vector<RedBlock> blocks;
  std::vector<std::byte> rtx_buffer, red_buffer;

  void push(const RtpPacket& packet);
  void media(const RtpPacket& packet);
  void red_packet(const RtpPacket& packet);
  void redundant(const RtpPacket& packet);
  void rtx_packet(const RtpPacket& packet);
  [[nodiscard]] RedSequence* sequence_of(std::uint32_t ssrc);
};

Repairer::Repairer(const PayloadTypes& types, const std::map<std::string, std::uint8_t>& header_extensions,
                   OnRepaired on_repaired)
    : state_(new State{.types = types, .on_repaired = std::move(on_repaired)}) {
  (void)header_extensions;
}

Repairer::~Repairer() = default;

void Repairer::push(const RtpPacket& packet) {
  state_->push(packet);
}

void Repairer::State::push(const RtpPacket& packet) {
  switch (types.role(packet.payload_type)) {
    case PayloadRole::media:
    case PayloadRole::comfort_noise:
    case PayloadRole::telephone_event:
      return media(packet);
    case PayloadRole::red:
      return red_packet(packet);
    case PayloadRole::rtx:
      return rtx_packet(packet);
    case PayloadRole::ulpfec:
    case PayloadRole::flexfec:
    case PayloadRole::unknown:
      return;
  }
}

void Repairer::State::media(const RtpPacket& packet) {
  rtx.add_media(packet.ssrc, packet.sequence_number, packet.timestamp);
  if (types.has(PayloadRole::red))
    if (RedSequence* sequence = sequence_of(packet.ssrc))
      sequence->add(packet.sequence_number, packet.timestamp);
}

RedSequence* Repairer::State::sequence_of(std::uint32_t ssrc) {
  if (red.size() >= kSequences && !red.contains(ssrc)) return nullptr;
  return &red[ssrc];
}

void Repairer::State::red_packet(const RtpPacket& packet) {
  if (!parse_red(packet.payload, blocks)) return;
  media(packet);
  redundant(packet);
}

void Repairer::State::redundant(const RtpPacket& packet) {
  const RedSequence* sequence = sequence_of(packet.ssrc);
  if (sequence == nullptr) return;
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    const RedBlock& block = blocks[i];
    if (block.payload.empty() || types.role(block.payload_type) != PayloadRole::media) continue;
    const auto from_end = static_cast<unsigned>(blocks.size() - 1 - i);
    const auto number = sequence->find(packet.sequence_number, packet.timestamp, block, from_end);
    if (!number) continue;
    on_repaired({rebuild(packet, block.payload_type, false, *number,
                         packet.timestamp - block.timestamp_offset, block.payload, red_buffer),
                 RepairSource::red});
  }
}

void Repairer::State::rtx_packet(const RtpPacket& packet) {
  const auto type = types.repaired_type(packet.payload_type);
  if (!type) return;
  const auto original = rtx.unpack(packet, *type, rtx_buffer);
  if (!original) return;
  if (types.role(*type) != PayloadRole::red) return on_repaired({*original, RepairSource::rtx});
  if (!parse_red(original->payload, blocks)) return;
  redundant(*original);
  const RedBlock& primary = blocks.back();
  if (types.role(primary.payload_type) == PayloadRole::media)
    on_repaired({rebuild(*original, primary.payload_type, original->marker, original->sequence_number,
                         original->timestamp, primary.payload, red_buffer),
                 RepairSource::rtx});
}

}  // namespace rtpx
