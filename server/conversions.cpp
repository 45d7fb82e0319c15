#include "conversions.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "child.hpp"

namespace rtpx::server {

namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kSpareOutput = 1ULL << 30;
constexpr std::chrono::minutes kSpareTime{10};
constexpr std::uint64_t kLeastBytesASecond = 4'000;  // of a recording that does not say how long it is
constexpr std::chrono::hours kLongest{7 * 24};       // that is believed

struct Size {
  std::uint64_t bytes = 0;
  std::chrono::seconds duration{0};
};

/// How much there is to convert.
Size size_of(const fs::path& folder) {
  Size out;
  std::error_code error;
  for (fs::directory_iterator at(folder, error), end; !error && at != end; at.increment(error)) {
    std::error_code gone;
    const bool file = fs::is_regular_file(at->symlink_status(gone));
    const auto bytes = file ? at->file_size(gone) : 0;
    if (file && !gone) out.bytes += bytes;
  }
  out.bytes = std::min<std::uint64_t>(out.bytes, 1ULL << 50);
  out.duration = std::chrono::seconds(out.bytes / kLeastBytesASecond);
  if (const auto info = read_recording_info(real_file_system(), folder); info && info->ended_at)
    out.duration = std::chrono::floor<std::chrono::seconds>(*info->ended_at - info->created);
  out.duration = std::clamp<std::chrono::seconds>(out.duration, std::chrono::seconds(0), kLongest);
  return out;
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

void Conversions::add(const std::string& id, bool recover_first) {
  {
    const std::lock_guard lock(mutex_);
    const bool known =
        active_.contains(id) || std::ranges::any_of(jobs_, [&](const Job& job) { return job.id == id; });
    if (known) return;
    jobs_.push_back({id, recover_first});
  }
  (void)library_.set_conversion(id, {"waiting", "", 0});
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
  return library_.set_conversion(id, {"cancelled", "", 0});
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
  StepState state{"failed", "The recording is gone.", 0};
  if (folder) {
    (void)library_.set_conversion(job.id, {"running", "", 0});
    state = convert_folder(job, *folder, stop);
    if (state.state == "cancelled" && server_stop.stop_requested())
      state = {"waiting", "", 0};  // goes on at the next start
    else if (!options_.upload_url.empty())
      (void)library_.set_upload(job.id,
                                {"waiting", "", 0});  // before it counts as finished: nothing deletes it
    (void)library_.set_conversion(job.id, state);
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
  if (!output) return {"failed", output.error().message, 0};
  const fs::path temporary = *output / ".result.json.tmp", whole = fs::absolute(folder);
  std::error_code error;
  fs::remove(temporary, error);
  const Size size = size_of(folder);
  const auto run = [&](std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), program(options_));
    return run_child({.command = std::move(arguments),
                      .stdout_file = temporary,
                      .memory_bytes = options_.conversion_memory_bytes,
                      .on_progress = [&](const std::string& line) { on_progress(job.id, line); },
                      .folder = *output,
                      .file_bytes = 4 * size.bytes + kSpareOutput,
                      .deadline = kSpareTime + 10 * size.duration},
                     stop);
  };
  if (job.recover_first) {
    const auto recovered = run({"recover", whole.string()});
    if (!recovered) return {"failed", recovered.error().message, 0};
    if (recovered->cancelled) return {"cancelled", "", 0};
    if (recovered->code != 0 && recovered->code != 1)
      return {"failed", explain(*recovered, "conversion"), recovered->code};
  }
  const auto exit = run({"convert", whole.string(), "-o", output->string(), "--json", "--thumbnail",
                         "--sprites", std::to_string(options_.sprites), "--progress-fd", "3"});
  if (!exit) return {"failed", exit.error().message, 0};
  if (exit->cancelled) {
    fs::remove(temporary, error);
    return {"cancelled", "", 0};
  }
  if (exit->code != 0 && exit->code != 1) {
    fs::remove(temporary, error);
    return {"failed", explain(*exit, "conversion"), exit->code};
  }
  if (auto published = real_file_system().rename(temporary, *output / "result.json"); !published)
    return {"failed", published.error().message, 0};
  return {"done", "", exit->code};
}

void Conversions::on_progress(const std::string& id, const std::string& line) {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object()) return;
  const std::lock_guard lock(mutex_);
  const auto at = active_.find(id);
  if (at == active_.end()) return;
  at->second.progress.fraction = value.value("fraction", 0.0);
  at->second.progress.seconds_left.reset();
  if (const auto left = value.find("seconds_left"); left != value.end() && left->is_number())
    at->second.progress.seconds_left = left->get<double>();
}

}  // namespace rtpx::server
