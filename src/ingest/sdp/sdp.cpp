#include "ingest/sdp/sdp.hpp"

#include <algorithm>

#include "base/ascii.hpp"
#include "ingest/sdp/attributes.hpp"
#include "ingest/sdp/text.hpp"

namespace rtpx::sdp {
namespace {

constexpr std::size_t kMaxSources = 4096;  // a=ssrc lines of a section are looked up linearly

Unexpected<Error> malformed(std::size_t line, const std::string& why) {
  return fail(Errc::malformed, "line " + std::to_string(line) + " of the session description " + why);
}

/// "IN IP4 224.2.36.42/127" to its address.
std::string connection_address(std::string_view value) {
  take_word(value);
  take_word(value);
  std::string_view address = take_word(value);
  return std::string(take_until(address, '/'));
}

/// "video 49170/2 RTP/AVP 31 32", RFC 8866 section 5.14.
std::optional<Media> parse_media_line(std::string_view value) {
  Media media;
  media.kind = take_word(value);
  std::string_view ports = take_word(value);
  const auto port = to_number<std::uint16_t>(take_until(ports, '/'));
  media.protocol = take_word(value);
  if (media.kind.empty() || !port || media.protocol.empty()) return std::nullopt;
  media.port = *port;
  if (!ports.empty()) media.port_count = to_number<std::uint32_t>(ports).value_or(1);
  for (std::string_view format = take_word(value); !format.empty(); format = take_word(value)) {
    media.formats.emplace_back(format);
    const auto type = to_number<std::uint8_t>(format);
    const bool known = type && std::ranges::find(media.payload_types, *type) != media.payload_types.end();
    if (type && *type <= 127 && !known) media.payload_types.push_back(*type);
  }
  return media;
}

Attribute parse_attribute(std::string_view value) {
  Attribute out;
  out.name = take_until(value, ':');
  out.value = value;
  return out;
}

void inherit(const Transport& from, Transport& to) {
  if (to.ice_ufrag.empty()) to.ice_ufrag = from.ice_ufrag;
  if (to.ice_pwd.empty()) to.ice_pwd = from.ice_pwd;
  if (to.ice_options.empty()) to.ice_options = from.ice_options;
  if (to.fingerprints.empty()) to.fingerprints = from.fingerprints;
  if (to.setup.empty()) to.setup = from.setup;
}

/// Gives each section what the session says for all of them.
void inherit(Session& session) {
  for (Media& media : session.media) {
    inherit(session.transport, media.transport);
    if (media.connection.empty()) media.connection = session.connection;
    media.extmaps.insert(media.extmaps.begin(), session.extmaps.begin(), session.extmaps.end());
  }
}

Result<void> apply_line(char type, std::string_view value, std::size_t number, Session& session) {
  Media* const media = session.media.empty() ? nullptr : &session.media.back();
  if (type == 'm') {
    if (session.media.size() == kMaxMedia)
      return malformed(number, "starts section " + std::to_string(kMaxMedia + 1) + ", which is too many");
    auto parsed = parse_media_line(value);
    if (!parsed) return malformed(number, "is no media line: m=" + std::string(value.substr(0, 80)));
    parsed->direction = session.direction;
    session.media.push_back(std::move(*parsed));
  } else if (type == 'a') {
    Attribute attribute = parse_attribute(value);
    if (media == nullptr) {
      apply(attribute, session);
      session.attributes.push_back(std::move(attribute));
    } else {
      apply(attribute, *media);
      media->attributes.push_back(std::move(attribute));
      if (media->sources.size() > kMaxSources) return malformed(number, "names too many sources");
    }
  } else if (type == 'c') {
    (media == nullptr ? session.connection : media->connection) = connection_address(value);
  } else if (type == 'o' && media == nullptr) {
    session.origin = value;
  } else if (type == 's' && media == nullptr) {
    session.name = value;
  }
  return {};
}

}  // namespace

const Attribute* Media::find(std::string_view wanted) const {
  const auto at = std::ranges::find(attributes, wanted, &Attribute::name);
  return at == attributes.end() ? nullptr : &*at;
}

const Attribute* Session::find(std::string_view wanted) const {
  const auto at = std::ranges::find(attributes, wanted, &Attribute::name);
  return at == attributes.end() ? nullptr : &*at;
}

Result<Session> parse(std::string_view text) {
  if (text.size() > kMaxBytes)
    return fail(Errc::malformed,
                "the session description is larger than " + std::to_string(kMaxBytes) + " bytes");
  Session session;
  std::size_t number = 0;
  bool started = false;
  while (!text.empty()) {
    std::string_view line = take_until(text, '\n');
    ++number;
    while (!line.empty() && line.back() == '\r') line.remove_suffix(1);
    if (trim(line).empty()) continue;
    if (line.size() < 2 || line[1] != '=') return malformed(number, "does not start with a letter and \"=\"");
    const std::string_view value = line.substr(2);
    if (!started && (line[0] != 'v' || trim(value) != "0")) return malformed(number, "is not v=0");
    started = true;
    if (auto applied = apply_line(line[0], value, number, session); !applied)
      return std::unexpected(applied.error());
  }
  if (!started) return fail(Errc::malformed, "the session description is empty");
  inherit(session);
  return session;
}

std::optional<std::string_view> fmtp_value(std::string_view parameters, std::string_view name) {
  while (!parameters.empty()) {
    std::string_view parameter = trim(take_until(parameters, ';'));
    const std::string_view key = trim(take_until(parameter, '='));
    if (equals_ignoring_case(key, name)) return trim(parameter);
  }
  return std::nullopt;
}

}  // namespace rtpx::sdp
