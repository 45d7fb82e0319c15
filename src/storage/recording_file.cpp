#include "storage/recording_file.hpp"

#include <algorithm>
#include <map>
#include <memory>
#include <mutex>

#include "base/json.hpp"
#include "base/utc_time.hpp"
#include "storage/record_files.hpp"

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

/// The members of a list, each read by `read`, which latches contradictions into `error`.
template <typename Read>
void read_list(const Json& json, const char* key, std::optional<Error>& error, const Read& read) {
  const auto at = json.find(key);
  if (at == json.end() || at->is_null()) return;
  if (!at->is_array()) {
    error = Error{Errc::malformed, std::string("\"") + key + "\" is not an array"};
    return;
  }
  for (std::size_t i = 0; i < std::min(at->size(), kMostFacts) && !error; ++i) {
    const Json& one = (*at)[i];
    if (!one.is_object()) error = Error{Errc::malformed, std::string("\"") + key + "\" is not of objects"};
    if (!error) read(one);
  }
}

std::int64_t ms_of(const Json& json, const char* key, std::optional<Error>& error) {
  const auto at = json.find(key);
  if (at != json.end() && at->is_number_integer()) return at->get<std::int64_t>();
  error = Error{Errc::malformed, std::string("\"") + key + "\" is not a number of milliseconds"};
  return 0;
}

/// A member of "clock". What cannot be is as if it were not there: a recording without a common clock is a recording.
std::optional<ClockOffset> offset_of(const Json& clock, const char* key) {
  const auto at = clock.find(key);
  if (at == clock.end() || !at->is_object()) return std::nullopt;
  const auto number = [&](const char* name, std::int64_t most) -> std::optional<std::int64_t> {
    const auto value = at->find(name);
    if (value == at->end() || !value->is_number_integer()) return std::nullopt;
    if (value->is_number_unsigned() && value->get<std::uint64_t>() > static_cast<std::uint64_t>(most)) return std::nullopt;
    const auto out = value->get<std::int64_t>();
    return out >= -most ? std::optional(out) : std::nullopt;
  };
  const auto offset = number("offset_us", kMostClockOffsetUs), error = number("error_us", kMostClockErrorUs);
  if (!offset || !error || *error < 0) return std::nullopt;
  return ClockOffset{*offset, *error};
}

RecordingClock clock_of(const Json& json) {
  const auto at = json.find("clock");
  if (at == json.end() || !at->is_object()) return {};
  return {offset_of(*at, "begin"), offset_of(*at, "end")};
}

void add_clock(Json& out, const RecordingClock& clock) {
  for (const auto& [key, one] : {std::pair("begin", clock.begin), std::pair("end", clock.end)})
    if (one) out["clock"][key] = {{"offset_us", one->offset_us}, {"error_us", one->error_us}};
}

std::string short_text(std::string text) {
  if (text.size() > kMostFactBytes) text.resize(kMostFactBytes);
  return text;
}

RecordingFacts facts_of(const Json& json, std::optional<Error>& error) {
  RecordingFacts facts;
  if (const auto at = json.find("labels"); at != json.end() && !at->is_null()) {
    if (!at->is_array()) error = Error{Errc::malformed, "\"labels\" is not an array of strings"};
    for (std::size_t i = 0; !error && i < std::min(at->size(), kMostFacts); ++i) {
      if ((*at)[i].is_string())
        facts.labels.push_back(short_text((*at)[i].get<std::string>()));
      else
        error = Error{Errc::malformed, "\"labels\" is not an array of strings"};
    }
  }
  if (const auto at = json.find("metadata"); at != json.end() && !at->is_null()) {
    if (!at->is_object()) error = Error{Errc::malformed, "\"metadata\" is not an object of strings"};
    for (auto one = at->begin(); !error && one != at->end() && facts.metadata.size() < kMostFacts; ++one) {
      if (one.value().is_string())
        facts.metadata.emplace(short_text(one.key()), short_text(one.value().get<std::string>()));
      else
        error = Error{Errc::malformed, "\"metadata\" is not an object of strings"};
    }
  }
  read_list(json, "participants", error, [&](const Json& one) {
    ParticipantInfo info;
    info.id = short_text(text_of(one, "id", error).value_or(""));
    info.name = short_text(text_of(one, "name", error).value_or(""));
    info.joined = time_of(one, "joined", error).value_or(UtcTime{});
    facts.participants.push_back(std::move(info));
  });
  read_list(json, "marks", error, [&](const Json& one) {
    facts.marks.push_back({ms_of(one, "at_ms", error), short_text(text_of(one, "text", error).value_or(""))});
  });
  read_list(json, "pauses", error, [&](const Json& one) {
    Pause& pause = facts.pauses.emplace_back(ms_of(one, "from_ms", error));
    if (const auto to = one.find("to_ms"); to != one.end() && !to->is_null())
      pause.to_ms = ms_of(one, "to_ms", error);
  });
  return facts;
}

void add_facts(Json& out, const RecordingFacts& facts) {
  if (!facts.labels.empty()) out["labels"] = facts.labels;
  if (!facts.metadata.empty()) out["metadata"] = facts.metadata;
  for (const ParticipantInfo& one : facts.participants)
    out["participants"].push_back({{"id", one.id}, {"name", one.name}, {"joined", format_utc(one.joined)}});
  for (const Mark& mark : facts.marks) out["marks"].push_back({{"at_ms", mark.at_ms}, {"text", mark.text}});
  for (const Pause& pause : facts.pauses) {
    Json one = {{"from_ms", pause.from_ms}};
    if (pause.to_ms) one["to_ms"] = *pause.to_ms;
    out["pauses"].push_back(std::move(one));
  }
}

/// Those who change the file of one folder wait for each other; those of other folders do not.
std::shared_ptr<std::mutex> changing(const std::filesystem::path& folder) {
  // Never destroyed: a thread that a dead disk holds may outlive main().
  static auto& mutex = *new std::mutex;
  static auto& known = *new std::map<std::filesystem::path, std::weak_ptr<std::mutex>>;
  const std::lock_guard lock(mutex);
  std::erase_if(known, [](const auto& one) { return one.second.expired(); });
  std::weak_ptr<std::mutex>& of_folder = known[folder.lexically_normal()];
  auto out = of_folder.lock();
  if (!out) of_folder = out = std::make_shared<std::mutex>();
  return out;
}

Json known_keys(const RecordingInfo& info) {
  Json out = {{"format", {{"major", info.format_major}, {"minor", info.format_minor}}},
              {"name", info.name},
              {"created", format_utc(info.created)}};
  if (!info.continues.empty()) out["continues"] = info.continues;
  if (!info.key.empty()) out["key"] = info.key;
  if (info.ended_at) out["ended_at"] = format_utc(*info.ended_at);
  if (info.end_reason) out["end_reason"] = *info.end_reason;
  const auto add = [&out](const char* key, const std::string& text) {
    if (text.empty()) return;
    if (auto value = parse_json(text, key)) out[key] = std::move(*value);
  };
  add("conversion", info.conversion);
  add("upload", info.upload);
  add("reception", info.reception);
  add_facts(out, info.facts);
  add_clock(out, info.clock);
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

Result<void> refuse_recording_file(const std::filesystem::path& output) {
  const std::string name = output.filename().string(), extension = output.extension().string();
  const bool own = name == "manifest.json" || name == kRecordingFileName || is_record_file(output) || extension == ".rtpxi" ||
                   extension == ".rtpxp";
  std::error_code ignored;
  if (!own || !std::filesystem::exists(std::filesystem::symlink_status(output, ignored))) return {};
  return fail(Errc::already_exists, output.string() + " is a recording's own file: choose another name");
}

Result<RecordingInfo> parse_recording_info(std::string_view text) {
  const auto json = parse_json(text, "recording.json");
  if (!json) return std::unexpected(json.error());
  if (!json->is_object()) return fail(Errc::malformed, "recording.json is not an object");
  RecordingInfo info;
  if (const auto done = check_version(*json, info); !done) return std::unexpected(done.error());
  std::optional<Error> error;
  info.name = text_of(*json, "name", error).value_or("");
  info.continues = text_of(*json, "continues", error).value_or("");
  info.key = short_text(text_of(*json, "key", error).value_or(""));
  info.created = time_of(*json, "created", error).value_or(UtcTime{});
  info.ended_at = time_of(*json, "ended_at", error);
  info.end_reason = text_of(*json, "end_reason", error);
  info.facts = facts_of(*json, error);
  if (error) return std::unexpected(*error);
  info.clock = clock_of(*json);
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

Result<void> change_recording_info(FileSystem& files, const std::filesystem::path& folder,
                                   const std::function<void(RecordingInfo&)>& change) {
  const auto mutex = changing(folder);
  const std::lock_guard lock(*mutex);
  auto info = read_recording_info(files, folder);
  if (!info && info.error().code != Errc::not_found) return std::unexpected(info.error());
  RecordingInfo changed = info ? std::move(*info) : RecordingInfo{};
  change(changed);
  return write_recording_info(files, folder, changed);
}

}  // namespace rtpx
