#include "ingest/sdp/attributes.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "ingest/sdp/text.hpp"

namespace rtpx::sdp {
namespace {

constexpr std::size_t kMaxWords = 256;  // of one attribute: lists longer than this are nobody's

std::optional<std::uint8_t> to_payload_type(std::string_view text) {
  const auto number = to_number<std::uint8_t>(text);
  return number && *number <= 127 ? number : std::nullopt;
}

std::optional<Direction> to_direction(std::string_view text) {
  if (text == "sendrecv") return Direction::sendrecv;
  if (text == "sendonly") return Direction::sendonly;
  if (text == "recvonly") return Direction::recvonly;
  if (text == "inactive") return Direction::inactive;
  return std::nullopt;
}

std::optional<RtpMap> parse_rtpmap(std::string_view value) {
  const auto type = to_payload_type(take_word(value));
  value = trim(value);
  const std::string_view encoding = take_until(value, '/');
  const auto clock_rate = to_number<std::uint32_t>(trim(take_until(value, '/')));
  if (!type || encoding.empty() || !clock_rate) return std::nullopt;
  return RtpMap{*type, std::string(encoding), *clock_rate, to_number<std::uint16_t>(trim(value))};
}

std::optional<Fmtp> parse_fmtp(std::string_view value) {
  const auto type = to_payload_type(take_word(value));
  if (!type) return std::nullopt;
  return Fmtp{*type, std::string(trim(value))};
}

std::optional<RtcpFeedback> parse_feedback(std::string_view value) {
  const std::string_view word = take_word(value);
  RtcpFeedback out;
  if (word != "*" && !(out.payload_type = to_payload_type(word))) return std::nullopt;
  out.value = trim(value);
  return out.value.empty() ? std::nullopt : std::optional(out);
}

std::optional<ExtMap> parse_extmap(std::string_view value) {
  std::string_view head = take_word(value);
  ExtMap out;
  const auto id = to_number<std::uint16_t>(take_until(head, '/'));
  if (!id || *id == 0) return std::nullopt;
  out.id = *id;
  if (!head.empty()) {
    const auto direction = to_direction(head);
    if (!direction) return std::nullopt;
    out.direction = *direction;
  }
  out.uri = take_word(value);
  out.attributes = trim(value);
  return out.uri.empty() ? std::nullopt : std::optional(out);
}

std::optional<Candidate> parse_candidate(std::string_view value) {
  Candidate out;
  out.foundation = take_word(value);
  const auto component = to_number<std::uint16_t>(take_word(value));
  out.transport = lower(take_word(value));
  const auto priority = to_number<std::uint32_t>(take_word(value));
  out.address = take_word(value);
  const auto port = to_number<std::uint16_t>(take_word(value));
  if (take_word(value) != "typ" || !component || !priority || !port) return std::nullopt;
  out.component = *component;
  out.priority = *priority;
  out.port = *port;
  out.type = take_word(value);
  while (out.extensions.size() < kMaxWords) {
    const std::string_view name = take_word(value);
    if (name.empty()) break;
    out.extensions.emplace_back(name, take_word(value));
  }
  return out.type.empty() ? std::nullopt : std::optional(out);
}

std::optional<Fingerprint> parse_fingerprint(std::string_view value) {
  Fingerprint out{lower(take_word(value)), to_upper(take_word(value))};
  const bool hex = std::ranges::all_of(
      out.value, [](char c) { return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'F') || c == ':'; });
  return out.value.empty() || !hex ? std::nullopt : std::optional(out);
}

std::optional<Group> parse_group(std::string_view value) {
  Group out{std::string(take_word(value)), {}};
  while (out.mids.size() < kMaxWords) {
    const std::string_view mid = take_word(value);
    if (mid.empty()) break;
    out.mids.emplace_back(mid);
  }
  return out.semantics.empty() ? std::nullopt : std::optional(out);
}

std::optional<SsrcGroup> parse_ssrc_group(std::string_view value) {
  SsrcGroup out{std::string(take_word(value)), {}};
  while (out.ssrcs.size() < kMaxWords) {
    const std::string_view word = take_word(value);
    if (word.empty()) break;
    const auto ssrc = to_number<std::uint32_t>(word);
    if (!ssrc) return std::nullopt;
    out.ssrcs.push_back(*ssrc);
  }
  return out.semantics.empty() || out.ssrcs.empty() ? std::nullopt : std::optional(out);
}

void add_source(std::string_view value, std::vector<Source>& sources) {
  const auto ssrc = to_number<std::uint32_t>(take_word(value));
  if (!ssrc) return;
  auto source = std::ranges::find(sources, *ssrc, &Source::ssrc);
  if (source == sources.end()) source = sources.insert(sources.end(), Source{.ssrc = *ssrc});
  value = trim(value);
  Attribute attribute;
  attribute.name = take_until(value, ':');
  attribute.value = value;
  if (attribute.name == "cname") source->cname = value;
  if (attribute.name == "msid") source->msid = value;
  if (!attribute.name.empty()) source->attributes.push_back(std::move(attribute));
}

/// "f send pt=96,97;max-width=1280"
std::optional<Rid> parse_rid(std::string_view value) {
  Rid out;
  out.id = take_word(value);
  const std::string_view direction = take_word(value);
  if (out.id.empty() || (direction != "send" && direction != "recv")) return std::nullopt;
  out.send = direction == "send";
  value = trim(value);
  while (!value.empty()) {
    const std::string_view restriction = take_until(value, ';');
    if (restriction.starts_with("pt=")) {
      std::string_view list = restriction.substr(3);
      while (!list.empty())
        if (const auto type = to_payload_type(take_until(list, ','))) out.payload_types.push_back(*type);
    } else {
      if (!out.restrictions.empty()) out.restrictions += ';';
      out.restrictions += restriction;
    }
  }
  return out;
}

/// "q;h,~h2;f"
std::vector<std::vector<Simulcast::Alternative>> parse_simulcast_list(std::string_view list) {
  std::vector<std::vector<Simulcast::Alternative>> out;
  while (!list.empty() && out.size() < kMaxWords) {
    std::string_view stream = take_until(list, ';');
    auto& alternatives = out.emplace_back();
    while (!stream.empty() && alternatives.size() < kMaxWords) {
      std::string_view rid = take_until(stream, ',');
      const bool paused = rid.starts_with('~');
      if (paused) rid.remove_prefix(1);
      if (!rid.empty()) alternatives.push_back({std::string(rid), paused});
    }
  }
  std::erase_if(out, [](const auto& alternatives) { return alternatives.empty(); });
  return out;
}

std::optional<Simulcast> parse_simulcast(std::string_view value) {
  Simulcast out;
  for (int half = 0; half < 2; ++half) {
    const std::string_view direction = take_word(value);
    const std::string_view list = take_word(value);
    if (direction == "send") out.send = parse_simulcast_list(list);
    if (direction == "recv") out.recv = parse_simulcast_list(list);
  }
  return out.send.empty() && out.recv.empty() ? std::nullopt : std::optional(out);
}

std::optional<Crypto> parse_crypto(std::string_view value) {
  const auto tag = to_number<std::uint32_t>(take_word(value));
  Crypto out{tag.value_or(0), std::string(take_word(value)), std::string(take_word(value)),
             std::string(trim(value))};
  return !tag || out.key_params.empty() ? std::nullopt : std::optional(out);
}

template <typename T>
void append(std::vector<T>& to, std::optional<T> parsed) {
  if (parsed) to.push_back(std::move(*parsed));
}

bool apply(const Attribute& attribute, Transport& transport) {
  const auto& [name, value] = attribute;
  if (name == "ice-ufrag") {
    transport.ice_ufrag = value;
  } else if (name == "ice-pwd") {
    transport.ice_pwd = value;
  } else if (name == "setup") {
    transport.setup = value;
  } else if (name == "fingerprint") {
    append(transport.fingerprints, parse_fingerprint(value));
  } else if (name == "ice-options") {
    std::string_view rest = value;
    while (transport.ice_options.size() < kMaxWords) {
      const std::string_view option = take_word(rest);
      if (option.empty()) break;
      transport.ice_options.emplace_back(option);
    }
  } else {
    return false;
  }
  return true;
}

bool apply_flag(const Attribute& attribute, Media& media) {
  if (const auto direction = to_direction(attribute.name))
    media.direction = *direction;
  else if (attribute.name == "rtcp-mux")
    media.rtcp_mux = true;
  else if (attribute.name == "rtcp-rsize")
    media.rtcp_rsize = true;
  else if (attribute.name == "bundle-only")
    media.bundle_only = true;
  else if (attribute.name == "end-of-candidates")
    media.end_of_candidates = true;
  else
    return false;
  return true;
}

bool apply_rtp(const Attribute& attribute, Media& media) {
  const auto& [name, value] = attribute;
  if (name == "rtpmap")
    append(media.rtpmaps, parse_rtpmap(value));
  else if (name == "fmtp")
    append(media.fmtps, parse_fmtp(value));
  else if (name == "rtcp-fb")
    append(media.feedback, parse_feedback(value));
  else if (name == "extmap")
    append(media.extmaps, parse_extmap(value));
  else if (name == "ssrc")
    add_source(value, media.sources);
  else if (name == "ssrc-group")
    append(media.ssrc_groups, parse_ssrc_group(value));
  else if (name == "rid")
    append(media.rids, parse_rid(value));
  else if (name == "simulcast")
    media.simulcast = parse_simulcast(value);
  else
    return false;
  return true;
}

void apply_rest(const Attribute& attribute, Media& media) {
  const auto& name = attribute.name;
  std::string_view value = attribute.value;
  if (name == "mid") {
    media.mid = trim(value);
  } else if (name == "msid") {
    const std::string_view stream = take_word(value);
    if (!stream.empty()) media.msids.push_back({std::string(stream), std::string(take_word(value))});
  } else if (name == "candidate") {
    append(media.candidates, parse_candidate(value));
  } else if (name == "crypto") {
    append(media.cryptos, parse_crypto(value));
  } else if (name == "rtcp") {
    media.rtcp_port = to_number<std::uint16_t>(take_word(value));
  }
}

}  // namespace

void apply(const Attribute& attribute, Session& session) {
  const auto& [name, value] = attribute;
  if (const auto direction = to_direction(name))
    session.direction = *direction;
  else if (name == "ice-lite")
    session.ice_lite = true;
  else if (name == "group")
    append(session.groups, parse_group(value));
  else if (name == "extmap")
    append(session.extmaps, parse_extmap(value));
  else if (name == "candidate")
    append(session.candidates, parse_candidate(value));
  else
    apply(attribute, session.transport);
}

void apply(const Attribute& attribute, Media& media) {
  if (apply_flag(attribute, media) || apply_rtp(attribute, media) || apply(attribute, media.transport))
    return;
  apply_rest(attribute, media);
}

}  // namespace rtpx::sdp
