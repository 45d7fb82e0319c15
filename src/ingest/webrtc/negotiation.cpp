#include "ingest/webrtc/negotiation.hpp"

#include <algorithm>
#include <set>

#include "base/ascii.hpp"
#include "rtp/codec_roles.hpp"

namespace rtpx {
namespace {

constexpr std::string_view kMid = "urn:ietf:params:rtp-hdrext:sdes:mid";
constexpr std::string_view kRid = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
constexpr std::string_view kRepairedRid = "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id";
constexpr std::string_view kTransportCc =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";
constexpr std::string_view kAudioLevel = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
constexpr std::string_view kEncryptedExtension = "urn:ietf:params:rtp-hdrext:encrypt";
constexpr std::size_t kMaxRids = 16, kMaxSources = 256;

constexpr std::string_view kFeedback[] = {"nack",         "nack pli",  "ccm fir",
                                          "transport-cc", "goog-remb", "ack ccfb"};

bool is_rtx(const Codec& codec) {
  return payload_role(codec.mime_type) == PayloadRole::rtx;
}
bool is_media(const Codec& codec) {
  return is_known_media(codec.mime_type);
}
bool is_helper(const Codec& codec) {
  return payload_role(codec.mime_type) != PayloadRole::media;
}

/// "97 apt=96" without the payload type.
std::string_view without_type(std::string_view line) {
  const std::size_t space = line.find(' ');
  return space == std::string_view::npos ? std::string_view() : line.substr(space + 1);
}

/// The m-line's codecs that are recorded, the preferred media codec first; empty when it has none.
std::vector<Codec> recorded_codecs(const sdp::Media& media) {
  std::vector<Codec> all = sdp::codecs(media), out;
  for (Codec& codec : all)
    if (is_media(codec) || (is_helper(codec) && !is_rtx(codec))) out.push_back(codec);
  // RTX follows what it repairs (apt), wherever it stands.
  for (Codec& codec : all) {
    const auto repaired = associated_payload_type(codec);
    if (repaired && std::ranges::find(out, *repaired, &Codec::payload_type) != out.end())
      out.push_back(codec);
  }
  const auto position = [&](const Codec& c) {
    return std::ranges::find(media.payload_types, c.payload_type);
  };
  std::ranges::stable_sort(out, [&](const Codec& a, const Codec& b) { return position(a) < position(b); });
  const auto first = std::ranges::find_if(out, is_media);
  if (first == out.end()) return {};
  std::rotate(out.begin(), first, first + 1);
  return out;
}

/// Keeps the feedback that we send: of the three for congestion control transport-cc, or else RFC 8888, or
/// else REMB.
void keep_known_feedback(std::vector<Codec>& codecs, AllowedFeedback& out) {
  const auto offered = [&](std::string_view name) {
    return std::ranges::any_of(codecs, [&](const Codec& codec) {
      return std::ranges::any_of(codec.rtcp_fbs,
                                 [&](const std::string& fb) { return without_type(fb) == name; });
    });
  };
  out.transport_cc = offered("transport-cc");
  out.ccfb = offered("ack ccfb") && !out.transport_cc;
  out.remb = offered("goog-remb") && !out.transport_cc && !out.ccfb;
  out.nack = offered("nack");
  out.pli = offered("nack pli");
  out.fir = offered("ccm fir");
  for (Codec& codec : codecs)
    std::erase_if(codec.rtcp_fbs, [&](const std::string& line) {
      const std::string_view name = without_type(line);
      return std::ranges::find(kFeedback, name) == std::end(kFeedback) ||
             (name == "goog-remb" && !out.remb) || (name == "ack ccfb" && !out.ccfb);
    });
}

std::vector<sdp::ExtMap> accepted_extensions(const sdp::Media& media) {
  std::vector<sdp::ExtMap> out;
  for (const sdp::ExtMap& one : media.extmaps) {
    const bool sends = one.direction == sdp::Direction::sendrecv || one.direction == sdp::Direction::sendonly;
    const bool known =
        std::ranges::any_of(out, [&](const sdp::ExtMap& o) { return o.uri == one.uri || o.id == one.id; });
    if (sends && !known && one.id >= 1 && one.id <= 255 && one.uri != kEncryptedExtension) out.push_back(one);
  }
  return out;
}

ExtensionIds extension_ids(const std::map<std::string, std::uint8_t>& extensions) {
  const auto id = [&](std::string_view uri) {
    const auto found = extensions.find(std::string(uri));
    return found == extensions.end() ? std::uint8_t{0} : found->second;
  };
  return {id(kMid), id(kRid), id(kRepairedRid), id(kTransportCc), id(kAudioLevel)};
}

std::vector<std::string> sent_rids(const sdp::Media& media) {
  std::vector<std::string> out;
  const auto add = [&](const std::string& rid) {
    if (!rid.empty() && out.size() < kMaxRids && std::ranges::find(out, rid) == out.end()) out.push_back(rid);
  };
  if (media.simulcast) {
    for (const auto& alternatives : media.simulcast->send)
      for (const auto& one : alternatives) add(one.rid);
  } else {
    for (const sdp::Rid& rid : media.rids)
      if (rid.send) add(rid.id);
  }
  return out;
}

/// The SSRCs of the a=ssrc and a=ssrc-group lines, in their order: some senders name an SSRC in its group
/// only.
std::vector<AnnouncedSource> announced_sources(const sdp::Media& media) {
  std::vector<AnnouncedSource> out;
  const auto find = [&](std::uint32_t ssrc) { return std::ranges::find(out, ssrc, &AnnouncedSource::ssrc); };
  const auto add = [&](std::uint32_t ssrc) {
    if (find(ssrc) == out.end() && out.size() < kMaxSources) out.push_back({ssrc, StreamRole::media, ssrc});
  };
  for (const sdp::Source& source : media.sources) add(source.ssrc);
  for (const sdp::SsrcGroup& group : media.ssrc_groups) {
    std::ranges::for_each(group.ssrcs, add);
    const bool rtx = group.semantics == "FID", fec = group.semantics == "FEC-FR" || group.semantics == "FEC";
    if ((!rtx && !fec) || group.ssrcs.size() != 2 || group.ssrcs[0] == group.ssrcs[1]) continue;
    const auto main = find(group.ssrcs[0]), repair = find(group.ssrcs[1]);
    if (main == out.end() || repair == out.end()) continue;
    *repair = {repair->ssrc, rtx ? StreamRole::rtx : StreamRole::fec, main->ssrc};
  }
  return out;
}

/// A SIM group without rids is simulcast as it was before RFC 8853: its members become rids "0", "1", … in
/// their order, and the description's only media SSRCs.
void number_old_simulcast(const sdp::Media& media, NegotiatedTrack& out) {
  const auto group = std::ranges::find(media.ssrc_groups, "SIM", &sdp::SsrcGroup::semantics);
  if (!out.track.rids.empty() || group == media.ssrc_groups.end()) return;
  std::vector<AnnouncedSource> sources;
  for (const std::uint32_t ssrc : group->ssrcs) {
    if (sources.size() == kMaxRids) break;
    if (std::ranges::find(sources, ssrc, &AnnouncedSource::ssrc) != sources.end()) continue;
    out.track.rids.push_back(std::to_string(sources.size()));
    sources.push_back({ssrc, StreamRole::media, ssrc});
  }
  std::ranges::copy_if(out.sources, std::back_inserter(sources),
                       [](const AnnouncedSource& one) { return one.role != StreamRole::media; });
  out.sources = std::move(sources);
  out.rids_by_ssrc = true;
}

/// The track's id and streams (RFC 8830); the mid stands in for a missing id.
void name_track(const sdp::Media& media, const std::string& mid, std::set<std::string>& used,
                MediaStreamTrack& out) {
  std::vector<sdp::Msid> msids = media.msids;
  if (msids.empty())
    for (const sdp::Source& source : media.sources)
      if (const std::size_t space = source.msid.find(' '); space != std::string::npos && msids.empty())
        msids.push_back({source.msid.substr(0, space), source.msid.substr(space + 1)});
  for (const sdp::Msid& msid : msids) {
    if (out.id.empty()) out.id = msid.track;
    if (!msid.stream.empty() && msid.stream != "-" &&
        std::ranges::find(out.streams, msid.stream) == out.streams.end())
      out.streams.push_back(msid.stream);
  }
  if (out.id.empty()) out.id = std::string(out.kind == MediaKind::audio ? "audio_" : "video_") + mid;
  if (!used.insert(out.id).second) used.insert(out.id += "-" + mid);
}

bool sends(const sdp::Media& media) {
  return media.direction == sdp::Direction::sendonly || media.direction == sdp::Direction::sendrecv;
}

bool is_rejected(const sdp::Media& media) {
  return media.port == 0 && !media.bundle_only;
}

/// The m-line as a track of the answer, or nullopt when it is refused.
std::optional<NegotiatedTrack> take(const sdp::Media& media, const std::string& mid,
                                    std::set<std::string>& used, AnswerSection& section) {
  if (is_rejected(media) || !sends(media) || !media.rtcp_mux ||
      media.protocol.find("RTP/SAVP") == std::string::npos)
    return std::nullopt;
  auto out = recordable_track(media, mid, used);
  if (out) section.extensions = accepted_extensions(media);
  return out;
}

/// The mids of the BUNDLE group; an offer without one has one transport per m-line, of which we take the
/// first.
bool shares_transport(const sdp::Session& offer, const std::string& first_mid, const std::string& mid) {
  if (mid == first_mid) return true;
  return std::ranges::any_of(offer.groups, [&](const sdp::Group& group) {
    return group.semantics == "BUNDLE" && std::ranges::find(group.mids, first_mid) != group.mids.end() &&
           std::ranges::find(group.mids, mid) != group.mids.end();
  });
}

bool has_control_characters(std::string_view text) {
  return std::ranges::any_of(
      text, [](unsigned char c) { return (c < 0x20 && c != '\n' && c != '\r' && c != '\t') || c == 0x7F; });
}

/// The transport of a bundle, which a bundle-only section may leave to another one (RFC 9143 section 7.1).
sdp::Transport transport_of(const sdp::Session& offer, const sdp::Media& first,
                            const std::string& first_mid) {
  sdp::Transport out = first.transport;
  for (std::size_t i = 0; i < offer.media.size(); ++i) {
    const sdp::Media& other = offer.media[i];
    if (!shares_transport(offer, first_mid, other.mid.value_or(std::to_string(i)))) continue;
    if (out.ice_ufrag.empty()) {
      out.ice_ufrag = other.transport.ice_ufrag;
      out.ice_pwd = other.transport.ice_pwd;
    }
    if (out.fingerprints.empty()) out.fingerprints = other.transport.fingerprints;
    if (out.setup.empty()) out.setup = other.transport.setup;
  }
  return out;
}

Result<void> take_transport(const sdp::Transport& transport, const std::string& description, Negotiation& out) {
  if (transport.ice_ufrag.size() < 4 || transport.ice_pwd.size() < 22)
    return fail(Errc::malformed, description + " has no ICE credentials (a=ice-ufrag, a=ice-pwd).");
  out.remote_ufrag = transport.ice_ufrag;
  out.remote_pwd = transport.ice_pwd;
  for (const sdp::Fingerprint& one : transport.fingerprints)
    if (one.hash == "sha-256" || one.hash == "sha-384" || one.hash == "sha-512")
      out.fingerprints.push_back({one.hash, one.value});
  if (out.fingerprints.empty())
    return fail(Errc::malformed,
                description + " has no certificate fingerprint in SHA-256 or better (a=fingerprint).");
  if (equals_ignoring_case(transport.setup, "holdconn"))
    return fail(Errc::unsupported,
                description + " puts the connection off (a=setup:holdconn); actpass is needed.");
  if (equals_ignoring_case(transport.setup, "passive")) out.dtls_role = Dtls::Role::client;
  return {};
}

/// The CNAME that an m-line's SSRCs have; empty where none is told.
std::string cname_of(const sdp::Media& media) {
  for (const sdp::Source& source : media.sources)
    if (!source.cname.empty()) return source.cname;
  return {};
}

bool has_msid(const sdp::Media& media) {
  return !media.msids.empty() ||
         std::ranges::any_of(media.sources, [](const sdp::Source& one) { return !one.msid.empty(); });
}

/// Tracks without msid that have the same CNAME, or none told, are of one publisher: they play together, as
/// those do that have a msid.
void join_streams(Negotiation& out) {
  struct Known {
    std::string cname;
    std::vector<std::string> streams;
  };
  std::vector<Known> known;
  const auto each = [&](bool named, const auto& visit) {
    for (const AnswerSection& section : out.sections)
      if (section.track && has_msid(out.offer.media[section.offered]) == named)
        visit(out.tracks[*section.track].track, cname_of(out.offer.media[section.offered]));
  };
  each(true, [&](const MediaStreamTrack& track, const std::string& cname) {
    if (!track.streams.empty()) known.push_back({cname, track.streams});
  });
  each(false, [&](MediaStreamTrack& track, const std::string& cname) {
    const auto same = std::ranges::find_if(
        known, [&](const Known& one) { return cname.empty() || one.cname.empty() || one.cname == cname; });
    if (same != known.end()) {
      track.streams = same->streams;
      if (same->cname.empty()) same->cname = cname;
      return;
    }
    track.streams = {cname.empty() ? "publisher" : cname};
    known.push_back({cname, track.streams});
  });
}

}  // namespace

std::optional<NegotiatedTrack> recordable_track(const sdp::Media& media, const std::string& mid,
                                                std::set<std::string>& used_ids) {
  const bool audio = media.kind == "audio";
  if (!audio && media.kind != "video") return std::nullopt;
  NegotiatedTrack out;
  out.track.codecs = recorded_codecs(media);
  if (out.track.codecs.empty()) return std::nullopt;
  out.mid = mid;
  out.feedback.reduced_size = media.rtcp_rsize;
  out.track.kind = audio ? MediaKind::audio : MediaKind::video;
  keep_known_feedback(out.track.codecs, out.feedback);
  for (const sdp::ExtMap& one : accepted_extensions(media))
    out.track.header_extensions[one.uri] = static_cast<std::uint8_t>(one.id);
  out.extensions = extension_ids(out.track.header_extensions);
  out.track.rids = sent_rids(media);
  out.sources = announced_sources(media);
  number_old_simulcast(media, out);
  name_track(media, mid, used_ids, out.track);
  return out;
}

Result<Negotiation> negotiate(std::string_view offer, const NegotiationLimits& limits) {
  if (offer.size() > limits.max_bytes)
    return fail(Errc::invalid_argument,
                limits.description + " is larger than " + std::to_string(limits.max_bytes) + " bytes.");
  if (has_control_characters(offer))
    return fail(Errc::malformed, limits.description + " is not a session description: it has control characters.");
  auto parsed = sdp::parse(offer);
  if (!parsed) return std::unexpected(parsed.error());
  Negotiation out;
  out.offer = *std::move(parsed);
  std::set<std::string> used;
  for (std::size_t i = 0; i < out.offer.media.size(); ++i) {
    const sdp::Media& media = out.offer.media[i];
    const std::string mid = media.mid.value_or(std::to_string(i));
    AnswerSection section{i, {}, {}};
    if (out.tracks.empty() || shares_transport(out.offer, out.tracks.front().mid, mid)) {
      if (auto track = take(media, mid, used, section)) {
        if (out.tracks.size() == limits.max_tracks)
          return fail(Errc::invalid_argument, limits.description + " has more than " + std::to_string(limits.max_tracks) +
                                                  " audio and video tracks.");
        if (out.tracks.empty())
          if (auto taken = take_transport(transport_of(out.offer, media, mid), limits.description, out); !taken)
            return std::unexpected(taken.error());
        section.track = out.tracks.size();
        out.tracks.push_back(*std::move(track));
      }
    }
    out.sections.push_back(std::move(section));
  }
  if (out.tracks.empty())
    return fail(Errc::unsupported,
                limits.description + " sends no audio or video that can be recorded: it needs an m-line with a=sendonly, "
                "a=rtcp-mux and one of " +
                    known_media_names() + ".");
  join_streams(out);
  return out;
}

Result<IceFragment> read_fragment(std::string_view text) {
  IceFragment out;
  bool any = false;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (line.empty()) continue;
    if (line.size() < 2 || line[1] != '=')
      return fail(Errc::malformed, "The body is not a trickle-ICE fragment.");
    any = true;
    if (line.starts_with("a=ice-ufrag:") && out.ufrag.empty()) out.ufrag = line.substr(12);
    if (line.starts_with("a=ice-pwd:") && out.pwd.empty()) out.pwd = line.substr(10);
  }
  if (!any || out.ufrag.size() > 256 || out.pwd.size() > 256 || has_control_characters(out.ufrag + out.pwd))
    return fail(Errc::malformed, "The body is not a trickle-ICE fragment.");
  return out;
}

}  // namespace rtpx
