#include "server/news/webhook_queue.hpp"

#include <algorithm>
#include <chrono>
#include <nlohmann/json.hpp>

#include "base/file_system.hpp"
#include "s3/digest.hpp"
#include "s3/http.hpp"

namespace rtpx::server {
namespace {

using namespace std::chrono_literals;

constexpr auto kFirstPause = 1s;
constexpr auto kLongestPause = 300s;
constexpr std::size_t kMostQueued = 10'000;  // beyond, the oldest go
constexpr std::uint64_t kMostEventBytes = 16U << 20;

std::string unix_time() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now).count());
}

}  // namespace

WebhookQueue::WebhookQueue(std::string url, std::filesystem::path folder, std::string secret)
    : url_(std::move(url)),
      folder_(std::move(folder)),
      secret_(std::move(secret)),
      thread_([this](const std::stop_token& stop) { run(stop); }) {}

WebhookQueue::~WebhookQueue() {
  thread_.request_stop();
  thread_.join();
}

void WebhookQueue::add(const std::string& name, const nlohmann::json& event) {
  (void)real_file_system().create_directories(folder_);
  (void)write_file_atomically(real_file_system(), folder_ / name,
                              as_bytes(event.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace)));
  const std::lock_guard lock(mutex_);
  pending_ = true;
  changed_.notify_all();
}

WebhookQueue::Counts WebhookQueue::counts() const {
  const std::lock_guard lock(mutex_);
  return counts_;
}

void WebhookQueue::run(const std::stop_token& stop) {
  auto pause = std::chrono::seconds(0);
  while (!stop.stop_requested()) {
    {
      std::unique_lock lock(mutex_);
      if (pause.count() == 0)
        changed_.wait(lock, stop, [&] { return pending_; });
      else
        changed_.wait_for(lock, stop, pause, [] { return false; });
      pending_ = false;
    }
    if (stop.stop_requested()) return;
    pause = deliver_all(stop) ? 0s : std::clamp<std::chrono::seconds>(pause * 2, kFirstPause, kLongestPause);
  }
}

bool WebhookQueue::deliver_all(const std::stop_token& stop) {
  const auto entries = real_file_system().list(folder_);
  if (!entries) return true;
  std::vector<std::string> names;
  for (const DirectoryEntry& entry : *entries)
    if (!entry.name.starts_with('.')) names.push_back(entry.name);
  std::ranges::sort(names);
  std::size_t waiting = names.size();
  for (const std::string& name : names) {
    if (stop.stop_requested()) return true;
    const auto body = read_whole_file(real_file_system(), folder_ / name, kMostEventBytes);
    const bool whole = body && nlohmann::json::accept(*body);
    const bool delivered = whole && post(*body, stop);
    const bool goes = delivered || !whole || waiting > kMostQueued;
    if (goes) {
      (void)real_file_system().remove(folder_ / name);
      --waiting;
    }
    const std::lock_guard lock(mutex_);
    counts_.waiting = waiting;
    if (whole) ++(delivered ? counts_.delivered : counts_.failed_tries);
    if (!goes) return false;
  }
  return true;
}

bool WebhookQueue::post(const std::string& body, const std::stop_token& stop) const {
  s3::Http http({"", 5s, 10s});
  s3::HttpRequest request;
  request.method = "POST";
  request.url = url_;
  request.headers = {"Content-Type: application/json"};
  const std::string time = unix_time();
  if (!secret_.empty())
    request.headers.push_back("Rtpx-Signature: t=" + time +
                              ",v1=" + s3::hex(s3::hmac_sha256(secret_, time + "." + body)));
  request.body = body;
  const auto answer = http.perform(request, stop);
  return answer && answer->status / 100 == 2;
}

}  // namespace rtpx::server
