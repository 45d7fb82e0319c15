#include "server/fleet/fleet_work.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/remote_file.hpp"
#include "packets/packet_index.hpp"
#include "rtpx/composer.hpp"
#include "s3/object_relay.hpp"
#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"
#include "server/work/conversion_limits.hpp"

namespace rtpx::server {
namespace {

namespace fs = std::filesystem;
using fleet::Job;
using fleet::JobKind;
using fleet::WorkEnd;
using nlohmann::json;

constexpr int kUsageStatus = 2, kUnusableStatus = 3;  // exit statuses of rtpx
constexpr std::uint64_t kRoomForOutput = 2;           // times the recording, at least
constexpr std::uint64_t kMaxOutput = 16U << 20;       // of what a command prints
constexpr std::chrono::seconds kUntilSlicesAreMade{5};
constexpr const char* kFilm = "film.mp4";

/// The folders of one claim, gone with it.
struct Bench {
  fs::path folder, recording, output, printed;
  std::vector<fs::path> parts;  // same index as the job's
  explicit Bench(const WorkLimits& limits, const Job& job, const std::string& token)
      : folder(fs::absolute(limits.folder) / token),
        recording(folder / "in" / job.recording),
        output(folder / "out"),
        printed(folder / "printed.json") {
    for (const fleet::RecordingName& part : job.parts)
      parts.push_back(folder / ("in-" + part.node) / part.recording);
  }
  ~Bench() {
    std::error_code ignored;
    fs::remove_all(folder, ignored);
  }
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
};

std::string seconds_text(std::uint32_t ms) {
  const std::string rest = std::to_string(1000 + ms % 1000);
  return std::to_string(ms / 1000) + "." + rest.substr(1);
}

/// Makes do with a packet index and parts of the records; or goes over all of them once, where without an
/// index it would do so twice.
bool reads_in_place(const Job& job) {
  return job.kind != JobKind::report && job.kind != JobKind::verify && job.parts.empty();
}

/// The commands of a job, without the program. `in`: the recording's folder, or its URL.
std::vector<std::vector<std::string>> commands_of(const Job& job, const std::string& in, const Bench& bench,
                                                  const WorkLimits& limits) {
  const std::string out = bench.output.string();
  switch (job.kind) {
    case JobKind::convert:
      return {{"convert", in, "-o", out, "--json", "--thumbnail", "--sprites", std::to_string(job.sprites),
               "--min-free", std::to_string(limits.min_free_bytes), "--progress-fd", "3"}};
    case JobKind::compose:
    case JobKind::slice: {
      std::vector<std::string> words = {
          "compose",  in,
          "-o",       out + "/" + kFilm,
          "--layout", job.layout,
          "--size",   std::to_string(job.width) + "x" + std::to_string(job.height),
          "--vtt",    out + "/film.vtt",
          "--json",   "--progress-fd",
          "3"};
      words.insert(words.begin() + 2, bench.parts.begin(), bench.parts.end());
      if (!job.title.empty()) words.push_back("--title=" + job.title);
      if (job.kind == JobKind::slice)
        words.insert(words.end(), {"--slice", std::to_string(job.slice) + "/" + std::to_string(job.slices)});
      else
        words.insert(words.end(), {"--thumbnail", "--sprites", std::to_string(job.sprites)});
      if (job.kind == JobKind::compose && job.slices > 1)
        words.insert(words.end(), {"--join", std::to_string(job.slices)});
      return {words};
    }
    case JobKind::package:
      return {{"package", in, "-o", out}};
    case JobKind::thumbnails: {
      std::vector<std::vector<std::string>> all;
      for (const std::uint32_t ms : job.times_ms)
        all.push_back(
            {"frame", in, "--at", seconds_text(ms), "-o", out + "/" + std::to_string(ms) + ".jpg", "--json"});
      return all;
    }
    case JobKind::report:
      return {{"report", in, "-o", out + "/report.html", "--json"}};
    case JobKind::verify:
      return {{"verify", in, "--json"}};
  }
  return {};
}

/// Of the service or the disk here: the job goes back as it was. What is missing there may come, or be gone.
WorkEnd ended_by(const Error& error) {
  const bool is_here = error.code == Errc::network || error.code == Errc::denied ||
                       error.code == Errc::no_space || error.code == Errc::io ||
                       error.code == Errc::cancelled;
  return {.kind = is_here ? WorkEnd::Kind::returned : WorkEnd::Kind::failed,
          .result = {},
          .error = error.message};
}

/// What a recording that is fetched next may have: what is made of it needs room, too.
Result<std::uint64_t> room_on(const WorkLimits& limits, const fs::path& folder) {
  const auto free = real_file_system().free_bytes(folder);
  if (!free) return std::unexpected(free.error());
  const std::uint64_t room =
      *free > limits.min_free_bytes ? (*free - limits.min_free_bytes) / (1 + kRoomForOutput) : 0;
  return limits.max_bytes != 0 ? std::min(room, limits.max_bytes) : room;
}

/// Brings the recordings that are in the film beside the job's own.
Result<void> bring_parts(const WorkLimits& limits, const fleet::Store& store, const Job& film, const Bench& bench,
                         std::stop_token stop) {
  for (std::size_t i = 0; i < film.parts.size(); ++i) {
    if (auto made = real_file_system().create_directories(bench.parts[i]); !made) return made;
    const auto room = room_on(limits, bench.folder);
    if (!room) return std::unexpected(room.error());
    const Job part{.node = film.parts[i].node, .recording = film.parts[i].recording};
    if (auto fetched = store.fetch(part, bench.parts[i], *room, stop); !fetched) return fetched;
  }
  return {};
}

std::string slice_name(const Job& slice) {
  return slice_path(kFilm, {slice.slice, slice.slices}).string();
}

/// Brings the slices of a film to where it is made. nullopt: all are there.
std::optional<WorkEnd> bring_slices(const fleet::Store& store, const ReadRecord& read_record, const Job& film,
                                    const fs::path& folder, std::uint64_t room, std::stop_token stop) {
  const auto ends = [](WorkEnd::Kind kind, std::string why, std::chrono::milliseconds not_before = {}) {
    return WorkEnd{.kind = kind, .result = {}, .error = std::move(why), .not_before = not_before};
  };
  std::vector<fleet::JobRecord> made;
  for (int number = 0; number <= film.slices; ++number) {
    const auto stored = read_record(fleet::key_of(fleet::slice_of(film, number)));
    if (!stored) return ends(WorkEnd::Kind::returned, stored.error().message);
    const bool is_there = stored->has_value() && fleet::is_slice_of((*stored)->record.job, film);
    const std::string name = "Slice " + std::to_string(number) + " of " + std::to_string(film.slices);
    if (!is_there || !fleet::is_settled((*stored)->record.state))
      return ends(WorkEnd::Kind::returned, name + " is not made yet.", kUntilSlicesAreMade);
    const fleet::JobRecord& record = (*stored)->record;
    if (record.state != fleet::JobState::done)
      return ends(WorkEnd::Kind::hopeless, name + " is " + to_string(record.state) + ": " + record.error);
    made.push_back(record);
  }
  for (const fleet::JobRecord& slice : made) {
    if (slice.result.bytes > room)
      return ends(WorkEnd::Kind::returned, "The disk has no room for the slices of the film.");
    room -= slice.result.bytes;
    const auto got = store.fetch_result(slice.job, slice.result.name, slice_name(slice.job), folder,
                                        slice.result.bytes, stop);
    if (!got) return ended_by(got.error());
  }
  return std::nullopt;
}

/// Paths of this machine as names, also in sentences: what a command printed goes to others.
void make_relative(json& value, const std::string& folder) {
  if (value.is_string()) {
    std::string text = value;
    for (auto at = text.find(folder + "/"); at != text.npos; at = text.find(folder + "/", at))
      text.erase(at, folder.size() + 1);
    value = std::move(text);
  } else if (value.is_structured()) {
    for (json& one : value) make_relative(one, folder);
  }
}

std::string printed_by(const Bench& bench, const std::string& in) {
  const auto text = read_whole_file(real_file_system(), bench.printed, kMaxOutput);
  if (!text) return {};
  json value = json::parse(*text, nullptr, false);
  if (value.is_discarded()) return {};
  make_relative(value, bench.output.string());
  make_relative(value, in);
  make_relative(value, bench.folder.string());
  return value.dump(-1, ' ', false, json::error_handler_t::replace);
}

/// Where the recording is read, and within which bounds.
struct Input {
  std::string place;                       // its folder, or its URL
  std::unique_ptr<s3::ObjectRelay> relay;  // of a URL
  ConversionLimits bounds;
};

/// Brings it here, and what else the film is made of; or finds that it can be read where it lies.
Result<Input> bring_recording(const WorkLimits& limits, const fleet::Store& store, const Job& job, const Bench& bench,
                              std::uint64_t room, const std::stop_token& stop) {
  Input input{.place = bench.recording.string(), .relay = nullptr, .bounds = {}};
  const auto objects = store.objects(stop);
  if (limits.in_place && reads_in_place(job)) {
    const auto index = objects->stat(store.url_of(job) + "/" + kPacketIndexName);
    if (!index) return std::unexpected(index.error());
    if (*index) input.place = store.url_of(job);
  }
  if (is_s3_url(input.place)) {
    auto relay = store.relay(job);
    if (!relay) return std::unexpected(relay.error());
    input.relay = *std::move(relay);
  } else if (auto fetched = store.fetch(job, bench.recording, room, stop); !fetched) {
    return std::unexpected(fetched.error());
  }
  if (auto brought = bring_parts(limits, store, job, bench, stop); !brought) return std::unexpected(brought.error());
  input.bounds = conversion_limits(*objects, input.place);
  for (const fs::path& part : bench.parts) {
    const ConversionLimits more = conversion_limits(*objects, part);
    input.bounds.file_bytes += more.file_bytes;
    input.bounds.deadline += more.deadline;
  }
  return input;
}

}  // namespace

WorkEnd do_job(const WorkLimits& limits, const fleet::Store& store, const ReadRecord& read_record,
               const Job& job, const std::string& worker, const std::string& token, unsigned attempt,
               const std::function<void(double)>& on_progress, std::stop_token stop) {
  FileSystem& files = real_file_system();
  const Bench bench(limits, job, token);
  for (const fs::path& folder : {bench.recording, bench.output})
    if (auto made = files.create_directories(folder); !made) return ended_by(made.error());
  const auto there = room_on(limits, bench.folder);
  if (!there) return ended_by(there.error());
  const std::uint64_t room = *there;
  if (room == 0)
    return {.kind = WorkEnd::Kind::returned,
            .result = {},
            .error = "The disk of worker " + worker + " is nearly full."};
  const bool joins = job.kind == JobKind::compose && job.slices > 1;
  if (joins)
    if (auto end = bring_slices(store, read_record, job, bench.output, room, stop)) return *std::move(end);
  const auto input = bring_recording(limits, store, job, bench, room, stop);
  if (!input) return ended_by(input.error());
  const ChildIdentity identity(limits.identities);
  int exit_code = 0;
  for (std::vector<std::string> command : commands_of(job, input->place, bench, limits)) {
    command.insert(command.begin(), limits.program.string());
    identity.add_to(command);
    const auto exit =
        run_child({.command = command,
                   .stdout_file = bench.printed,
                   .memory_bytes = limits.memory_bytes,
                   .on_progress =
                       [&](const std::string& line) {
                         const json value = json::parse(line, nullptr, false);
                         if (value.is_object() && value.contains("fraction") && value["fraction"].is_number())
                           on_progress(value["fraction"]);
                       },
                   .folder = bench.output,
                   .file_bytes = input->bounds.file_bytes,
                   .deadline = input->bounds.deadline,
                   .secret = identity.secret(),
                   .objects = input->relay ? input->relay->descriptor() : -1},
                  stop);
    if (!exit) return ended_by(exit.error());
    if (exit->cancelled)
      return {.kind = WorkEnd::Kind::returned, .result = {}, .error = "Worker " + worker + " stopped."};
    if (exit->code == kUnusableStatus)
      return {.kind = WorkEnd::Kind::hopeless, .result = {}, .error = explain(*exit, "job")};
    if (exit->code == kUsageStatus || (exit->code != 0 && exit->code != 1))
      return {.kind = WorkEnd::Kind::failed, .result = {}, .error = explain(*exit, "job")};
    exit_code = std::max(exit_code, exit->code);
  }
  if (joins)
    for (int number = 0; number <= job.slices; ++number)
      if (auto removed = files.remove(bench.output / slice_name(fleet::slice_of(job, number))); !removed)
        return ended_by(removed.error());
  fleet::StoredResult result{.record = {.job = job,
                                        .state = fleet::JobState::done,
                                        .attempts = attempt,
                                        .worker = worker,
                                        .token = token},
                             .files = {},
                             .output = printed_by(bench, input->place)};
  result.record.result.exit_code = exit_code;
  auto stored = store.put(std::move(result), bench.output, stop);
  if (!stored) return ended_by(stored.error());
  stored->exit_code = exit_code;
  return {.kind = WorkEnd::Kind::done, .result = *std::move(stored), .error = ""};
}

}  // namespace rtpx::server
