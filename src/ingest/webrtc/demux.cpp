#include "ingest/webrtc/demux.hpp"

#include <algorithm>

namespace rtpx {
namespace {

/// The value of a header extension as text; id 0 is never there.
std::optional<std::string_view> text_extension(const RtpPacket& packet, std::uint8_t id) {
  if (id == 0) return std::nullopt;
  const auto value = find_extension(packet, id);
  if (!value || value->empty()) return std::nullopt;
  std::string_view text = as_text(*value);
  while (text.ends_with('\0')) text.remove_suffix(1);
  return text;
}

std::optional<std::uint8_t> index_of(const std::vector<std::string>& rids, std::string_view rid) {
  const auto at = std::ranges::find(rids, rid);
  if (at == rids.end()) return std::nullopt;
  return static_cast<std::uint8_t>(at - rids.begin());
}

}  // namespace

Demux::Demux(const std::vector<NegotiatedTrack>& tracks, std::size_t max_ssrcs)
    : tracks_(tracks), max_ssrcs_(max_ssrcs) {
  track_by_type_.fill(kNone);
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    for (const Codec& codec : tracks[i].track.codecs) {
      std::uint8_t& entry = track_by_type_[codec.payload_type & 127U];
      entry = entry == kNone || entry == i ? static_cast<std::uint8_t>(i) : kSeveral;
    }
    for (const AnnouncedSource& source : tracks[i].sources)
      insert(source.ssrc, {i, source.rid_index, source.role, source.media});
  }
}

const Route* Demux::find(std::uint32_t ssrc) const noexcept {
  const auto found = routes_.find(ssrc);
  return found == routes_.end() ? nullptr : &found->second;
}

std::optional<std::size_t> Demux::track_of(const RtpPacket& packet) const {
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    if (const auto mid = text_extension(packet, tracks_[i].extensions.mid); mid && *mid == tracks_[i].mid)
      return i;
  const std::uint8_t by_type = track_by_type_[packet.payload_type];
  if (by_type < kNone) return by_type;
  return std::nullopt;
}

StreamRole Demux::role_of(std::size_t track, std::uint8_t payload_type) const {
  for (const Codec& codec : tracks_[track].track.codecs) {
    if (codec.payload_type != payload_type) continue;
    if (codec.mime_type.ends_with("/rtx")) return StreamRole::rtx;
    if (codec.mime_type.ends_with("/flexfec-03")) return StreamRole::fec;
    break;  // RED and ULPFEC share the media's SSRC
  }
  return StreamRole::media;
}

Demux::Learned Demux::learn(const RtpPacket& packet) {
  const auto track = track_of(packet);
  if (!track) return Learned::unknown;
  const NegotiatedTrack& one = tracks_[*track];
  Route route{*track, 0, role_of(*track, packet.payload_type), 0};
  if (one.track.rids.size() > 1) {
    const auto repaired = text_extension(packet, one.extensions.repaired_rid);
    const auto rid = repaired ? repaired : text_extension(packet, one.extensions.rid);
    const auto index = rid ? index_of(one.track.rids, *rid) : std::nullopt;
    if (!index) return Learned::rid_later;
    route.rid_index = *index;
  }
  if (route.role != StreamRole::media) route.media = media_of(*track, route.rid_index);
  return insert(packet.ssrc, route);
}

Demux::Learned Demux::settle(const RtpPacket& packet) {
  const auto track = track_of(packet);
  if (!track) return Learned::unknown;
  Route route{*track, 0, role_of(*track, packet.payload_type), 0};
  const std::size_t layers = std::max<std::size_t>(1, tracks_[*track].track.rids.size());
  for (std::size_t i = layers; i-- > 0;)
    if (media_of(*track, static_cast<std::uint8_t>(i)) == 0) route.rid_index = static_cast<std::uint8_t>(i);
  if (route.role != StreamRole::media) route.media = media_of(*track, route.rid_index);
  return insert(packet.ssrc, route);
}

std::uint32_t Demux::media_of(std::size_t track, std::uint8_t rid_index) const noexcept {
  const auto found = media_.find({track, rid_index});
  return found == media_.end() ? 0 : found->second;
}

Demux::Learned Demux::insert(std::uint32_t ssrc, Route route) {
  if (routes_.size() >= max_ssrcs_) return Learned::full;
  if (route.role == StreamRole::media) {
    route.media = media_[{route.track, route.rid_index}] = ssrc;
    for (auto& [other, known] : routes_)  // repair streams that came first, or outlive an SSRC
      if (known.role != StreamRole::media && known.track == route.track &&
          known.rid_index == route.rid_index && known.media == 0)
        known.media = ssrc;
  }
  routes_.insert_or_assign(ssrc, route);
  return Learned::route;
}

}  // namespace rtpx
