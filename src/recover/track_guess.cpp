#include "recover/track_guess.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "codec/depacketizer.hpp"
#include "rtp/packet.hpp"
#include "rtp/rtcp.hpp"
#include "rtp/static_payload_types.hpp"
#include "rtp/unwrap.hpp"

namespace rtpx {

namespace {

constexpr std::uint64_t kEnoughPackets = 3000;  // for recognising one payload type
constexpr std::size_t kMaxTypes = 16, kMaxSources = 64;
constexpr std::int64_t kShortestSpanMs = 500;  // for measuring a clock rate

std::optional<std::uint32_t> nearest_rate(double rate) {
  for (const std::uint32_t known : {8000U, 16000U, 48000U, 90000U})
    if (std::abs(rate - known) < 0.1 * known) return known;
  return std::nullopt;
}

}  // namespace

/// The packets of one payload type.
struct TrackGuess::PayloadType {
  std::uint64_t packets = 0, bytes = 0;
  std::uint64_t like_rtx = 0;  // the payload begins with a recent sequence number of another source
  std::uint8_t number = 0;
  CodecRecognizer video{MediaKind::video}, audio{MediaKind::audio};

  // The first source's clock: RTP ticks against receive time.
  std::uint32_t ssrc = 0;
  SequenceUnwrapper sequence;
  TimestampUnwrapper timestamp;
  std::int64_t first_ticks = 0, last_ticks = 0, first_ms = 0, last_ms = 0;

  [[nodiscard]] std::optional<std::uint32_t> clock_rate() const {
    const std::int64_t ms = last_ms - first_ms;
    if (ms < kShortestSpanMs) return std::nullopt;
    return nearest_rate(static_cast<double>(last_ticks - first_ticks) * 1000.0 / static_cast<double>(ms));
  }
  [[nodiscard]] bool is_rtx() const { return packets > 0 && like_rtx * 10 >= packets * 9; }

  [[nodiscard]] std::optional<MediaKind> kind() const {
    if (const auto known = static_codec(number))
      return known->mime_type.starts_with("video/") ? MediaKind::video : MediaKind::audio;
    if (const auto rate = clock_rate()) return *rate == 90000 ? MediaKind::video : MediaKind::audio;
    if (video.answer() && !audio.answer()) return MediaKind::video;
    if (audio.answer() && !video.answer()) return MediaKind::audio;
    return std::nullopt;
  }
  [[nodiscard]] MediaKind likely_kind() const {
    return kind().value_or(packets > 0 && bytes / packets > 400 ? MediaKind::video : MediaKind::audio);
  }
  [[nodiscard]] std::optional<Codec> codec() const {
    if (const auto known = static_codec(number)) return known;
    const bool is_video = likely_kind() == MediaKind::video;
    const auto answer = is_video ? video.answer() : audio.answer();
    if (!answer) return std::nullopt;
    Codec out;
    out.payload_type = number;
    out.mime_type = *answer;
    out.clock_rate = is_video ? 90000 : *answer == "audio/opus" ? 48000 : clock_rate().value_or(8000);
    if (*answer == "audio/opus") out.channels = 2;
    return out;
  }
};

TrackGuess::TrackGuess() = default;
TrackGuess::~TrackGuess() = default;
TrackGuess::TrackGuess(TrackGuess&&) noexcept = default;

void TrackGuess::rtp(const Record& record) {
  rids_[record.header.rid_index] = true;
  const auto packet = parse_rtp(record.packet);
  if (!packet) return;
  auto& slot = types_[packet->payload_type];
  if (!slot) {
    if (types_.size() > kMaxTypes) {
      types_.erase(packet->payload_type);
      return;
    }
    slot = std::make_unique<PayloadType>();
    slot->number = packet->payload_type;
    slot->ssrc = packet->ssrc;
  }
  PayloadType& type = *slot;
  type.bytes += packet->payload.size();
  if (++type.packets > kEnoughPackets && type.clock_rate()) return;

  if (packet->payload.size() >= 2) {
    const auto original = load_be<std::uint16_t>(packet->payload.data());
    for (const auto& [ssrc, newest] : newest_)
      if (ssrc != packet->ssrc && static_cast<std::uint16_t>(newest - original) < 2000) {
        ++type.like_rtx;
        break;
      }
  }
  if (newest_.size() < kMaxSources || newest_.contains(packet->ssrc))
    newest_[packet->ssrc] = packet->sequence_number;
  if (packet->ssrc != type.ssrc) return;

  const std::int64_t ticks = type.timestamp(packet->timestamp);
  if (type.packets == 1) type.first_ticks = ticks, type.first_ms = record.header.receive_time_ms;
  type.last_ticks = ticks, type.last_ms = record.header.receive_time_ms;
  const MediaPacket media{type.sequence(packet->sequence_number), ticks, packet->marker, packet->payload,
                          std::nullopt};
  type.video.push(media);
  type.audio.push(media);
}

void TrackGuess::rtcp(const Record& record) {
  if (!cname_.empty()) return;
  for (SourceName& name : parse_rtcp(record.packet).names)
    if (!name.cname.empty()) cname_ = std::move(name.cname);
}

/// The payload type of the media itself: not RTX, rather recognised than not, rather many packets than few.
const TrackGuess::PayloadType* TrackGuess::media() const {
  const PayloadType* best = nullptr;
  const auto better = [](const PayloadType& a, const PayloadType& b) {
    const bool a_rtx = a.is_rtx(), b_rtx = b.is_rtx();
    if (a_rtx != b_rtx) return b_rtx;
    const bool a_known = a.codec().has_value(), b_known = b.codec().has_value();
    if (a_known != b_known) return a_known;
    return a.packets > b.packets;
  };
  for (const auto& [number, type] : types_)
    if (best == nullptr || better(*type, *best)) best = type.get();
  return best;
}

void TrackGuess::fill(ManifestTrack& track) const {
  track.rid_map.clear();
  const auto used = std::ranges::count(rids_, true);
  for (std::size_t i = 0; i < 255; ++i)
    if (rids_[i] && used > 1) track.rid_map[std::to_string(i)] = static_cast<std::uint8_t>(i);
  if (used <= 1) track.rid_map[std::nullopt] = 0;

  const PayloadType* best = media();
  if (best == nullptr) return;
  track.kind = best->likely_kind();
  track.codec = best->codec();
  track.codecs.clear();
  if (!track.codec) return;
  track.codecs.push_back(*track.codec);
  const std::string medium = track.kind == MediaKind::video ? "video" : "audio";
  for (const auto& [number, type] : types_)
    if (type.get() != best && type->is_rtx())
      track.codecs.push_back({number,
                              medium + "/rtx",
                              track.codec->clock_rate,
                              std::nullopt,
                              std::to_string(number) + " apt=" + std::to_string(best->number),
                              {}});
}

}  // namespace rtpx
