#include "server/work/conversions.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "server/log.hpp"
#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"
#include "server/work/conversion_limits.hpp"
#include "server/work/leftovers.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kTemporaryResult = ".result.json.tmp";
constexpr const char* kSealedFor = "sealed: only an identity of its recipients opens it";

/// What the command said of frames that only keys open: "end-to-end encrypted (LiveKit format), …".
std::string encryption_in(const std::string& said) {
  constexpr std::string_view kSentence = "end-to-end encrypted (";
  const auto from = said.find(kSentence);
  return from == said.npos ? std::string() : said.substr(from, said.find(": ", from) - from);
}

bool is_done(const OutputState& output) {
  return output.state == "done";
}

}  // namespace

Conversions::Conversions(const ServeOptions& options, const Library& library, OnEnded on_ended)
    : options_(options), library_(library), on_ended_(std::move(on_ended)) {
  for (int i = 0; i < std::max(1, options.conversions_at_once); ++i)
    threads_.emplace_back([this](std::stop_token stop) { run(stop); });
}

Conversions::~Conversions() {
  for (auto& thread : threads_) thread.request_stop();
  {
    const std::lock_guard lock(mutex_);
    for (auto& [id, active] : active_) active.stop.request_stop();
  }
  threads_.clear();
}

void Conversions::add(const std::string& id, bool recover_first, std::vector<OutputState> outputs) {
  StepState waiting{"waiting"};
  waiting.outputs = outputs;
  {
    const std::lock_guard lock(mutex_);
    const bool known =
        active_.contains(id) || std::ranges::any_of(jobs_, [&](const Job& job) { return job.id == id; });
    if (known) return;
    jobs_.push_back({id, recover_first, std::move(outputs)});
  }
  (void)library_.set_conversion(id, waiting);
  changed_.notify_one();
}

Result<void> Conversions::cancel(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (const auto at = active_.find(id); at != active_.end()) {
      at->second.stop.request_stop();
      return {};
    }
    if (std::erase_if(jobs_, [&](const Job& job) { return job.id == id; }) == 0)
      return fail(Errc::not_found, "The recording is not being converted.");
    ++counts_.cancelled;
  }
  return library_.set_conversion(id, {"cancelled"});
}

std::optional<Conversions::Running> Conversions::running(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  const auto at = active_.find(id);
  if (at == active_.end()) return std::nullopt;
  return at->second.progress;
}

bool Conversions::waiting(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::any_of(jobs_, [&](const Job& job) { return job.id == id; });
}

Conversions::Counts Conversions::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.waiting = jobs_.size();
  out.running = active_.size();
  return out;
}

void Conversions::run(std::stop_token stop) {
  while (const auto job = next(stop)) convert(*job, stop);
}

std::optional<Conversions::Job> Conversions::next(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  if (!changed_.wait(lock, stop, [&] { return !jobs_.empty(); }) || stop.stop_requested())
    return std::nullopt;
  Job job = std::move(jobs_.front());
  jobs_.pop_front();
  active_[job.id];
  return job;
}

void Conversions::convert(const Job& job, std::stop_token server_stop) {
  std::stop_token stop;
  {
    const std::lock_guard lock(mutex_);
    stop = active_[job.id].stop.get_token();
  }
  const auto folder = library_.folder(job.id);
  StepState state{"failed", "The recording is gone."};
  if (folder) {
    StepState running{"running"};
    running.outputs = job.outputs;
    (void)library_.set_conversion(job.id, running);
    state = convert_folder(job, *folder, stop);
    const bool begun = std::ranges::any_of(state.outputs, is_done) || state.state == "failed";
    if (!begun || state.outputs.empty()) state.outputs = job.outputs;
    if (state.state == "cancelled" && server_stop.stop_requested()) {
      StepState waiting{"waiting"};  // goes on at the next start
      waiting.outputs = std::move(state.outputs);
      state = std::move(waiting);
    } else if (!options_.upload_url.empty())
      (void)library_.set_upload(job.id, {"waiting"});  // before it counts as finished: nothing deletes it
    (void)library_.set_conversion(job.id, state.state == "prepared" ? StepState{"waiting"} : state);
  }
  {
    const std::lock_guard lock(mutex_);
    active_.erase(job.id);
    if (state.state == "done") ++counts_.done;
    if (state.state == "failed") ++counts_.failed;
    if (state.state == "cancelled") ++counts_.cancelled;
  }
  if (on_ended_ && state.state != "waiting") on_ended_(job.id, state);
}

StepState Conversions::convert_folder(const Job& job, const fs::path& folder, std::stop_token stop) {
  const auto output = output_folder(folder);
  if (!output) return {"failed", output.error().message};
  std::error_code error;
  fs::remove(*output / kTemporaryResult, error);
  remove_leftovers(*output);
  const ConversionLimits limits = conversion_limits(real_file_system(), folder);
  if (const auto entry = library_.entry(job.id); entry && entry->sealed)
    return {.state = "failed",
            .error = "The recording is sealed, and this server holds no identity that opens it.",
            .encrypted = kSealedFor};
  const ChildIdentity identity(options_.identities);
  const RunCommand run = [&](std::vector<std::string> words, Share share) {
    words.insert(words.begin(), program(options_));
    identity.add_to(words);
    return run_child({.command = std::move(words),
                      .stdout_file = *output / kTemporaryResult,
                      .memory_bytes = options_.conversion_memory_bytes,
                      .on_progress = [&](const std::string& line) { on_progress(job.id, line, share); },
                      .folder = *output,
                      .file_bytes = limits.file_bytes,
                      .deadline = limits.deadline,
                      .secret = identity.secret(),
                      .index_key = options_.packet_index},
                     stop);
  };
  if (job.recover_first) {
    const auto recovered = run({"recover", fs::absolute(folder).string()}, {});
    if (!recovered) return {"failed", recovered.error().message};
    if (recovered->cancelled) return {"cancelled"};
    if (recovered->code != 0 && recovered->code != 1)
      return {"failed", explain(*recovered, "conversion"), recovered->code};
  }
  // Outputs that are there already were made after it.
  if (options_.packet_index && job.outputs.empty() && !is_sealed(folder))
    make_index(job.id, folder, *output, stop);
  if (stop.stop_requested()) return {"cancelled"};
  if (is_fleet_node(options_)) return {"prepared"};
  return make_outputs(job, folder, *output, run);
}

/// So that it opens without being read, by the conversion, too. It is a help, not a need.
void Conversions::make_index(const std::string& id, const fs::path& folder, const fs::path& output,
                             std::stop_token stop) const {
  const ConversionLimits limits = conversion_limits(real_file_system(), folder);
  const auto exit = run_child({.command = {program(options_), "index", fs::absolute(folder).string()},
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .folder = output,
                               .file_bytes = limits.file_bytes,
                               .deadline = limits.deadline,
                               .index_key = true},
                              stop);
  if (exit && !exit->cancelled && exit->code != 0)
    log(LogLevel::info, "no packet index is made: " + explain(*exit, "index"), {.recording = id});
}

/// One that cannot be made leaves the others as they are.
StepState Conversions::make_outputs(const Job& job, const fs::path& folder, const fs::path& output,
                                    const RunCommand& run) {
  StepState state{"running"};
  state.outputs = job.outputs;
  if (state.outputs.empty())
    for (const OutputProfile& one : options_.outputs) state.outputs.push_back({.profile = one.text, .error = {}});
  std::vector<OutputProfile> profiles;
  std::vector<std::string> results, kept;  // names of files
  std::vector<std::size_t> todo;
  bool has_pictures = false;  // those of one output do for all
  for (OutputState& one : state.outputs) {
    auto profile = parse_output_profile(one.profile);
    if (!profile) return {"failed", profile.error().message};
    results.push_back(profiles.empty() ? kFirstResult : result_name(profile->name));
    if (is_done(one) && fs::is_regular_file(output / results.back())) {
      kept.push_back(results.back());
      has_pictures = has_pictures || profile->has_pictures;
    } else {
      one = {.profile = one.profile, .error = {}};
      todo.push_back(profiles.size());
    }
    profiles.push_back(*std::move(profile));
  }
  std::error_code error;
  // What was made before stands until something new is there.
  const auto remove_former = [&] {
    const auto files = real_file_system().list(output);
    if (!files) return;
    std::set<std::string> stay = files_of_result(output / kTemporaryResult), go;
    for (const DirectoryEntry& file : *files) {
      if (!is_result_name(file.name)) continue;
      const bool is_kept = std::ranges::find(kept, file.name) != kept.end();
      (is_kept ? stay : go).merge(files_of_result(output / file.name));
      if (!is_kept) fs::remove(output / file.name, error);
    }
    for (const std::string& name : go)
      if (!stay.contains(name)) fs::remove(output / name, error);
  };

  for (std::size_t i = 0; i < todo.size(); ++i) {
    const OutputProfile& profile = profiles[todo[i]];
    OutputState& one = state.outputs[todo[i]];
    std::vector<std::string> words = {"convert",       fs::absolute(folder).string(),
                                      "-o",            output.string(),
                                      "--json",        "--pauses",
                                      options_.pauses, "--min-free",
                                      std::to_string(options_.min_free_bytes), "--progress-fd", "3"};
    words.insert(words.end(), profile.arguments.begin(), profile.arguments.end());
    const bool with_pictures = profile.has_pictures && !has_pictures;
    if (with_pictures) words.insert(words.end(), {"--thumbnail", "--sprites", std::to_string(options_.sprites)});
    if (options_.seal_output && is_sealed(folder)) words.emplace_back("--seal-output");
    const auto parts = static_cast<double>(todo.size());
    const auto exit = run(std::move(words), {static_cast<double>(i) / parts, static_cast<double>(i + 1) / parts});
    Result<void> made;
    if (exit && exit->cancelled)
      state.state = "cancelled";
    else if (!exit)
      made = std::unexpected(exit.error());
    else if (one.exit_code = exit->code; exit->code != 0 && exit->code != 1)
      made = fail(Errc::unsupported, explain(*exit, "conversion"));
    else {
      remove_former();
      kept.push_back(results[todo[i]]);
      made = real_file_system().rename(output / kTemporaryResult, output / results[todo[i]]);
    }
    if (state.state == "cancelled" || !made) fs::remove(output / kTemporaryResult, error);
    if (state.state == "cancelled") return state;
    one.state = made ? "done" : "failed";
    if (!made) one.error = made.error().message;
    has_pictures = has_pictures || (made && with_pictures);
    if (exit && state.encrypted.empty()) state.encrypted = encryption_in(exit->stderr_tail);
    if (i + 1 < todo.size()) (void)library_.set_conversion(job.id, state);
  }
  const bool any = std::ranges::any_of(state.outputs, is_done);
  state.state = any ? "done" : "failed";
  for (std::size_t i = 0; i < profiles.size(); ++i) {
    const OutputState& one = state.outputs[i];
    if (is_done(one) || !any) state.exit_code = std::max(state.exit_code, one.exit_code);
    if (is_done(one)) continue;
    state.error += state.error.empty() ? "" : " ";
    state.error += (profiles.size() > 1 ? profiles[i].name + ": " : "") + one.error;
  }
  return state;
}

void Conversions::on_progress(const std::string& id, const std::string& line, Share share) {
  const json value = json::parse(line, nullptr, false);
  if (!value.is_object()) return;
  const std::lock_guard lock(mutex_);
  const auto at = active_.find(id);
  if (at == active_.end()) return;
  const json fraction = value.value("fraction", json(0.0));
  if (fraction.is_number())
    at->second.progress.fraction = share.from + (share.to - share.from) * fraction.get<double>();
  at->second.progress.seconds_left.reset();
  if (const auto left = value.find("seconds_left"); left != value.end() && left->is_number())
    at->second.progress.seconds_left = left->get<double>();
}

}  // namespace rtpx::server
