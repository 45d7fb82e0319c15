#include "server/work/growing_uploads.hpp"

#include <vector>

#include "rtpx/s3.hpp"
#include "server/log.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kBetweenLooks = 2s;
constexpr auto kBetweenSweeps = 10min;  // for what was deleted
constexpr auto kGrowPatience = 30s;     // without one successful request; then again at the next look

}  // namespace

GrowingUploads::GrowingUploads(const ServeOptions& options, const Library& library)
    : options_(options), library_(library) {
  if (!options.upload_url.empty()) thread_ = std::jthread([this](std::stop_token stop) { run(stop); });
}

GrowingUploads::~GrowingUploads() {
  if (!thread_.joinable()) return;
  thread_.request_stop();
  const std::lock_guard lock(mutex_);
  looking_.request_stop();
}

void GrowingUploads::begin(const std::string& id) {
  const std::lock_guard lock(mutex_);
  growing_.try_emplace(id, std::make_shared<Growing>());
}

void GrowingUploads::end(const std::string& id) {
  std::unique_lock lock(mutex_);
  const auto ended = growing_.extract(id);
  if (looked_at_ == id) looking_.request_stop();
  changed_.wait(lock, [&] { return looked_at_ != id; });
  if (ended) ended.mapped()->growth.reset();  // and its lock
}

void GrowingUploads::run(std::stop_token stop) {
  const auto prefix = parse_s3_url(options_.upload_url);
  if (!prefix) return;
  const auto client = std::make_shared<s3::Client>(S3Config{});
  std::chrono::steady_clock::time_point sweep_at{};
  while (!stop.stop_requested()) {
    if (std::chrono::steady_clock::now() >= sweep_at) {
      s3::RetryBudget budget(kGrowPatience);
      (void)s3::abort_deleted(*client, library_.base_dir(), {budget, stop});
      sweep_at = std::chrono::steady_clock::now() + kBetweenSweeps;
    }
    look_at_all(client, *prefix, stop);
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, stop, kBetweenLooks, [] { return false; });
  }
}

void GrowingUploads::look_at_all(const std::shared_ptr<s3::Client>& client, const S3Url& prefix, std::stop_token stop) {
  std::vector<std::pair<std::string, std::shared_ptr<Growing>>> all;
  {
    const std::lock_guard lock(mutex_);
    all.assign(growing_.begin(), growing_.end());
  }
  for (const auto& [id, one] : all) {
    std::stop_token ended;
    {
      const std::lock_guard lock(mutex_);
      if (stop.stop_requested() || !growing_.contains(id) || one->given_up) continue;
      looking_ = std::stop_source();
      ended = looking_.get_token();
      looked_at_ = id;
    }
    const auto look = [&]() -> Result<void> {
      const auto folder = library_.folder(id);
      if (!folder) return {};  // nothing has come yet
      if (!one->growth) {
        auto begun = s3::RecordingGrowth::begin(client, *folder, prefix);
        if (!begun) return std::unexpected(begun.error());
        one->growth = std::move(*begun);
      }
      s3::RetryBudget budget(kGrowPatience);
      return one->growth->look({budget, ended});
    };
    const auto done = look();
    const std::lock_guard lock(mutex_);
    if (!done && done.error().code != Errc::network && done.error().code != Errc::cancelled) {
      log(LogLevel::warn, "it is stored when it has ended: " + done.error().message, {.recording = id});
      one->given_up = true;
    }
    if (!growing_.contains(id) || one->given_up) one->growth.reset();  // and its lock
    looked_at_.clear();
    changed_.notify_all();
  }
}

}  // namespace rtpx::server
