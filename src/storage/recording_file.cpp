#include "storage/recording_file.hpp"

#include "base/json.hpp"
#include "base/utc_time.hpp"

namespace rtpx {

namespace {

constexpr std::uint64_t kMaxFileBytes = 16U << 20;

/// The text of member `key`: nullopt when it is missing or null; latches into `error` when it is no string.
std::optional<std::string> text_of(const Json& json, const char* key, std::optional<Error>& error) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return std::nullopt;
  if (at->is_string()) return at->get<std::string>();
  error = Error{Errc::malformed, std::string("\"") + key + "\" is not a string"};
  return std::nullopt;
}

std::optional<UtcTime> time_of(const Json& json, const char* key, std::optional<Error>& error) {
  const auto text = text_of(json, key, error);
  if (!text) return std::nullopt;
  const auto time = parse_utc(*text);
  if (!time) error = Error{Errc::malformed, std::string("\"") + key + "\" is not a time in ISO 8601"};
  return time;
}

Json known_keys(const RecordingInfo& info) {
  Json out = {{"format", {{"major", info.format_major}, {"minor", info.format_minor}}},
              {"name", info.name},
              {"created", format_utc(info.created)}};
  if (!info.continues.empty()) out["continues"] = info.continues;
  if (info.ended_at) out["ended_at"] = format_utc(*info.ended_at);
  if (info.end_reason) out["end_reason"] = *info.end_reason;
  const auto add = [&out](const char* key, const std::string& text) {
    if (text.empty()) return;
    if (auto value = parse_json(text, key)) out[key] = std::move(*value);
  };
  add("conversion", info.conversion);
  add("upload", info.upload);
  add("reception", info.reception);
  return out;
}

Result<void> check_version(const Json& json, RecordingInfo& info) {
  const auto format = json.find("format");
  const auto number = [&](const char* key) -> std::optional<int> {
    if (format == json.end() || !format->is_object()) return std::nullopt;
    const auto at = format->find(key);
    if (at == format->end() || !at->is_number_unsigned() || at->get<std::uint64_t>() > 1'000'000)
      return std::nullopt;
    return at->get<int>();
  };
  const auto major = number("major"), minor = number("minor");
  if (!major || !minor) return fail(Errc::malformed, "\"format\" does not hold a version");
  if (*major > kRecordingMajor)
    return fail(Errc::unsupported, "the recording has format version " + std::to_string(*major) + "." +
                                       std::to_string(*minor) + ", this rtpx reads up to " +
                                       std::to_string(kRecordingMajor) + ".x: use a newer rtpx");
  info.format_major = *major;
  info.format_minor = *minor;
  return {};
}

}  // namespace

Result<RecordingInfo> parse_recording_info(std::string_view text) {
  const auto json = parse_json(text, "recording.json");
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return fail(Errc::malformed, "recording.json is not an object");
  RecordingInfo info;
  if (const auto done = check_version(*json, info); !done) return std::unexpected(done.error());
  std::optional<Error> error;
  info.name = text_of(*json, "name", error).value_or("");
  info.continues = text_of(*json, "continues", error).value_or("");
  info.created = time_of(*json, "created", error).value_or(UtcTime{});
  info.ended_at = time_of(*json, "ended_at", error);
  info.end_reason = text_of(*json, "end_reason", error);
  if (error) return std::unexpected(*error);
  const auto opaque = [&](const char* key) {
    const auto at = json->find(key);
    return at == json->end() || at->is_null() ? std::string() : dump_json(*at);
  };
  info.conversion = opaque("conversion");
  info.upload = opaque("upload");
  info.reception = opaque("reception");
  if (const Json rest = json_rest(*json, known_keys(info)); !rest.is_null())
    info.unknown_keys = dump_json(rest);
  return info;
}

std::string serialize_recording_info(const RecordingInfo& info) {
  Json out = known_keys(info);
  if (!info.unknown_keys.empty())
    if (const auto rest = parse_json(info.unknown_keys, "unknown_keys")) add_json_rest(out, *rest);
  return dump_json(out);
}

Result<RecordingInfo> read_recording_info(FileSystem& files, const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / kRecordingFileName;
  const auto text = read_whole_file(files, path, kMaxFileBytes);
  if (!text) return std::unexpected(text.error());
  auto info = parse_recording_info(*text);
  if (!info) info.error().message = path.string() + ": " + info.error().message;
  return info;
}

Result<void> write_recording_info(FileSystem& files, const std::filesystem::path& folder,
                                  const RecordingInfo& info) {
  return write_file_atomically(files, folder / kRecordingFileName, as_bytes(serialize_recording_info(info)));
}

}  // namespace rtpx
