#include "packets/made_times.hpp"

#include "packets/layer_scan.hpp"
#include "packets/play_time.hpp"

namespace rtpx {
namespace {

constexpr std::uint64_t kFewest = 50;  // packets
constexpr double kShortestMs = 2'000;
constexpr double kOfSound = 1 / 66.0, kOfPicture = 1 / 200.0;  // milliseconds in a field for 90,000 Hz are 1 / 90
constexpr double kUsualPacketMs = 20;
constexpr double kSoundShare = 1 / 4.0;  // of the time; a call on hold stands too
constexpr int kGoesOn = 1'000;       // numbers; by more, the source has begun anew
constexpr std::int64_t kApartMs = 5;

}  // namespace

bool times_stand(const LayerScan& layer, MediaKind kind) {
  double told_ms = 0, came_ms = 0;
  for (const auto& segment : layer.segments) {
    const SequenceTracker& line = segment->line;
    told_ms += 1e3 * static_cast<double>(line.highest_timestamp() - line.first_timestamp()) / segment->clock_rate;
    came_ms += static_cast<double>(line.last_receive_ms() - segment->first_receive_ms);
  }
  if (layer.packets < kFewest || came_ms < kShortestMs || told_ms < 0) return false;
  if (kind == MediaKind::video) return told_ms < kOfPicture * came_ms;
  return told_ms < kOfSound * came_ms && static_cast<double>(layer.packets) * kUsualPacketMs > kSoundShare * came_ms;
}

void TimeMaker::push(const RtpPacket& packet, std::int64_t receive_ms) {
  const std::uint64_t record = records_++;
  const MediaPayload media = media_payload(types_, packet);
  if (media.role != PayloadRole::media) return;
  const int step = static_cast<std::int16_t>(packet.sequence_number - number_);
  const bool same = begun_ && packet.ssrc == ssrc_ && std::abs(step) <= kGoesOn;
  if (same && step <= 0) {
    made_.add(record, recent_[packet.sequence_number % kRecent]);  // late, or a copy
    return;
  }
  go_on(packet, media, same ? step : 0, receive_ms);
  made_.add(record, time_);
}

// `step`: of its number; 0 where its source begins.
void TimeMaker::go_on(const RtpPacket& packet, const MediaPayload& media, int step, std::int64_t receive_ms) {
  const Codec* codec = types_.codec(media.payload_type);
  if (codec != nullptr && codec->clock_rate > 0) clock_rate_ = codec->clock_rate;
  const bool sound = kind_ == MediaKind::audio;
  const auto passed = static_cast<std::uint32_t>(std::max<std::int64_t>(receive_ms - receive_ms_, 1) * clock_rate_ / 1000);
  const std::uint32_t before = time_;
  const bool anew = step == 0, after_loss = step > 1 && receive_ms - receive_ms_ >= kApartMs;
  const bool begins = sound || anew || marker_ || after_loss;
  if (!begun_)
    time_ = packet.timestamp;
  else if (sound && !anew)
    time_ += static_cast<std::uint32_t>(step) * ticks_;
  else if (begins)
    time_ += passed;
  for (int missed = std::max(step - static_cast<int>(kRecent), 1); missed < step; ++missed)
    recent_[static_cast<std::uint16_t>(number_ + missed) % kRecent] =
        sound ? before + static_cast<std::uint32_t>(missed) * ticks_ : marker_ ? time_ : before;
  const std::int64_t play_ns = sound && codec != nullptr ? play_time_ns(*codec, media.payload) : 0;
  if (play_ns > 0 || ticks_ == 0)
    ticks_ = static_cast<std::uint32_t>(play_ns > 0 ? static_cast<double>(play_ns) * clock_rate_ / 1e9
                                                    : kUsualPacketMs * clock_rate_ / 1e3);
  begun_ = true;
  ssrc_ = packet.ssrc;
  number_ = packet.sequence_number;
  marker_ = packet.marker;
  if (begins) receive_ms_ = receive_ms;
  recent_[number_ % kRecent] = time_;
}

}  // namespace rtpx
