#include "ingest/capture/plan.hpp"

#include <algorithm>
#include <chrono>
#include <deque>
#include <numeric>
#include <set>

#include "ingest/capture/payload_types.hpp"
#include "rtp/codec_roles.hpp"
#include "rtp/static_payload_types.hpp"

namespace rtpx::capture {
namespace {

constexpr const char* kMid = "urn:ietf:params:rtp-hdrext:sdes:mid";
constexpr const char* kRid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
constexpr const char* kRepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
constexpr std::size_t kMaxRids = 254;

/// A media section with what is looked up in it.
struct Section {
  const sdp::Media* media = nullptr;
  std::map<std::uint8_t, Codec> codecs;
};

bool has_ssrc(const sdp::Media& media, std::uint32_t ssrc) {
  if (std::ranges::find(media.sources, ssrc, &sdp::Source::ssrc) != media.sources.end()) return true;
  return std::ranges::any_of(media.ssrc_groups, [&](const auto& group) {
    return std::ranges::find(group.ssrcs, ssrc) != group.ssrcs.end();
  });
}

std::string hex(std::uint32_t ssrc) {
  char text[9];
  std::snprintf(text, sizeof text, "%08x", ssrc);
  return text;
}

/// Sources of one m= line, one after the other.
struct Run {
  std::size_t first = 0;
  std::chrono::nanoseconds last_time{0};
  std::uint64_t last_at = 0;

  /// Packets that were reordered where one source ends and the next begins do not count.
  [[nodiscard]] bool ended_before(const Source& source) const {
    constexpr std::chrono::milliseconds kReordered(200);
    constexpr std::uint64_t kReorderedPackets = 16;
    return last_time.count() != 0 ? last_time <= source.first_time + kReordered
                                  : last_at <= source.first_at + kReorderedPackets;
  }
};

class Planner {
 public:
  Planner(const std::vector<Source>& sources, const Knowledge& knowledge)
      : sources_(sources), knowledge_(knowledge) {
    if (knowledge.sdp)
      for (const sdp::Media& media : knowledge.sdp->media)
        if (media.kind == "audio" || media.kind == "video") add_section(media);
    group_.resize(sources.size());
    std::iota(group_.begin(), group_.end(), std::size_t{0});
    for (const Source& source : sources) {
      by_port_.push_back(false);
      section_.push_back(find_section(source));
    }
  }

  [[nodiscard]] std::vector<std::string> protocols() const {
    std::vector<std::string> out;
    for (const auto& section : section_)
      out.push_back(section ? sections_[*section].media->protocol : std::string());
    return out;
  }

  Plan make() {
    join_by_sdp();
    join_followers();
    join_repair();
    Plan plan;
    plan.places.resize(sources_.size());
    for (std::size_t i = 0; i < sources_.size(); ++i)
      if (sources_[i].rtp && root(i) == i) add_track(members(i), plan);
    name_streams(plan);
    return plan;
  }

 private:
  void add_section(const sdp::Media& media) {
    Section section{&media, {}};
    for (Codec& codec : sdp::codecs(media)) section.codecs.emplace(codec.payload_type, std::move(codec));
    sections_.push_back(std::move(section));
  }

  // A union-find whose root is the lowest member: tracks come in the order of their first packets.
  std::size_t root(std::size_t i) {
    while (group_[i] != i) i = group_[i] = group_[group_[i]];
    return i;
  }
  void join(std::size_t a, std::size_t b) {
    a = root(a), b = root(b);
    group_[std::max(a, b)] = std::min(a, b);
  }
  std::vector<std::size_t> members(std::size_t of) {
    std::vector<std::size_t> out;
    for (std::size_t i = of; i < sources_.size(); ++i)
      if (sources_[i].rtp && root(i) == of) out.push_back(i);
    return out;
  }

  /// The m= section of a source: by mid, by SSRC, by port, or by a payload type that only one section has.
  [[nodiscard]] std::optional<std::size_t> find_section(const Source& source) {
    const auto only = [&](auto matches) {
      std::optional<std::size_t> found;
      for (std::size_t i = 0; i < sections_.size(); ++i) {
        if (!matches(sections_[i])) continue;
        if (found) return std::optional<std::size_t>();
        found = i;
      }
      return found;
    };
    const auto knows_type = [&](const Section& section) {
      return std::ranges::any_of(source.payload_types,
                                 [&](const auto& type) { return section.codecs.contains(type.first); });
    };
    const auto by_port = only([&](const Section& s) {
      const std::uint16_t port = s.media->port;
      return port > 9 && (port == source.destination.port || port == source.source.port) && knows_type(s);
    });
    by_port_.back() = by_port.has_value();
    if (!source.mid.empty())
      if (const auto by_mid = only([&](const Section& s) { return s.media->mid == source.mid; }))
        return by_mid;
    if (const auto by_ssrc = only([&](const Section& s) { return has_ssrc(*s.media, source.ssrc); }))
      return by_ssrc;
    return by_port ? by_port : only(knows_type);
  }

  [[nodiscard]] std::optional<Codec> codec_of(std::size_t source, std::uint8_t type) const {
    if (sources_[source].encrypted) return encrypted_codec(source, type);
    if (const auto mapped = knowledge_.mappings.find(type); mapped != knowledge_.mappings.end())
      return mapped->second;
    if (section_[source]) {
      const auto& codecs = sections_[*section_[source]].codecs;
      if (const auto at = codecs.find(type); at != codecs.end()) return at->second;
    }
    if (knowledge_.hint)
      if (auto hinted = codec_of_hint(*knowledge_.hint, type)) return hinted;
    return static_codec(type);
  }

  /// No depacketizer is made for it, so that what is encrypted never becomes noise.
  [[nodiscard]] Codec encrypted_codec(std::size_t source, std::uint8_t type) const {
    const Source& it = sources_[source];
    Codec codec;
    codec.payload_type = type;
    codec.mime_type = it.guess_kind() == MediaKind::audio ? "audio/SRTP" : "video/SRTP";
    codec.clock_rate = it.guess_clock_rate();
    return codec;
  }

  [[nodiscard]] bool repairs_others(std::size_t source) const {
    const auto codec = codec_of(source, sources_[source].main_payload_type());
    return codec && repairs(*codec);
  }

  void join_by_sdp() {
    std::map<std::string, std::size_t> first;  // by what makes sources one track
    const auto join_same = [&](const std::string& what, std::size_t source) {
      const auto [at, added] = first.emplace(what, source);
      if (!added) join(at->second, source);
    };
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      const Source& source = sources_[i];
      if (!source.rtp || !section_[i]) continue;
      const std::string section = std::to_string(*section_[i]) + ":";
      const sdp::Media& media = *sections_[*section_[i]].media;
      if (!source.mid.empty() || !source.rid.empty() || !source.repaired_rid.empty()) join_same(section, i);
      for (std::size_t g = 0; g < media.ssrc_groups.size(); ++g)
        if (std::ranges::find(media.ssrc_groups[g].ssrcs, source.ssrc) != media.ssrc_groups[g].ssrcs.end())
          join_same(section + "group" + std::to_string(g), i);
      const auto listed = std::ranges::find(media.sources, source.ssrc, &sdp::Source::ssrc);
      if (listed == media.sources.end()) continue;
      if (!media.msids.empty())
        join_same(section, i);  // unified plan: the section is the track
      else if (!listed->msid.empty())
        join_same(section + "msid" + listed->msid, i);
    }
  }

  /// A sender that changes its SSRC: media sources of one m= line that come one after the other are its
  /// track. The m= line has to be theirs by port, unless the file holds one track anyway (mjr).
  void join_followers() {
    constexpr std::size_t kMostAtOnce = 64;       // sources of one m= line that a later one is held against
    std::map<std::size_t, std::deque<Run>> runs;  // by section
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!sources_[i].rtp || repairs_others(i)) continue;
      auto& open = runs[section_[i].value_or(sections_.size())];
      auto run = std::ranges::find_if(open, [&](const Run& one) { return root(one.first) == root(i); });
      if (run == open.end())
        run = std::ranges::find_if(open, [&](const Run& one) {
          return could_follow(i, one.first) && one.ended_before(sources_[i]);
        });
      if (run == open.end()) {
        open.push_front({i, {}, 0});
        run = open.begin();
        if (open.size() > kMostAtOnce) open.pop_back();
      }
      join(i, run->first);
      run->last_time = std::max(run->last_time, sources_[i].last_time);
      run->last_at = std::max(run->last_at, sources_[i].last_at);
    }
  }

  [[nodiscard]] bool could_follow(std::size_t later, std::size_t earlier) const {
    const Source &a = sources_[earlier], &b = sources_[later];
    if (knowledge_.hint) return true;
    return section_[later] && section_[later] == section_[earlier] && by_port_[later] && by_port_[earlier] &&
           a.destination == b.destination && a.source.address == b.source.address && a.rid == b.rid;
  }

  /// RTX and FEC that stand alone so far go to what they repair.
  void join_repair() {
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (!sources_[i].rtp || !repairs_others(i)) continue;
      if (const auto repaired = find_repaired(i)) {
        partner_[i] = *repaired;
        join(i, *repaired);
      }
    }
  }

  [[nodiscard]] std::optional<std::size_t> find_repaired(std::size_t repair) const {
    const Source& source = sources_[repair];
    if (!source.repairs.empty()) {
      const auto best =
          std::ranges::max_element(source.repairs, {}, [](const auto& vote) { return vote.second; });
      if (best->second * 2 > source.packets) return best->first;
    }
    std::vector<std::size_t> candidates;
    for (std::size_t i = 0; i < sources_.size(); ++i) {
      if (i == repair || !sources_[i].rtp || repairs_others(i) || section_[i] != section_[repair]) continue;
      if (sources_[i].source != source.source || sources_[i].destination != source.destination) continue;
      if (source.protects.contains(sources_[i].ssrc)) return i;
      if (could_repair(repair, i)) candidates.push_back(i);
    }
    return candidates.size() == 1 ? std::optional(candidates[0]) : std::nullopt;
  }

  [[nodiscard]] bool could_repair(std::size_t repair, std::size_t media) const {
    const auto codec = codec_of(repair, sources_[repair].main_payload_type());
    const std::uint8_t type = sources_[media].main_payload_type();
    if (payload_role(codec->mime_type) == PayloadRole::rtx) return associated_payload_type(*codec) == type;
    const auto media_codec = codec_of(media, type);
    return media_codec ? kind_of(*media_codec) == kind_of(*codec)
                       : sources_[media].guess_kind() == kind_of(*codec);
  }

  void add_track(const std::vector<std::size_t>& group, Plan& plan) {
    const auto media = std::ranges::find_if(group, [&](std::size_t i) { return !repairs_others(i); });
    const std::size_t lead = media != group.end() ? *media : group[0];
    MediaStreamTrack track;
    std::map<std::uint8_t, Codec> codecs = track_codecs(group, lead, track.codecs);
    const auto lead_codec = codec_of(lead, sources_[lead].main_payload_type());
    track.kind = section_[lead]    ? (sections_[*section_[lead]].media->kind == "audio" ? MediaKind::audio
                                                                                        : MediaKind::video)
                 : lead_codec      ? kind_of(*lead_codec)
                 : knowledge_.hint ? knowledge_.hint->kind
                                   : sources_[lead].guess_kind();
    if (section_[lead])
      track.header_extensions = sdp::header_extensions(*sections_[*section_[lead]].media);
    else if (knowledge_.hint)
      track.header_extensions = knowledge_.hint->header_extensions;
    track.rids = rids_of(group, lead);
    for (const std::size_t i : group)
      plan.places[i] = Plan::Place{plan.tracks.size(), rid_index(i, track.rids)};
    track.id = track_id(lead, track.kind);
    leads_.push_back(lead);
    plan.tracks.push_back(std::move(track));
    plan.codecs.push_back(std::move(codecs));
  }

  /// All codecs of the section, else those of the payload types seen; the main media codec first, RED, RTX
  /// and FEC last.
  std::map<std::uint8_t, Codec> track_codecs(const std::vector<std::size_t>& group, std::size_t lead,
                                             std::vector<Codec>& ordered) {
    std::map<std::uint8_t, Codec> codecs;
    for (const std::size_t i : group)
      for (const auto& [type, count] : sources_[i].payload_types)
        if (auto codec = codec_of(i, type)) codecs.emplace(type, std::move(*codec));
    if (section_[lead]) {
      const Section& section = sections_[*section_[lead]];
      codecs.insert(section.codecs.begin(), section.codecs.end());
      for (const std::uint8_t type : section.media->payload_types)
        if (codecs.contains(type)) ordered.push_back(codecs.at(type));
    }
    for (const auto& [type, codec] : codecs)
      if (std::ranges::find(ordered, type, &Codec::payload_type) == ordered.end()) ordered.push_back(codec);
    std::ranges::stable_partition(ordered, is_media);
    const std::uint8_t main = sources_[lead].main_payload_type();
    std::ranges::stable_partition(
        ordered, [&](const Codec& codec) { return codec.payload_type == main && is_media(codec); });
    return codecs;
  }

  /// What a depacketizer would be made for: RED only carries it.
  static bool is_media(const Codec& codec) { return payload_role(codec.mime_type) == PayloadRole::media; }

  /// The SIM group that a source's SSRC is in, or that of the one it repairs: position in the group.
  [[nodiscard]] std::optional<std::size_t> layer_in_sim_group(std::size_t source) const {
    if (!section_[source]) return std::nullopt;
    const auto& groups = sections_[*section_[source]].media->ssrc_groups;
    std::uint32_t ssrc = sources_[source].ssrc;
    for (const auto& group : groups)
      if (group.semantics != "SIM" && group.ssrcs.size() > 1 &&
          std::ranges::find(group.ssrcs, ssrc) != group.ssrcs.end())
        ssrc = group.ssrcs[0];
    for (const auto& group : groups) {
      const auto at = std::ranges::find(group.ssrcs, ssrc);
      if (group.semantics == "SIM" && at != group.ssrcs.end())
        return static_cast<std::size_t>(at - group.ssrcs.begin());
    }
    return std::nullopt;
  }

  /// rid of a source; layers of a SIM group, which have no names, are called by their position.
  [[nodiscard]] std::string rid_of(std::size_t source) const {
    const Source& it = sources_[source];
    if (!it.rid.empty()) return it.rid;
    if (!it.repaired_rid.empty()) return it.repaired_rid;
    if (const auto layer = layer_in_sim_group(source)) return std::to_string(*layer);
    const auto partner = partner_.find(source);
    return partner == partner_.end() || partner->second == source ? std::string()
                                                                  : rid_of_media(partner->second);
  }
  [[nodiscard]] std::string rid_of_media(std::size_t source) const {
    if (!sources_[source].rid.empty()) return sources_[source].rid;
    const auto layer = layer_in_sim_group(source);
    return layer ? std::to_string(*layer) : std::string();
  }

  /// In the SDP's order, then in order of appearance.
  [[nodiscard]] std::vector<std::string> rids_of(const std::vector<std::size_t>& group,
                                                 std::size_t lead) const {
    std::vector<std::string> seen, out;
    for (const std::size_t i : group) {
      const std::string rid = rid_of(i);
      if (!rid.empty() && std::ranges::find(seen, rid) == seen.end()) seen.push_back(rid);
    }
    if (seen.empty()) return {};
    if (section_[lead])
      for (const auto& rid : sections_[*section_[lead]].media->rids)
        if (std::ranges::find(out, rid.id) == out.end()) out.push_back(rid.id);
    if (out.empty()) std::ranges::sort(seen);
    for (const auto& rid : seen)
      if (std::ranges::find(out, rid) == out.end()) out.push_back(rid);
    out.resize(std::min(out.size(), kMaxRids));
    return out;
  }

  [[nodiscard]] std::uint8_t rid_index(std::size_t source, const std::vector<std::string>& rids) const {
    const auto at = std::ranges::find(rids, rid_of(source));
    return at == rids.end() ? 0 : static_cast<std::uint8_t>(at - rids.begin());
  }

  /// "video_<mid>" once for each section, else "video_<SSRC>".
  std::string track_id(std::size_t lead, MediaKind kind) {
    const std::string prefix = kind == MediaKind::audio ? "audio_" : "video_";
    std::string id = prefix + hex(sources_[lead].ssrc);
    if (section_[lead] && sections_[*section_[lead]].media->mid) {
      const std::string by_mid = prefix + *sections_[*section_[lead]].media->mid;
      if (!ids_.contains(by_mid)) id = by_mid;
    }
    std::string unique = id;
    for (int n = 2; !ids_.insert(unique).second; ++n) unique = id + "-" + std::to_string(n);
    return unique;
  }

  [[nodiscard]] std::string msid_stream(std::size_t lead) const {
    if (!section_[lead]) return {};
    const sdp::Media& media = *sections_[*section_[lead]].media;
    std::string_view msid;
    const auto listed = std::ranges::find(media.sources, sources_[lead].ssrc, &sdp::Source::ssrc);
    if (listed != media.sources.end()) msid = listed->msid;
    if (!media.msids.empty()) msid = media.msids[0].stream;
    msid = msid.substr(0, msid.find(' '));
    return msid == "-" ? std::string() : std::string(msid);
  }

  /// By msid, else CNAME, else address, else the capture's name. Where only the latter two speak, a second
  /// track of one kind belongs to another sender: it opens a stream of its own, which the next of the other
  /// kind joins.
  void name_streams(Plan& plan) {
    std::map<std::string, std::map<MediaKind, int>> used;
    for (std::size_t t = 0; t < plan.tracks.size(); ++t) {
      const Source& lead = sources_[leads_[t]];
      std::string stream = msid_stream(leads_[t]);
      if (stream.empty()) stream = lead.cname;
      if (stream.empty()) {
        stream = address_text(lead.source);
        if (stream.empty()) stream = knowledge_.name.empty() ? "capture" : knowledge_.name;
        const int ordinal = ++used[stream][plan.tracks[t].kind];
        if (ordinal > 1) stream += "-" + std::to_string(ordinal);
      }
      plan.tracks[t].streams = {stream};
    }
  }

  const std::vector<Source>& sources_;
  const Knowledge& knowledge_;
  std::vector<Section> sections_;
  std::vector<std::optional<std::size_t>> section_;  // by source
  std::vector<bool> by_port_;                        // by source: the section's port is its own
  std::vector<std::size_t> group_;                   // union-find over sources
  std::map<std::size_t, std::size_t> partner_;       // repair source to what it repairs
  std::vector<std::size_t> leads_;                   // by track: the source that stands for it
  std::set<std::string> ids_;
};

void add_hints(const Codec& codec, ScanHints& hints) {
  if (const auto type = associated_payload_type(codec)) hints.rtx[codec.payload_type].insert(*type);
  if (codec.mime_type.ends_with("/flexfec-03")) hints.flexfec_03.insert(codec.payload_type);
}

void add_hints(const std::map<std::string, std::uint8_t>& extensions, ScanHints& hints) {
  const auto id = [&](const char* uri, std::optional<std::uint8_t>& to) {
    if (const auto at = extensions.find(uri); at != extensions.end()) to = at->second;
  };
  id(kMid, hints.mid);
  id(kRid, hints.rid);
  id(kRepairedRid, hints.repaired_rid);
}

}  // namespace

ScanHints scan_hints(const Knowledge& knowledge) {
  ScanHints hints;
  for (const auto& [type, codec] : knowledge.mappings) add_hints(codec, hints);
  if (knowledge.hint) add_hints(knowledge.hint->header_extensions, hints);
  if (!knowledge.sdp) return hints;
  for (const sdp::Media& media : knowledge.sdp->media) {
    add_hints(sdp::header_extensions(media), hints);
    for (const Codec& codec : sdp::codecs(media)) add_hints(codec, hints);
  }
  return hints;
}

Plan make_plan(const std::vector<Source>& sources, const Knowledge& knowledge) {
  return Planner(sources, knowledge).make();
}

std::vector<std::string> protocols_of(const std::vector<Source>& sources, const Knowledge& knowledge) {
  return Planner(sources, knowledge).protocols();
}

}  // namespace rtpx::capture
