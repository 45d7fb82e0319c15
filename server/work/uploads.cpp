#include "server/work/uploads.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "rtpx/s3.hpp"
#include "s3/credentials.hpp"
#include "s3/http.hpp"
#include "server/log.hpp"
#include "server/work/child.hpp"

namespace rtpx::server {

Uploads::Uploads(const ServeOptions& options, const Library& library, OnEnded on_ended)
    : options_(options),
      library_(library),
      on_ended_(std::move(on_ended)),
      growing_(options, library),
      thread_([this](std::stop_token stop) { run(stop); }) {}

Uploads::~Uploads() {
  thread_.request_stop();
  thread_.join();
}

void Uploads::add(const std::string& id) {
  {
    const std::lock_guard lock(mutex_);
    if (running_ == id || std::ranges::find(waiting_, id) != waiting_.end()) return;
    waiting_.push_back(id);
  }
  (void)library_.set_upload(id, {"waiting"});
  changed_.notify_one();
}

bool Uploads::running(const std::string& id) const {
  const std::lock_guard lock(mutex_);
  return running_ == id;
}

Uploads::Counts Uploads::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.waiting = waiting_.size();
  out.running = running_.empty() ? 0 : 1;
  return out;
}

/// Told at the start, not when the first recording is finished.
void Uploads::warn_without_credentials() const {
  const auto url = parse_s3_url(options_.upload_url);
  if (options_.upload_url.empty() || !url) return;
  s3::Http http({});
  if (const auto found = s3::CredentialSource(S3Config{}, http).get(); !found && found.error().code == Errc::denied)
    log(LogLevel::error, "--upload cannot store anything: " + found.error().message);
}

void Uploads::run(std::stop_token stop) {
  warn_without_credentials();
  while (true) {
    std::string id;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !waiting_.empty(); }) || stop.stop_requested()) return;
      id = running_ = waiting_.front();
      waiting_.pop_front();
    }
    (void)library_.set_upload(id, {"running"});
    growing_.end(id);
    const StepState state = upload(id, stop);
    (void)library_.set_upload(id, state);
    {
      const std::lock_guard lock(mutex_);
      running_.clear();
      if (state.state == "done") ++counts_.done;
      if (state.state == "failed") ++counts_.failed;
    }
    if (state.state != "waiting") on_ended_(id, state);
  }
}

StepState Uploads::upload(const std::string& id, std::stop_token stop) const {
  const auto folder = library_.folder(id);
  if (!folder) return {"failed", "The recording is gone."};
  const auto exit = run_child({.command = {program(options_), "upload", folder->string(), options_.upload_url,
                                           "--retry-for", "0", "--progress-fd", "3"},
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .on_progress = [&](const std::string& line) { on_progress(id, line); },
                               .network = true},
                              stop);
  if (!exit) return {"failed", exit.error().message};
  if (exit->cancelled) return {"waiting"};
  if (exit->code != 0) return {"failed", explain(*exit, "upload"), exit->code};
  if (is_fleet_node(options_)) index(*folder, stop);
  return {"done"};
}

/// So that other nodes play it without reading it whole. It is a help, not a need.
void Uploads::index(const std::filesystem::path& folder, std::stop_token stop) const {
  const std::string id = folder.filename();
  const auto exit = run_child({.command = {program(options_), "index", options_.upload_url + "/" + id, "--copy", folder},
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .network = true},
                              stop);
  if (exit && !exit->cancelled && exit->code != 0)
    log(LogLevel::info, "no packet index is stored: " + explain(*exit, "index"), {.recording = id});
}

/// An upload waits for the network as long as it takes; meanwhile log and API say why.
void Uploads::on_progress(const std::string& id, const std::string& line) const {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object() || !value.contains("waiting") || !value["waiting"].is_string()) return;
  const std::string cause = value["waiting"];
  if (!cause.empty()) log(LogLevel::warn, "upload waits: " + cause, {.recording = id});
  (void)library_.set_upload(id, {"running", cause});
}

Uploads::Proof Uploads::prove(const std::string& id, std::stop_token stop) const {
  const auto folder = library_.folder(id);
  if (!folder) return Proof::unknown;
  const auto exit =
      run_child({.command = {program(options_), "upload", "--check", folder->string(), options_.upload_url},
                 .stdout_file = "/dev/null",
                 .memory_bytes = options_.conversion_memory_bytes,
                 .network = true},
                stop);
  if (!exit || exit->cancelled) return Proof::unknown;
  if (exit->code == 0) return Proof::stored;
  return exit->code == 1 ? Proof::not_stored : Proof::unknown;
}

}  // namespace rtpx::server
