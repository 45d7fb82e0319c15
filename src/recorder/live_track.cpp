#include "recorder/live_track.hpp"

#include <algorithm>

#include "rtp/codec_roles.hpp"

namespace rtpx {

LiveTrack::LiveTrack(MediaStreamTrack track_, const std::shared_ptr<QueueShared>& shared)
    : track(std::move(track_)),
      media(std::make_shared<PacketQueue>(shared, track.rids.size())),
      rtcp(std::make_shared<PacketQueue>(shared, 1)),
      codecs_(track.codecs) {}

std::optional<std::uint8_t> LiveTrack::rid_index(const std::optional<std::string_view>& rid) const noexcept {
  if (!rid) return track.rids.empty() ? std::optional<std::uint8_t>(0) : std::nullopt;
  for (std::size_t i = 0; i < track.rids.size(); ++i)
    if (track.rids[i] == *rid) return static_cast<std::uint8_t>(i);
  return std::nullopt;
}

Outcome LiveTrack::record(std::uint8_t rid_index, Bytes packet, const PacketInfo& info) noexcept {
  if (info.codec != nullptr) note_codec(*info.codec);
  return media->append(rid_index, packet, info.arrival);
}

Outcome LiveTrack::record_rtcp(Bytes packet,
                               const std::optional<ReceiveClock::time_point>& arrival) noexcept {
  return rtcp->append(0, packet, arrival);
}

// What is taken came before the time noted as the pause's begin, and after the one noted as its end.
void LiveTrack::set_pausing(bool pausing_now) {
  if (pausing_now == pausing()) return;
  const auto now_ms = [] {
    return std::chrono::floor<std::chrono::milliseconds>(ReceiveClock::now().time_since_epoch()).count();
  };
  if (!pausing_now) pauses.back().to_ms = now_ms();
  media->pause(pausing_now);
  rtcp->pause(pausing_now);
  if (pausing_now) pauses.push_back({now_ms(), std::nullopt});
}

void LiveTrack::note_codec(const Codec& codec) noexcept {
  const std::lock_guard lock(codecs_mutex_);
  if (std::ranges::find(codecs_, codec) != codecs_.end()) return;
  try {
    codecs_.push_back(codec);
    codecs_changed.store(true);
  } catch (const std::bad_alloc&) {  // noted with a later packet
  }
}

std::vector<Codec> LiveTrack::codecs() const {
  const std::lock_guard lock(codecs_mutex_);
  return codecs_;
}

const Codec* media_codec(const std::vector<Codec>& codecs) {
  for (const Codec& codec : codecs) {
    const PayloadRole role = payload_role(codec.mime_type);
    if (role == PayloadRole::media || role == PayloadRole::unknown) return &codec;
  }
  return nullptr;
}

}  // namespace rtpx
