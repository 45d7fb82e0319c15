#include "server/news/hooks.hpp"

#include <nlohmann/json.hpp>

#include "server/log.hpp"
#include "server/work/child.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kMostJobs = 1'000;
constexpr std::chrono::minutes kHookTime{10};

}  // namespace

Hooks::Hooks(const ServeOptions& options)
    : options_(options), files_(options.base_dir / ".hooks"), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Hooks::~Hooks() {
  thread_.request_stop();
  thread_.join();
}

void Hooks::converted(const std::string& id, std::string announcement) {
  if (options_.on_converted.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (counts_.waiting >= kMostJobs) {
      ++counts_.failed;
      log(LogLevel::error, "--on-converted was not run: " + std::to_string(kMostJobs) + " wait already", {.recording = id});
      return;
    }
    if (!files_.add(next_event_name(), announcement)) {
      ++counts_.failed;
      log(LogLevel::error, "--on-converted was not run", {.recording = id});
      return;
    }
    ++counts_.waiting;
    pending_ = true;
  }
  changed_.notify_one();
}

Hooks::Counts Hooks::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void Hooks::run(const std::stop_token& stop) {
  if (options_.on_converted.empty()) return;
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return pending_; })) return;
      pending_ = false;
      counts_.waiting = files_.names().size();
    }
    run_all(stop);
  }
}

void Hooks::run_all(const std::stop_token& stop) {
  for (const std::string& name : files_.names()) {
    const auto announcement = files_.read(name);
    const bool done = announcement && run_one(*announcement, stop);
    if (stop.stop_requested() && !done) return;  // again at the next start
    if (!announcement) log(LogLevel::error, "what --on-converted was to be told cannot be read: " + name);
    files_.remove(name);
    const std::lock_guard lock(mutex_);
    ++(done ? counts_.done : counts_.failed);
    if (counts_.waiting > 0) --counts_.waiting;
  }
}

bool Hooks::run_one(const std::string& announcement, const std::stop_token& stop) const {
  const auto exit = run_child({.command = {"/bin/sh", "-c", options_.on_converted},
                               .stdout_file = "/dev/null",
                               .deadline = kHookTime,
                               .input = announcement,
                               .sandboxed = false},
                              stop);
  if (exit && exit->code == 0 && !exit->too_long) return true;
  if (stop.stop_requested()) return false;
  const auto about = nlohmann::json::parse(announcement, nullptr, false);
  log(LogLevel::error,
      "--on-converted failed: " + (!exit            ? exit.error().message
                                   : exit->too_long ? "it took too long and was ended."
                                                    : explain(*exit, "command of --on-converted")),
      {.recording = about.is_object() ? about.value("id", std::string()) : std::string()});
  return false;
}

}  // namespace rtpx::server
