#include "rtpx/manifest.hpp"

#include <limits>
#include <utility>

#include "base/file_name.hpp"
#include "base/file_system.hpp"
#include "base/json.hpp"
#include "base/utc_time.hpp"
#include "sealed/sealed_files.hpp"
#include "storage/record_files.hpp"
#include "storage/recording_file.hpp"

namespace rtpx {

namespace {

constexpr std::uint64_t kMaxManifestBytes = 256U << 20;
constexpr const char* kNoRid = "nil";  // upstream's nil

/// Reads the members of one track. The first contradiction latches as `error`; later reads answer defaults.
struct TrackFields {
  const Json& object;
  std::string where;  // "track \"7\" of the manifest"
  std::optional<Error> error;

  void bad(const std::string& key, const char* should) {
    if (!error) error = Error{Errc::malformed, "\"" + key + "\" of " + where + " is not " + should};
  }

  /// null and missing are the same to readers.
  static const Json* find(const Json& in, const char* key) {
    const auto at = in.find(key);
    return at == in.end() || at->is_null() ? nullptr : &*at;
  }

  std::optional<std::string> text(const Json& in, const char* key) {
    const Json* value = find(in, key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_string()) {
      bad(key, "a string");
      return std::nullopt;
    }
    return value->get<std::string>();
  }

  template <typename T>
  std::optional<T> number(const Json& in, const char* key,
                          std::uint64_t most = static_cast<std::uint64_t>(std::numeric_limits<T>::max())) {
    const Json* value = find(in, key);
    if (value == nullptr) return std::nullopt;
    if (!value->is_number_unsigned() || value->get<std::uint64_t>() > most) {
      bad(key, "an integer in its range");
      return std::nullopt;
    }
    return static_cast<T>(value->get<std::uint64_t>());
  }

  std::vector<std::string> texts(const Json& in, const char* key) {
    std::vector<std::string> out;
    const Json* value = find(in, key);
    if (value == nullptr) return out;
    if (!value->is_array()) {
      bad(key, "an array of strings");
      return out;
    }
    for (const Json& element : *value) {
      if (element.is_string())
        out.push_back(element.get<std::string>());
      else
        bad(key, "an array of strings");
    }
    return out;
  }

  std::optional<UtcTime> time(const Json& in, const char* key) {
    const auto value = text(in, key);
    if (!value) return std::nullopt;
    const auto parsed = parse_utc(*value);
    if (!parsed) bad(key, "a time in ISO 8601");
    return parsed;
  }

  template <typename T>
  T required(std::optional<T> value, const char* key) {
    if (!value && !error) error = Error{Errc::malformed, where + " has no \"" + key + "\""};
    return value ? std::move(*value) : T{};
  }

  Codec codec(const Json& in, const char* key) {
    Codec out;
    if (!in.is_object()) {
      bad(key, "an object");
      return out;
    }
    out.payload_type = required(number<std::uint8_t>(in, "payload_type", 127), "payload_type");
    out.mime_type = required(text(in, "mime_type"), "mime_type");
    out.clock_rate = required(number<std::uint32_t>(in, "clock_rate"), "clock_rate");
    out.channels = number<std::uint16_t>(in, "channels");
    out.sdp_fmtp_line = text(in, "sdp_fmtp_line");
    out.rtcp_fbs = texts(in, "rtcp_fbs");
    return out;
  }

  std::map<std::optional<std::string>, std::uint8_t> rid_map() {
    std::map<std::optional<std::string>, std::uint8_t> out;
    const Json* value = find(object, "rid_map");
    if (value == nullptr || !value->is_object()) {
      bad("rid_map", "an object");
      return out;
    }
    for (const auto& [rid, ignored] : value->items()) {
      const auto index = number<std::uint8_t>(*value, rid.c_str());
      if (!index) bad("rid_map", "an object of rid indexes");
      out[rid == kNoRid ? std::nullopt : std::optional(rid)] = index.value_or(0);
    }
    return out;
  }

  std::map<std::string, std::uint8_t> header_extensions() {
    std::map<std::string, std::uint8_t> out;
    const Json* value = find(object, "header_extensions");
    if (value == nullptr) return out;
    if (!value->is_object()) {
      bad("header_extensions", "an object");
      return out;
    }
    for (const auto& [uri, ignored] : value->items())
      if (const auto id = number<std::uint8_t>(*value, uri.c_str())) out[uri] = *id;
    return out;
  }

  std::optional<ClockAnchor> clock() {
    const Json* value = find(object, "clock");
    if (value == nullptr) return std::nullopt;
    const Json* ms = value->is_object() ? find(*value, "receive_time_ms") : nullptr;
    const auto utc = value->is_object() ? time(*value, "utc") : std::nullopt;
    if (ms == nullptr || !ms->is_number_integer() || !utc) {
      bad("clock", "an object of \"receive_time_ms\" and \"utc\"");
      return std::nullopt;
    }
    return ClockAnchor{ms->get<std::int64_t>(), *utc};
  }

  std::vector<Pause> pauses() {
    std::vector<Pause> out;
    const Json* value = find(object, "pauses");
    if (value == nullptr) return out;
    if (!value->is_array()) {
      bad("pauses", "an array");
      return out;
    }
    for (const Json& one : *value) {
      const Json* from = one.is_object() ? find(one, "from_ms") : nullptr;
      const Json* to = one.is_object() ? find(one, "to_ms") : nullptr;
      if (from == nullptr || !from->is_number_integer() || (to != nullptr && !to->is_number_integer())) {
        bad("pauses", "an array of objects with \"from_ms\" and \"to_ms\"");
        break;
      }
      Pause& pause = out.emplace_back(from->get<std::int64_t>());
      if (to != nullptr) pause.to_ms = to->get<std::int64_t>();
    }
    return out;
  }

  MediaKind kind() {
    const std::string name = required(text(object, "kind"), "kind");
    if (name != "audio" && name != "video") bad("kind", R"("audio" or "video")");
    return name == "audio" ? MediaKind::audio : MediaKind::video;
  }
};

Json to_json(const Pause& pause) {
  Json out = {{"from_ms", pause.from_ms}};
  if (pause.to_ms) out["to_ms"] = *pause.to_ms;
  return out;
}

Json to_json(const Codec& codec) {
  Json out = {{"payload_type", codec.payload_type}, {"mime_type", codec.mime_type},
              {"clock_rate", codec.clock_rate},     {"channels", nullptr},
              {"sdp_fmtp_line", nullptr},           {"rtcp_fbs", nullptr}};
  if (codec.channels) out["channels"] = *codec.channels;
  if (codec.sdp_fmtp_line) out["sdp_fmtp_line"] = *codec.sdp_fmtp_line;
  if (!codec.rtcp_fbs.empty()) out["rtcp_fbs"] = codec.rtcp_fbs;
  return out;
}

/// The keys that this version knows.
Json known_keys(const ManifestTrack& track) {
  Json out = {{"start_time", format_utc(track.start_time)},
              {"kind", track.kind == MediaKind::audio ? "audio" : "video"},
              {"streams", track.streams},
              {"rid_map", Json::object()},
              {"codec", nullptr},
              {"location", track.location}};
  for (const auto& [rid, index] : track.rid_map) out["rid_map"][rid.value_or(kNoRid)] = index;
  if (track.codec) out["codec"] = to_json(*track.codec);

  const auto add = [&out](const char* key, const auto& value) {
    if (value) out[key] = *value;
  };
  add("rtcp_location", track.rtcp_location);
  add("index_location", track.index_location);
  if (!track.more_locations.empty()) out["locations"] = track.more_locations;
  if (!track.more_rtcp_locations.empty()) out["rtcp_locations"] = track.more_rtcp_locations;
  if (!track.codecs.empty()) out["codecs"] = Json::array();
  for (const Codec& codec : track.codecs) out["codecs"].push_back(to_json(codec));
  if (!track.header_extensions.empty()) out["header_extensions"] = track.header_extensions;
  if (track.clock)
    out["clock"] = {{"receive_time_ms", track.clock->receive_time_ms}, {"utc", format_utc(track.clock->utc)}};
  if (track.ended_at) out["ended_at"] = format_utc(*track.ended_at);
  add("end_reason", track.end_reason);
  add("packets", track.packets);
  add("bytes", track.bytes);
  add("refused_packets", track.refused_packets);
  add("participant", track.participant);
  if (!track.pauses.empty()) out["pauses"] = Json::array();
  for (const Pause& pause : track.pauses) out["pauses"].push_back(to_json(pause));
  return out;
}

Result<ManifestTrack> parse_track(const std::string& id, const Json& object) {
  TrackFields in{object, "track \"" + id + "\" of the manifest", {}};
  if (!object.is_object()) return fail(Errc::malformed, in.where + " is not an object");
  ManifestTrack track;
  track.start_time = in.required(in.time(object, "start_time"), "start_time");
  track.kind = in.kind();
  track.streams = in.texts(object, "streams");
  track.rid_map = in.rid_map();
  track.location = in.required(in.text(object, "location"), "location");
  if (const Json* codec = in.find(object, "codec")) track.codec = in.codec(*codec, "codec");
  track.rtcp_location = in.text(object, "rtcp_location");
  track.index_location = in.text(object, "index_location");
  track.more_locations = in.texts(object, "locations");
  track.more_rtcp_locations = in.texts(object, "rtcp_locations");
  if (const Json* codecs = in.find(object, "codecs")) {
    if (!codecs->is_array()) in.bad("codecs", "an array");
    for (const Json& codec : *codecs) track.codecs.push_back(in.codec(codec, "codecs"));
  }
  track.header_extensions = in.header_extensions();
  track.clock = in.clock();
  track.ended_at = in.time(object, "ended_at");
  track.end_reason = in.text(object, "end_reason");
  track.packets = in.number<std::uint64_t>(object, "packets");
  track.bytes = in.number<std::uint64_t>(object, "bytes");
  track.refused_packets = in.number<std::uint64_t>(object, "refused_packets");
  track.participant = in.text(object, "participant");
  track.pauses = in.pauses();
  if (in.error) return std::unexpected(*in.error);
  if (const Json rest = json_rest(object, known_keys(track)); !rest.is_null())
    track.unknown_keys = dump_json(rest);
  return track;
}

/// A track id may be any bytes, JSON's keys only UTF-8: another id becomes what its file is called.
std::string key_of(const std::string& id) {
  try {
    (void)Json(id).dump();
    return id;
  } catch (const Json::type_error&) {
    return encode_file_name(id);
  }
}

}  // namespace

std::vector<std::string> rtp_locations(const ManifestTrack& track) {
  std::vector<std::string> out{track.location};
  out.insert(out.end(), track.more_locations.begin(), track.more_locations.end());
  return out;
}

std::vector<std::string> rtcp_locations(const ManifestTrack& track) {
  std::vector<std::string> out;
  if (track.rtcp_location) out.push_back(*track.rtcp_location);
  out.insert(out.end(), track.more_rtcp_locations.begin(), track.more_rtcp_locations.end());
  return out;
}

Result<Manifest> parse_manifest(std::string_view text) {
  const auto json = parse_json(text, "The manifest");
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return fail(Errc::malformed, "The manifest is not an object of tracks");
  Manifest manifest;
  for (const auto& [id, object] : json->items()) {
    auto track = parse_track(id, object);
    if (!track) return std::unexpected(track.error());
    manifest.emplace(id, std::move(*track));
  }
  return manifest;
}

std::string serialize_manifest(const Manifest& manifest) {
  Json out = Json::object();
  for (const auto& [id, track] : manifest) {
    Json object = known_keys(track);
    if (!track.unknown_keys.empty())
      if (const auto rest = parse_json(track.unknown_keys, "unknown_keys")) add_json_rest(object, *rest);
    std::string key = key_of(id);
    while (out.contains(key)) key += "_";
    out[key] = std::move(object);
  }
  return dump_json(out);
}

Result<Manifest> read_manifest(const std::filesystem::path& path) {
  return read_manifest(*sealed::reading_files({}), path);
}

Result<Manifest> read_manifest(FileSystem& files, const std::filesystem::path& path) {
  const auto info = files.stat(path);
  if (!info) return std::unexpected(info.error());
  const bool folder = *info && (*info)->is_directory;
  const std::filesystem::path file = folder ? path / "manifest.json" : path;
  const auto text = read_whole_file(files, file, kMaxManifestBytes);
  if (!text) return std::unexpected(text.error());
  auto manifest = parse_manifest(*text);
  if (manifest) return manifest;
  const std::size_t begins = text->find_first_not_of(" \t\r\n");
  const bool json = begins == std::string::npos || (*text)[begins] == '{';
  std::string& message = manifest.error().message;
  if (is_record_file(file))
    message = file.string() + " has the packets of one track, and is no manifest: name the recording's folder";
  else if (!json)
    message = file.string() + " is no manifest of a recording; of a capture `rtpx import` makes a recording";
  else
    message = file.string() + ": " + message;
  return manifest;
}

}  // namespace rtpx
