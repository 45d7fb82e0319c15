#include "uploads.hpp"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "child.hpp"
#include "log.hpp"

namespace rtpx::server {

Uploads::Uploads(const ServeOptions& options, const Library& library, OnEnded on_ended)
    : options_(options),
      library_(library),
      on_ended_(std::move(on_ended)),
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
  (void)library_.set_upload(id, {"waiting", "", 0});
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

void Uploads::run(std::stop_token stop) {
  while (true) {
    std::string id;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !waiting_.empty(); }) || stop.stop_requested()) return;
      id = running_ = waiting_.front();
      waiting_.pop_front();
    }
    (void)library_.set_upload(id, {"running", "", 0});
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
  if (!folder) return {"failed", "The recording is gone.", 0};
  const auto exit = run_child({.command = {program(options_), "upload", folder->string(), options_.upload_url,
                                           "--retry-for", "0", "--progress-fd", "3"},
                               .stdout_file = "/dev/null",
                               .memory_bytes = options_.conversion_memory_bytes,
                               .on_progress = [&](const std::string& line) { on_progress(id, line); },
                               .network = true},
                              stop);
  if (!exit) return {"failed", exit.error().message, 0};
  if (exit->cancelled) return {"waiting", "", 0};
  if (exit->code != 0) return {"failed", explain(*exit, "upload"), exit->code};
  return {"done", "", 0};
}

/// An upload waits for the network as long as it takes; meanwhile log and API say why.
void Uploads::on_progress(const std::string& id, const std::string& line) const {
  const auto value = nlohmann::json::parse(line, nullptr, false);
  if (!value.is_object() || !value.contains("waiting") || !value["waiting"].is_string()) return;
  const std::string cause = value["waiting"];
  if (!cause.empty()) log(LogLevel::warn, "upload waits: " + cause, {.recording = id});
  (void)library_.set_upload(id, {"running", cause, 0});
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
