#include "server/library/library.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "s3/queue_file.hpp"
#include "storage/recording_lock.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using nlohmann::json;

constexpr const char* kDeletedPrefix = ".deleted-";
constexpr std::uint64_t kMaxResult = 64U << 20;
constexpr const char* kResultPrefix = "result-";
constexpr const char* kResultSuffix = ".json";

bool is_plain_name(const std::string& name) {
  return !name.empty() && name.size() < 256 && name[0] != '.' && name.find('/') == name.npos &&
         name.find('\0') == name.npos;
}

std::uint64_t folder_bytes(const fs::path& folder) {
  std::uint64_t sum = 0;
  std::error_code error;
  for (fs::recursive_directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    if (at->is_regular_file(gone) && !gone) {
      const auto size = at->file_size(gone);
      if (!gone) sum += size;
    }
  }
  return sum;
}

/// Of a file that result_name() has named.
std::optional<std::string> profile_of_result(std::string_view name) {
  if (!name.starts_with(kResultPrefix) || !name.ends_with(kResultSuffix)) return std::nullopt;
  name.remove_prefix(std::string_view(kResultPrefix).size());
  if (name.size() <= std::string_view(kResultSuffix).size()) return std::nullopt;
  return std::string(name.substr(0, name.size() - std::string_view(kResultSuffix).size()));
}

std::string text_of(const json& object, const char* key) {
  const auto at = object.find(key);
  return at != object.end() && at->is_string() ? at->get<std::string>() : std::string();
}

/// The name of a file of `output` that a location names; empty when it is not there.
std::string name_in(const fs::path& output, const std::string& location) {
  const std::string name = fs::path(location).filename();
  std::error_code error;
  return is_plain_name(name) && fs::is_regular_file(output / name, error) ? name : std::string();
}

/// What was made for one profile; a file that is there already is not told twice.
void read_result(const fs::path& output, const std::string& name, const std::string& profile,
                 std::vector<OutputFile>& out) {
  const auto text = read_whole_file(real_file_system(), output / name, kMaxResult);
  if (!text) return;
  json result = json::parse(*text, nullptr, false);
  if (!result.is_object()) return;
  if (const auto files = result.find("files"); files != result.end() && files->is_object()) result = *files;
  for (const auto& [id, value] : result.items()) {
    if (!value.is_object()) continue;
    OutputFile file;
    file.id = id;
    file.name = name_in(output, text_of(value, "location"));
    if (file.name.empty() || std::ranges::find(out, file.name, &OutputFile::name) != out.end()) continue;
    file.profile = profile;
    file.format = fs::path(file.name).extension().string().substr(1);
    if (const auto ms = value.find("duration_ms"); ms != value.end() && ms->is_number())
      file.duration_ms = ms->get<std::int64_t>();
    std::error_code error;
    file.bytes = fs::file_size(output / file.name, error);
    file.thumbnail = name_in(output, text_of(value, "thumbnail_location"));
    file.report = name_in(output, text_of(value, "report_location"));
    if (const auto chapters = value.find("chapters"); chapters != value.end() && chapters->is_array())
      for (const json& one : *chapters)
        if (one.is_object() && one.contains("time_ms") && one["time_ms"].is_number_integer())
          file.chapters.push_back({one["time_ms"].get<std::int64_t>(), text_of(one, "text")});
    file.sprites = name_in(output, file.name + "_sprites.vtt");
    out.push_back(std::move(file));
  }
}

/// The name of a profile that step_of() has read; empty: there is none.
std::string profile_name(const StepState& conversion, std::size_t which) {
  if (which >= conversion.outputs.size()) return {};
  const auto profile = parse_output_profile(conversion.outputs[which].profile);
  return profile ? profile->name : std::string();
}

/// Of the first profile, then of the others in the order in which they were asked for, then of what else there is.
std::vector<OutputFile> read_outputs(const fs::path& output, const StepState& conversion) {
  std::vector<OutputFile> out;
  const bool first_made = !conversion.outputs.empty() && conversion.outputs.front().state == "done";
  read_result(output, kFirstResult, first_made ? profile_name(conversion, 0) : "", out);  // else it is a former one's
  std::vector<std::string> others;
  for (std::size_t i = 1; i < conversion.outputs.size(); ++i) others.push_back(profile_name(conversion, i));
  const auto files = real_file_system().list(output);
  if (!files) return out;
  const auto asked_for = static_cast<std::ptrdiff_t>(others.size());
  for (const DirectoryEntry& file : *files)
    if (const auto profile = profile_of_result(file.name); profile && std::ranges::find(others, *profile) == others.end())
      others.push_back(*profile);
  std::sort(others.begin() + asked_for, others.end());
  for (const std::string& one : others) read_result(output, result_name(one), one, out);
  return out;
}

/// Of a conversion. `formats` is how they were kept when each had one state with all others.
std::vector<OutputState> outputs_in(const json& step) {
  std::vector<OutputState> out;
  for (const char* key : {"outputs", "formats"}) {
    const auto all = step.find(key);
    if (all == step.end() || !all->is_array()) continue;
    for (const json& one : *all) {
      OutputState output;
      output.profile = one.is_object() ? text_of(one, "profile") : one.is_string() ? one.get<std::string>() : "";
      if (out.size() == kMostProfiles || !parse_output_profile(output.profile)) continue;
      const std::string state = one.is_object() ? text_of(one, "state") : text_of(step, "state");
      if (state == "done" || state == "failed") output.state = state;
      if (one.is_object()) {
        output.error = text_of(one, "error");
        if (const auto code = one.find("exit_code"); code != one.end() && code->is_number_integer())
          output.exit_code = code->get<int>();
      }
      out.push_back(std::move(output));
    }
    if (!out.empty()) break;
  }
  return out;
}

StepState step_of(const std::string& text) {
  StepState state;
  const json value = json::parse(text, nullptr, false);
  if (!value.is_object()) return state;
  state.state = text_of(value, "state");
  state.error = text_of(value, "error");
  state.encrypted = text_of(value, "encrypted");
  state.outputs = outputs_in(value);
  if (const auto code = value.find("exit_code"); code != value.end() && code->is_number_integer())
    state.exit_code = code->get<int>();
  return state;
}

/// When it was recorded. Recordings of others have no recording.json; then their tracks tell, or the disk.
UtcTime begin_of(const RecordingEntry& entry, const fs::path& folder) {
  if (entry.info.created > UtcTime()) return entry.info.created;
  UtcTime first = UtcTime::max();
  for (const auto& [id, track] : entry.manifest)
    if (track.start_time > UtcTime()) first = std::min(first, track.start_time);
  if (first != UtcTime::max()) return first;
  std::error_code error;
  const auto written = fs::last_write_time(folder, error);
  if (error) return {};
  return std::chrono::floor<std::chrono::microseconds>(fs::file_time_type::clock::to_sys(written));
}

RecordingState state_of(const RecordingEntry& entry) {
  if (entry.conversion.state == "failed") return RecordingState::failed;
  if (entry.conversion.state == "cancelled") return RecordingState::cancelled;
  if (entry.conversion.state != "done") return RecordingState::waiting;
  return entry.upload.state == "done" ? RecordingState::uploaded : RecordingState::ready;
}

}  // namespace

std::string result_name(const std::string& profile) {
  return kResultPrefix + (profile + kResultSuffix);
}

bool is_result_name(std::string_view file) {
  return file == kFirstResult || profile_of_result(file).has_value();
}

const char* to_string(RecordingState state) noexcept {
  switch (state) {
    case RecordingState::recording:
      return "recording";
    case RecordingState::waiting:
      return "waiting";
    case RecordingState::converting:
      return "converting";
    case RecordingState::ready:
      return "ready";
    case RecordingState::failed:
      return "failed";
    case RecordingState::cancelled:
      return "cancelled";
    case RecordingState::uploaded:
      return "uploaded";
  }
  return "unknown";
}

std::vector<std::string> Library::ids() const {
  std::vector<std::string> out;
  std::error_code error;
  for (fs::directory_iterator at(base_dir_, error), end; !error && at != end; at.increment(error)) {
    const std::string name = at->path().filename();
    std::error_code gone;
    if (is_plain_name(name) && at->is_directory(gone) &&
        (fs::exists(at->path() / "manifest.json", gone) || fs::exists(at->path() / kRecordingFileName, gone)))
      out.push_back(name);
  }
  std::ranges::sort(out, std::greater{});
  return out;
}

Result<fs::path> Library::folder(const std::string& id) const {
  std::error_code error;
  const fs::path path = base_dir_ / id;
  if (!is_plain_name(id) || !fs::is_directory(path, error) || fs::is_symlink(path, error))
    return fail(Errc::not_found, "There is no recording of that name.");
  return path;
}

Result<fs::path> Library::file(const std::string& id, const std::string& name) const {
  const auto at = folder(id);
  if (!at) return at;
  std::error_code error;
  if (is_plain_name(name))
    for (const fs::path& path : {*at / "output" / name, *at / name})
      if (fs::is_regular_file(fs::symlink_status(path, error))) return path;
  return fail(Errc::not_found, "The recording has no such file.");
}

Result<RecordingEntry> Library::entry(const std::string& id) const {
  const auto at = folder(id);
  if (!at) return std::unexpected(at.error());
  RecordingEntry out;
  out.id = id;
  if (auto info = read_recording_info(*files_, *at)) out.info = std::move(*info);
  if (auto manifest = read_manifest(*files_, *at))
    out.manifest = std::move(*manifest);
  else
    out.sealed = manifest.error().code == Errc::unsupported && is_sealed(*at);
  out.conversion = step_of(out.info.conversion);
  out.upload = step_of(out.info.upload);
  out.outputs = read_outputs(*at / "output", out.conversion);
  out.bytes = folder_bytes(*at);
  for (const OutputFile& file : out.outputs) out.duration_ms = std::max(out.duration_ms, file.duration_ms);
  out.state = state_of(out);
  out.recorded_at = begin_of(out, *at);
  return out;
}

Result<void> Library::set_conversion(const std::string& id, const StepState& state) const {
  return set(id, &RecordingInfo::conversion, state);
}

Result<void> Library::set_upload(const std::string& id, const StepState& state) const {
  return set(id, &RecordingInfo::upload, state);
}

Result<void> Library::set(const std::string& id, std::string RecordingInfo::*step,
                          const StepState& state) const {
  const auto at = folder(id);
  if (!at) return std::unexpected(at.error());
  json value = {{"state", state.state}};
  if (!state.error.empty()) value["error"] = state.error;
  for (const OutputState& one : state.outputs) {
    json& output = value["outputs"].emplace_back(json{{"profile", one.profile}, {"state", one.state}});
    if (!one.error.empty()) output["error"] = one.error;
    if (one.exit_code != 0) output["exit_code"] = one.exit_code;
  }
  if (!state.encrypted.empty()) value["encrypted"] = state.encrypted;
  if (state.exit_code != 0) value["exit_code"] = state.exit_code;
  const auto changed = change_recording_info(real_file_system(), *at, [&](RecordingInfo& info) {
    info.*step = value.dump(-1, ' ', false, json::error_handler_t::replace);
  });
  changed_(id);
  return changed;
}

Result<void> Library::set_clock(const std::string& id, std::optional<ClockOffset> RecordingClock::* when,
                                const ClockOffset& offset) const {
  const auto at = folder(id);
  if (!at) return std::unexpected(at.error());
  return change_recording_info(real_file_system(), *at, [&](RecordingInfo& info) { info.clock.*when = offset; });
}

Result<void> Library::describe(const std::string& id, const std::function<void(Description&)>& change) const {
  const auto at = folder(id);
  if (!at) return std::unexpected(at.error());
  const auto changed = change_description(*at, change);
  changed_(id);
  return changed;
}

Result<void> Library::remove(const std::string& id) const {
  const auto at = folder(id);
  if (!at) return std::unexpected(at.error());
  if (const auto owner = recording_owner(*at))
    return fail(Errc::already_exists, "Recording " + id + " is being written by " + *owner + ".");
  const fs::path hidden = base_dir_ / (kDeletedPrefix + id);
  if (auto renamed = real_file_system().rename(*at, hidden); !renamed) return renamed;
  changed_(id);
  std::error_code error;
  fs::remove_all(hidden, error);
  s3::forget_queue(s3::recording_folder(*at));
  if (error) return fail(Errc::io, "Cannot delete all of recording " + id + ": " + error.message() + ".");
  return {};
}

void Library::sweep() const {
  std::error_code error;
  std::vector<fs::path> hidden;
  for (fs::directory_iterator at(base_dir_, error), end; !error && at != end; at.increment(error))
    if (at->path().filename().string().starts_with(kDeletedPrefix)) hidden.push_back(at->path());
  for (const fs::path& path : hidden) fs::remove_all(path, error);
}

}  // namespace rtpx::server
