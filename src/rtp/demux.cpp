#include "rtp/demux.hpp"

#include <algorithm>
#include <string_view>

#include "rtp/codec_roles.hpp"

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

/// RED and ULPFEC share the media's SSRC.
StreamRole role_of(const Codec& codec) {
  const PayloadRole role = payload_role(codec.mime_type);
  return role == PayloadRole::rtx                                         ? StreamRole::rtx
         : role == PayloadRole::flexfec || role == PayloadRole::other_fec ? StreamRole::fec
                                                                          : StreamRole::media;
}

bool has_layers(const NegotiatedTrack& track) {
  return track.track.rids.size() > 1;
}

}  // namespace

Demux::Demux(const std::vector<NegotiatedTrack>& tracks, std::size_t max_sources)
    : tracks_(tracks), max_sources_(max_sources), role_by_type_(tracks.size()) {
  track_by_type_.fill(kNone);
  for (std::size_t i = 0; i < tracks.size(); ++i) {
    role_by_type_[i].fill(StreamRole::media);
    for (const Codec& codec : tracks[i].track.codecs) {
      std::uint8_t& entry = track_by_type_[codec.payload_type & 127U];
      entry = entry == kNone || entry == i ? static_cast<std::uint8_t>(i) : kSeveral;
      role_by_type_[i][codec.payload_type & 127U] = role_of(codec);
    }
    for (const AnnouncedSource& source : tracks[i].sources)
      if (announced_.try_emplace(source.ssrc, Announced{i, source, announced_counts_[{i, source.role}]})
              .second)
        ++announced_counts_[{i, source.role}];
  }
}

const Route* Demux::find(std::uint32_t ssrc) const noexcept {
  const auto found = sources_.find(ssrc);
  return found == sources_.end() || found->second.state != State::routed ? nullptr : &found->second.route;
}

std::optional<std::size_t> Demux::track_of(std::uint32_t ssrc) const noexcept {
  if (const auto found = sources_.find(ssrc);
      found != sources_.end() && found->second.state != State::unknown)
    return found->second.route.track;
  const auto named = announced_.find(ssrc);
  return named == announced_.end() ? std::nullopt : std::optional(named->second.track);
}

std::optional<std::size_t> Demux::track_of(const RtpPacket& packet) const noexcept {
  for (std::size_t i = 0; i < tracks_.size(); ++i)
    if (const auto mid = text_extension(packet, tracks_[i].extensions.mid); mid && *mid == tracks_[i].mid)
      return i;
  if (const auto named = announced_.find(packet.ssrc); named != announced_.end()) return named->second.track;
  const std::uint8_t by_type = track_by_type_[packet.payload_type];
  if (by_type < kNone) return by_type;
  // Where an m-line has the transport for itself, what comes first is its media, whatever the type: it may be recognised later.
  return tracks_.size() == 1 && media_.empty() ? std::optional<std::size_t>(0) : std::nullopt;
}

std::optional<std::uint8_t> Demux::told_rid(std::size_t track, const RtpPacket& packet) const {
  const NegotiatedTrack& one = tracks_[track];
  if (packet.extension.empty()) return std::nullopt;
  const auto repaired = text_extension(packet, one.extensions.repaired_rid);
  const auto rid = repaired ? repaired : text_extension(packet, one.extensions.rid);
  if (!rid) return std::nullopt;
  const auto at = std::ranges::find(one.track.rids, *rid);
  return at == one.track.rids.end() ? std::nullopt
                                    : std::optional(static_cast<std::uint8_t>(at - one.track.rids.begin()));
}

const Demux::Announced* Demux::announced(std::uint32_t ssrc, std::size_t track) const {
  const auto found = announced_.find(ssrc);
  return found == announced_.end() || found->second.track != track ? nullptr : &found->second;
}

Demux::Learned Demux::learn(const RtpPacket& packet, Time now) {
  auto found = sources_.find(packet.ssrc);
  if (found == sources_.end()) {
    if (sources_.size() >= max_sources_) return Learned::full;
    found = sources_.try_emplace(packet.ssrc).first;
  }
  Source& source = found->second;
  source.last = now;
  if (source.state == State::routed) {
    if (has_layers(tracks_[source.route.track]))
      if (const auto told = told_rid(source.route.track, packet)) move(packet.ssrc, source, *told);
    return Learned::route;
  }
  if (source.state == State::unknown) {
    const auto track = track_of(packet);
    if (!track) return Learned::unknown;
    source.route = {.track = *track, .role = role_by_type_[*track][packet.payload_type]};
    source.state = State::waiting;
  }
  Route& route = source.route;
  const NegotiatedTrack& track = tracks_[route.track];
  const Announced* const named = announced(packet.ssrc, route.track);
  if (named != nullptr && named->source.role != StreamRole::media && route.role == named->source.role)
    route.media = named->source.media;
  if (has_layers(track)) {
    const Route* const repaired = route.media != 0 ? find(route.media) : nullptr;
    if (const auto told = told_rid(route.track, packet))
      route.rid_index = *told;
    else if (repaired != nullptr)
      route.rid_index = repaired->rid_index;
    else if (track.extensions.rid == 0 || track.rids_by_ssrc)
      return settle(packet.ssrc), Learned::route;
    else
      return Learned::rid_later;
  }
  set_route(packet.ssrc, source);
  return Learned::route;
}

const Route* Demux::settle(std::uint32_t ssrc) {
  const auto found = sources_.find(ssrc);
  if (found == sources_.end() || found->second.state != State::waiting) return find(ssrc);
  Source& source = found->second;
  source.route.rid_index = rid_by_order(ssrc, source.route);
  source.route.rid_by_order = !tracks_[source.route.track].rids_by_ssrc;
  set_route(ssrc, source);
  return &source.route;
}

std::uint8_t Demux::rid_by_order(std::uint32_t ssrc, const Route& route) const {
  const std::size_t rids = tracks_[route.track].track.rids.size();
  const auto taken = [&](std::uint8_t rid_index) {
    return std::ranges::any_of(sources_, [&](const auto& one) {
      return one.second.state == State::routed && one.second.route.track == route.track &&
             one.second.route.role == route.role && one.second.route.rid_index == rid_index;
    });
  };
  const auto count = announced_counts_.find({route.track, route.role});
  if (const Announced* const named = announced(ssrc, route.track);
      named != nullptr && named->source.role == route.role && count->second == rids) {
    const auto position = static_cast<std::uint8_t>(named->position);
    if (!taken(position)) return position;
  }
  const Announced* const repaired =
      route.role == StreamRole::media ? nullptr : announced(route.media, route.track);
  const auto media_count = announced_counts_.find({route.track, StreamRole::media});
  if (repaired != nullptr && media_count != announced_counts_.end() && media_count->second == rids)
    return static_cast<std::uint8_t>(repaired->position);
  for (std::uint8_t i = 0; i < rids; ++i)
    if (!taken(i)) return i;
  return 0;
}

void Demux::set_route(std::uint32_t ssrc, Source& source) {
  Route& route = source.route;
  source.state = State::routed;
  if (route.role != StreamRole::media) {
    if (route.media == 0) route.media = media_of(route.track, route.rid_index);
    return;
  }
  route.media = media_[{route.track, route.rid_index}] = ssrc;
  for (auto& [other, known] : sources_) {
    if (known.route.track != route.track || known.route.role == StreamRole::media) continue;
    // Repair streams that came before their media.
    if (known.state == State::routed && known.route.media == 0 && known.route.rid_index == route.rid_index)
      known.route.media = ssrc;
    if (known.state == State::waiting && known.route.media == ssrc) {
      known.route.rid_index = route.rid_index;
      known.state = State::routed;
    }
  }
}

void Demux::move(std::uint32_t ssrc, Source& source, std::uint8_t rid_index) {
  Route& route = source.route;
  route.rid_by_order = false;
  if (route.rid_index == rid_index) return;
  if (const auto latest = media_.find({route.track, route.rid_index});
      latest != media_.end() && latest->second == ssrc)
    media_.erase(latest);
  route.rid_index = rid_index;
  if (route.role != StreamRole::media) return;
  media_[{route.track, rid_index}] = ssrc;
  for (auto& [other, known] : sources_)
    if (known.state == State::routed && known.route.role != StreamRole::media && known.route.media == ssrc)
      known.route.rid_index = rid_index;
}

std::optional<std::uint32_t> Demux::retire(Time now) {
  const auto rank = [](const auto& one) {
    return std::pair(one.second.state != State::unknown, one.second.last);
  };
  const auto oldest = std::ranges::min_element(sources_, {}, rank);
  if (oldest == sources_.end() ||
      (oldest->second.state != State::unknown && now - oldest->second.last < kIdle))
    return std::nullopt;
  const std::uint32_t ssrc = oldest->first;
  std::erase_if(media_, [&](const auto& one) { return one.second == ssrc; });
  sources_.erase(oldest);
  return ssrc;
}

std::uint32_t Demux::media_of(std::size_t track, std::uint8_t rid_index) const noexcept {
  const auto found = media_.find({track, rid_index});
  return found == media_.end() ? 0 : found->second;
}

}  // namespace rtpx
