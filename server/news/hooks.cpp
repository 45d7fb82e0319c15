#include "server/news/hooks.hpp"

#include "server/log.hpp"
#include "server/work/child.hpp"

namespace rtpx::server {
namespace {

constexpr std::size_t kMostJobs = 1'000;
constexpr std::chrono::minutes kHookTime{10};

}  // namespace

Hooks::Hooks(const ServeOptions& options)
    : options_(options), thread_([this](const std::stop_token& stop) { run(stop); }) {}

Hooks::~Hooks() {
  thread_.request_stop();
  thread_.join();
}

void Hooks::converted(const std::string& id, std::string announcement) {
  if (options_.on_converted.empty()) return;
  {
    const std::lock_guard lock(mutex_);
    if (jobs_.size() >= kMostJobs) {
      ++counts_.failed;
      log(LogLevel::error, "--on-converted was not run: " + std::to_string(kMostJobs) + " wait already", {.recording = id});
      return;
    }
    jobs_.push_back({id, std::move(announcement)});
  }
  changed_.notify_one();
}

Hooks::Counts Hooks::counts() const {
  const std::lock_guard lock(mutex_);
  Counts out = counts_;
  out.waiting = jobs_.size();
  return out;
}

void Hooks::run(const std::stop_token& stop) {
  for (;;) {
    Job job;
    {
      std::unique_lock lock(mutex_);
      if (!changed_.wait(lock, stop, [&] { return !jobs_.empty(); }) || stop.stop_requested()) return;
      job = std::move(jobs_.front());
      jobs_.pop_front();
    }
    const bool done = run_one(job, stop);
    const std::lock_guard lock(mutex_);
    ++(done ? counts_.done : counts_.failed);
  }
}

bool Hooks::run_one(const Job& job, const std::stop_token& stop) const {
  const auto exit = run_child({.command = {"/bin/sh", "-c", options_.on_converted},
                               .stdout_file = "/dev/null",
                               .deadline = kHookTime,
                               .input = job.announcement,
                               .sandboxed = false},
                              stop);
  if (exit && exit->code == 0 && !exit->too_long) return true;
  log(LogLevel::error,
      "--on-converted failed: " + (!exit            ? exit.error().message
                                   : exit->too_long ? "it took too long and was ended."
                                                    : explain(*exit, "command of --on-converted")),
      {.recording = job.id});
  return false;
}

}  // namespace rtpx::server
