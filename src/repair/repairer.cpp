#include "repair/repairer.hpp"

#include <array>
#include <unordered_map>
#include <utility>

#include "repair/flexfec.hpp"
#include "repair/parity.hpp"
#include "repair/rebuild.hpp"
#include "repair/red.hpp"
#include "repair/rtx.hpp"
#include "repair/ulpfec.hpp"

namespace rtpx {
namespace {

constexpr std::size_t kSequences = 64;
constexpr std::size_t kMostEarlyRtx = 64;  // packets
/// FEC that was negotiated but has not come after so many packets: they are no longer kept for it.
constexpr std::uint32_t kPatience = 20'000;

bool audio_red_in(const PayloadTypes& types) {
  for (std::uint8_t type = 0; type < 128; ++type)
    if (types.role(type) == PayloadRole::red && types.codec(type)->mime_type.starts_with("audio"))
      return true;
  return false;
}

}  // namespace

struct Repairer::State {
  State(const PayloadTypes& payload_types, const std::map<std::string, std::uint8_t>& header_extensions,
        OnRepaired callback);

  void push(const RtpPacket& packet);

  void media(const RtpPacket& packet, bool in_red);
  void red_packet(const RtpPacket& packet);
  void redundant_blocks(const RtpPacket& packet, const std::vector<RedBlock>& blocks);
  void rtx_packet(const RtpPacket& packet);
  void retry_early_rtx();
  void recovered(const RtpPacket& packet, RepairSource source);
  void ulpfec_payload(Bytes payload, std::uint32_t ssrc);
  void flexfec_packet(const RtpPacket& packet);
  [[nodiscard]] RedSequence* sequence_of(std::uint32_t ssrc);
  [[nodiscard]] bool feeds_fec(bool in_red);

  const PayloadTypes types;
  const bool has_red, has_audio_red, has_ulpfec, has_flexfec;
  OnRepaired on_repaired;
  RtxUnpacker rtx;
  ParitySolver parities;
  std::unordered_map<std::uint32_t, RedSequence> sequences;  // by SSRC
  std::optional<std::uint32_t> last_media_ssrc;
  std::uint32_t packets_without_fec = 0;
  int depth = 0;
  std::vector<std::vector<std::byte>> early_rtx;  // of sources that have not been heard
  bool ulpfec_alone_seen = false, flexfec_seen = false;
  std::vector<RedBlock> red_blocks;                 // of red_packet(), which nothing calls again from inside
  std::vector<std::byte> red_buffer, block_buffer;  // the latter is filled and used at once
};

Repairer::Repairer(const PayloadTypes& types, const std::map<std::string, std::uint8_t>& header_extensions,
                   OnRepaired on_repaired)
    : state_(std::make_unique<State>(types, header_extensions, std::move(on_repaired))) {}

Repairer::~Repairer() = default;

void Repairer::push(const RtpPacket& packet) {
  state_->push(packet);
}

Repairer::State::State(const PayloadTypes& payload_types,
                       const std::map<std::string, std::uint8_t>& header_extensions, OnRepaired callback)
    : types(payload_types),
      has_red(types.has(PayloadRole::red)),
      has_audio_red(audio_red_in(types)),
      has_ulpfec(types.has(PayloadRole::ulpfec)),
      has_flexfec(types.has(PayloadRole::flexfec)),
      on_repaired(std::move(callback)),
      parities(header_extensions,
               [this](const RtpPacket& packet, RepairSource source) { recovered(packet, source); }) {}

void Repairer::State::push(const RtpPacket& packet) {
  switch (types.role(packet.payload_type)) {
    case PayloadRole::media:
    case PayloadRole::comfort_noise:
    case PayloadRole::telephone_event:
      return media(packet, false);
    case PayloadRole::red:
      return red_packet(packet);
    case PayloadRole::rtx:
      return rtx_packet(packet);
    case PayloadRole::ulpfec:
      ulpfec_alone_seen = true;
      return ulpfec_payload(packet.payload, packet.ssrc);
    case PayloadRole::flexfec:
      return flexfec_packet(packet);
    case PayloadRole::other_fec:
    case PayloadRole::unknown:
      return;
  }
}

void Repairer::State::media(const RtpPacket& packet, bool in_red) {
  last_media_ssrc = packet.ssrc;
  const bool first = rtx.add_media(packet.ssrc, packet.sequence_number, packet.timestamp);
  if (has_audio_red)
    if (RedSequence* sequence = sequence_of(packet.ssrc))
      sequence->add(packet.sequence_number, packet.timestamp);
  if (feeds_fec(in_red)) parities.add_packet(packet);
  if (first && !early_rtx.empty()) retry_early_rtx();
}

/// Retransmissions that came before any packet of their source.
void Repairer::State::retry_early_rtx() {
  const auto packets = std::exchange(early_rtx, {});
  for (const auto& bytes : packets)
    if (const auto packet = parse_rtp(bytes)) rtx_packet(*packet);
}

/// Chromium negotiates RED and ULPFEC always and uses them seldom; then media comes in RED. Plain media is
/// kept for FEC only where FEC may come for it.
bool Repairer::State::feeds_fec(bool in_red) {
  if (flexfec_seen || ulpfec_alone_seen) return true;
  if (has_ulpfec && in_red) return true;
  const bool awaited = has_flexfec || (has_ulpfec && !has_red);
  return awaited && packets_without_fec++ < kPatience;
}

RedSequence* Repairer::State::sequence_of(std::uint32_t ssrc) {
  if (sequences.size() >= kSequences && !sequences.contains(ssrc)) sequences.erase(sequences.begin());
  return &sequences[ssrc];
}

void Repairer::State::red_packet(const RtpPacket& packet) {
  std::vector<RedBlock>& blocks = red_blocks;
  if (!parse_red(packet.payload, blocks)) return;
  const RedBlock& primary = blocks.back();
  PacketIdentity identity = identity_of(packet);
  identity.payload_type = primary.payload_type;
  // FEC covers packets as they were before RED (RFC 5109 section 14.1 has FEC for the RED packet; no sender
  // does).
  const RtpPacket without_red = rebuild(packet, identity, primary.payload, red_buffer);
  if (types.role(primary.payload_type) == PayloadRole::ulpfec)
    ulpfec_payload(primary.payload, packet.ssrc);
  else
    media(without_red, true);
  redundant_blocks(packet, blocks);
}

void Repairer::State::redundant_blocks(const RtpPacket& packet, const std::vector<RedBlock>& blocks) {
  const RedSequence* sequence = has_audio_red ? sequence_of(packet.ssrc) : nullptr;
  for (std::size_t i = 0; i + 1 < blocks.size(); ++i) {
    const RedBlock& block = blocks[i];
    if (types.role(block.payload_type) == PayloadRole::ulpfec) ulpfec_payload(block.payload, packet.ssrc);
    if (block.payload.empty() || sequence == nullptr || types.role(block.payload_type) != PayloadRole::media)
      continue;
    const auto number = sequence->find(packet.sequence_number, packet.timestamp, block,
                                       static_cast<unsigned>(blocks.size() - 1 - i));
    if (!number) continue;
    static constexpr std::array<std::byte, 12> kBare{
        std::byte{0x80}};  // marker and extensions are the primary's
    const RtpPacket bare{.whole = kBare};
    const PacketIdentity identity{block.payload_type, *number, packet.timestamp - block.timestamp_offset,
                                  packet.ssrc};
    on_repaired({rebuild(bare, identity, block.payload, block_buffer), RepairSource::red});
  }
}

void Repairer::State::rtx_packet(const RtpPacket& packet) {
  const auto type = types.repaired_type(packet.payload_type);
  if (!type) return;
  std::vector<std::byte> buffer;
  if (const auto original = rtx.unpack(packet, *type, buffer))
    recovered(*original, RepairSource::rtx);
  else if (packet.payload.size() > 2 && early_rtx.size() < kMostEarlyRtx)
    early_rtx.emplace_back(packet.whole.begin(), packet.whole.end());
}

/// Takes RED off what was given back. None of it becomes part of an XOR again here: what ParitySolver solved
/// it keeps itself, and what RTX gave has other extensions.
void Repairer::State::recovered(const RtpPacket& packet, RepairSource source) {
  const PayloadRole role = types.role(packet.payload_type);
  if (role == PayloadRole::media) return on_repaired({packet, source});
  if (role == PayloadRole::ulpfec) return ulpfec_payload(packet.payload, packet.ssrc);
  if (role != PayloadRole::red) return;
  std::vector<RedBlock> blocks;
  if (!parse_red(packet.payload, blocks)) return;
  redundant_blocks(packet, blocks);
  const RedBlock& primary = blocks.back();
  PacketIdentity identity = identity_of(packet);
  identity.payload_type = primary.payload_type;
  std::vector<std::byte> buffer;
  if (types.role(primary.payload_type) == PayloadRole::ulpfec)
    return ulpfec_payload(primary.payload, packet.ssrc);
  if (types.role(primary.payload_type) == PayloadRole::media)
    on_repaired({rebuild(packet, identity, primary.payload, buffer), source});
}

void Repairer::State::ulpfec_payload(Bytes payload, std::uint32_t ssrc) {
  constexpr int kDeepest = 4;
  if (depth >= kDeepest) return;  // FEC of FEC of FEC: nobody sends that
  ++depth;
  // FEC has the media's SSRC (RFC 5109 section 14.2), or it is a stream of its own and the only media is
  // meant.
  std::vector<Parity> levels = parse_ulpfec(payload, rtx.knows(ssrc) ? ssrc : last_media_ssrc.value_or(ssrc));
  while (!levels.empty()) {  // higher levels first: the first one may need them at once
    parities.add_parity(std::move(levels.back()));
    levels.pop_back();
  }
  --depth;
}

void Repairer::State::flexfec_packet(const RtpPacket& packet) {
  flexfec_seen = true;
  const Codec* codec = types.codec(packet.payload_type);
  if (codec->mime_type.ends_with("-03")) {
    if (auto parity = parse_flexfec_03(packet.payload)) parities.add_parity(std::move(*parity));
  } else if (const auto again = flexfec_retransmission(packet)) {
    recovered(*again, RepairSource::flexfec);
  } else if (auto parity = parse_flexfec(packet)) {
    parities.add_parity(std::move(*parity));
  }
}

}  // namespace rtpx
