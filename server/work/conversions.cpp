#include "server/work/conversions.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "server/work/child.hpp"
#include "server/work/child_identity.hpp"
#include "server/work/conversion_limits.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;
using nlohmann::json;

namespace {

constexpr const char* kSealedFor = "sealed: only an identity of its recipients opens it";

/// What the command said of frames that only keys open: "end-to-end encrypted (LiveKit format), …".
std::string encryption_in(const std::string& said) {
  constexpr std::string_view kSentence = "end-to-end encrypted (";
  const auto from = said.find(kSentence);
  return from == said.npos ? std::string() : said.substr(from, said.find(": ", from) - from);
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

void Conversions::add(const std::string& id, bool recover_first, std::vector<std::string> formats) {
  StepState waiting{"waiting"};
  waiting.formats = formats;
  {
    const std::lock_guard lock(mutex_);
    const bool known =
        active_.contains(id) || std::ranges::any_of(jobs_, [&](const Job& job) { return job.id == id; });
    if (known) return;
    jobs_.push_back({id, recover_first, std::move(formats)});
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
    running.formats = job.formats;
    (void)library_.set_conversion(job.id, running);
    state = convert_folder(job, *folder, stop);
    state.formats = job.formats;
    if (state.state == "cancelled" && server_stop.stop_requested()) {
      state = {"waiting"};  // goes on at the next start
      state.formats = job.formats;
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
  const fs::path temporary = *output / ".result.json.tmp", whole = fs::absolute(folder);
  std::error_code error;
  fs::remove(temporary, error);
  const ConversionLimits limits = conversion_limits(folder);
  Share share;
  if (const auto entry = library_.entry(job.id); entry && entry->sealed)
    return {.state = "failed",
            .error = "The recording is sealed, and this server holds no identity that opens it.",
            .encrypted = kSealedFor};
  const ChildIdentity identity(options_.identities);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program(options_));
    identity.add_to(arguments);
    return run_child({.command = std::move(arguments),
                      .stdout_file = temporary,
                      .memory_bytes = options_.conversion_memory_bytes,
                      .on_progress = [&](const std::string& line) { on_progress(job.id, line, share); },
                      .folder = *output,
                      .file_bytes = limits.file_bytes,
                      .deadline = limits.deadline,
                      .secret = identity.secret()},
                     stop);
  };
  if (job.recover_first) {
    const auto recovered = run({"recover", whole.string()});
    if (!recovered) return {"failed", recovered.error().message};
    if (recovered->cancelled) return {"cancelled"};
    if (recovered->code != 0 && recovered->code != 1)
      return {"failed", explain(*recovered, "conversion"), recovered->code};
  }
  if (is_fleet_node(options_)) return {"prepared"};
  for (const char* format : kFormats) fs::remove(*output / result_name(format), error);
  const std::vector<std::string>& formats = job.formats.empty() ? options_.formats : job.formats;
  StepState state{"done"};
  for (std::size_t i = 0; i < formats.size(); ++i) {
    share = {static_cast<double>(i) / static_cast<double>(formats.size()),
             static_cast<double>(i + 1) / static_cast<double>(formats.size())};
    std::vector<std::string> arguments = {"convert", whole.string(), "-o", output->string(), "--json", "--format",
                                          formats[i], "--pauses", options_.pauses, "--min-free",
                                          std::to_string(options_.min_free_bytes), "--progress-fd", "3"};
    if (i == 0)  // one picture does for all
      arguments.insert(arguments.end(), {"--thumbnail", "--sprites", std::to_string(options_.sprites)});
    if (options_.seal_output && is_sealed(folder)) arguments.emplace_back("--seal-output");
    const auto exit = run(std::move(arguments));
    if (!exit) return {"failed", exit.error().message};
    if (exit->cancelled || (exit->code != 0 && exit->code != 1)) fs::remove(temporary, error);
    if (exit->cancelled) return {"cancelled"};
    if (const bool made = exit->code == 0 || exit->code == 1; !made && i == 0) {
      state = {"failed", explain(*exit, "conversion"), exit->code};
      state.encrypted = encryption_in(exit->stderr_tail);
      return state;
    } else if (!made) {  // what there is already stays
      state.error += (state.error.empty() ? "" : " ") + formats[i] + ": " + explain(*exit, "conversion");
      continue;
    }
    const std::string result = i == 0 ? "result.json" : result_name(formats[i]);
    if (auto published = real_file_system().rename(temporary, *output / result); !published)
      return {"failed", published.error().message};
    state.exit_code = std::max(state.exit_code, exit->code);
    if (state.encrypted.empty()) state.encrypted = encryption_in(exit->stderr_tail);
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
