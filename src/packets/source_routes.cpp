#include "packets/source_routes.hpp"

#include <algorithm>
#include <ranges>
#include <set>

#include "base/remote_file.hpp"
#include "packets/limits.hpp"
#include "packets/media_payload.hpp"
#include "repair/rtx.hpp"
#include "storage/record_reader.hpp"

namespace rtpx {
namespace {

constexpr const char* kRid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
constexpr const char* kRepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
constexpr std::size_t kMostSources = 256;
constexpr std::uint64_t kFewPackets = 20;  // a source with fewer proves nothing
constexpr std::int64_t kAtOnceMs = 1'000;

/// For each SSRC of `asked`, how many of its packets repeat one of which media SSRC.
using Votes = std::map<std::uint32_t, std::map<std::uint32_t, std::uint64_t>>;
Result<Votes> retransmission_votes(const TrackFiles& files, const PayloadTypes& types,
                                   const std::set<std::uint32_t>& asked, const std::stop_token& stop) {
  auto reader = RecordReader::open(files.rtp, RecordReader::Content::rtp, {}, files.source);
  if (!reader) return std::unexpected(reader.error());
  RtxUnpacker unpacker;
  std::vector<std::byte> buffer;
  Votes votes;
  for (int count = 1;; ++count) {
    const auto record = (*reader)->next();
    if (!record && is_passing(record.error())) return std::unexpected(record.error());
    if (!record || !*record) return votes;
    if (count % kPacketsPerLook == 0 && stop.stop_requested()) return fail(Errc::cancelled, "cancelled");
    const auto packet = parse_rtp((*record)->packet);
    if (!packet) continue;
    const PayloadRole role = types.role(packet->payload_type);
    if (role == PayloadRole::media || role == PayloadRole::red)
      unpacker.add_media(packet->ssrc, packet->sequence_number, packet->timestamp);
    const auto type = types.repaired_type(packet->payload_type);
    if (!type || !asked.contains(packet->ssrc)) continue;
    if (const auto original = unpacker.unpack(*packet, *type, buffer)) ++votes[packet->ssrc][original->ssrc];
  }
}

}  // namespace

RidWatch::RidWatch(const ManifestTrack& track)
    : rid_id_(extension_id(track, kRid)), repaired_rid_id_(extension_id(track, kRepairedRid)) {
  for (const auto& [name, index] : track.rid_map)
    if (name) rids_[*name] = index;
}

RidWatch::Source& RidWatch::source_of(std::uint8_t recorded, std::uint32_t ssrc, bool media,
                                      std::int64_t receive_ms) {
  if (last_ < sources_.size() && sources_[last_].ssrc == ssrc) return sources_[last_];
  const auto found = std::ranges::find(sources_, ssrc, &Source::ssrc);
  last_ = static_cast<std::size_t>(found - sources_.begin());
  if (found != sources_.end()) return *found;
  if (sources_.size() == kMostSources)
    last_ = kMostSources - 1;  // that many are no simulcast
  else
    sources_.push_back({ssrc, recorded, std::nullopt, media, 0, receive_ms, receive_ms});
  return sources_[last_];
}

void RidWatch::push(std::uint8_t recorded, const RtpPacket& packet, PayloadRole role,
                    std::int64_t receive_ms) {
  if (!watches() || role == PayloadRole::unknown) return;
  Source& source = source_of(recorded, packet.ssrc, !only_repairs(role), receive_ms);
  ++source.packets;
  source.last_ms = receive_ms;
  if (source.told || packet.extension.empty()) return;
  const auto id = source.media ? rid_id_ : repaired_rid_id_;
  const auto name = id ? find_extension(packet, *id) : std::nullopt;
  if (!name) return;
  if (const auto rid = rids_.find(as_text(*name)); rid != rids_.end()) source.told = rid->second;
}

std::vector<const RidWatch::Source*> RidWatch::media_sources() const {
  std::vector<const Source*> media;
  for (const Source& source : sources_)
    if (source.media && (source.told || source.packets >= kFewPackets)) media.push_back(&source);
  return media;
}

// Two sources under one rid that sent at once, while a rid has none.
bool RidWatch::shares_a_rid() const {
  const auto media = media_sources();
  std::set<std::uint8_t> used;
  for (const Source* source : media) used.insert(source->told.value_or(source->recorded));
  if (used.size() >= rids_.size()) return false;
  for (std::size_t i = 0; i < media.size(); ++i)
    for (std::size_t k = i + 1; k < media.size(); ++k)
      if (media[i]->recorded == media[k]->recorded &&
          std::min(media[i]->last_ms, media[k]->last_ms) - std::max(media[i]->first_ms, media[k]->first_ms) >=
              kAtOnceMs)
        return true;
  return false;
}

bool RidWatch::contradicts() const {
  return std::ranges::any_of(sources_, [](const Source& s) { return s.told && *s.told != s.recorded; }) ||
         shares_a_rid();
}

// What is told stands. Sources that do not say theirs take the rids that are left over, in order, if there
// are as many of both.
void RidWatch::place_media(SourceRoutes& routes, std::map<std::uint32_t, std::uint8_t>& rids) const {
  std::set<std::uint8_t> left;
  for (const auto& [name, index] : rids_) left.insert(index);
  std::vector<const Source*> silent;
  for (const Source* source : media_sources()) {
    if (source->told) {
      rids[source->ssrc] = *source->told;
      left.erase(*source->told);
    } else {
      silent.push_back(source);
    }
  }
  const bool by_order = !silent.empty() && silent.size() == left.size() && shares_a_rid();
  routes.guessed = by_order;
  auto next = left.begin();
  for (const Source* source : silent) rids[source->ssrc] = by_order ? *next++ : source->recorded;
}

Result<SourceRoutes> RidWatch::routes(const TrackFiles& files, const PayloadTypes& types,
                                      const std::stop_token& stop) const {
  SourceRoutes routes;
  std::map<std::uint32_t, std::uint8_t> rids;
  place_media(routes, rids);
  std::set<std::uint32_t> asked;  // retransmissions that do not say whose
  for (const Source& source : sources_) {
    if (source.media) continue;
    if (source.told)
      rids[source.ssrc] = *source.told;
    else
      asked.insert(source.ssrc);
  }
  if (!asked.empty()) {
    auto votes = retransmission_votes(files, types, asked, stop);
    if (!votes) return std::unexpected(votes.error());
    for (const auto& [ssrc, count] : *votes) {
      const auto most = std::ranges::max_element(count, {}, [](const auto& vote) { return vote.second; });
      if (const auto rid = rids.find(most->first); rid != rids.end()) rids[ssrc] = rid->second;
    }
  }
  for (const Source& source : sources_)
    if (const auto rid = rids.find(source.ssrc); rid != rids.end() && rid->second != source.recorded)
      routes.add(source.ssrc, rid->second);
  return routes;
}

}  // namespace rtpx
